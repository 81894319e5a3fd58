"""``hierpool plot``, as a user of the shell meets it."""

import argparse
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from fits import fit_of

import hierpool as hp
from hierpool.cli.main import main
from hierpool.cli.plot import KINDS, Kind, _check

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
NEEDED = {
    "new-groups": ["--new-group", "rookie=0/4"],
    "predictions": [
        *("--data", "efron-morris-75", "--group", "player"),
        *("--successes", "remaining_hits", "--trials", "remaining_at_bats"),
    ],
}
"""The flags without which a kind can't be drawn."""
BEGINNINGS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fit") / "fit.nc"
    hp.save(fit_of(), path)
    return str(path)


@pytest.fixture(autouse=True)
def no_figure_left() -> None:
    plt.close("all")


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_a_picture_is_written_in_the_format_of_its_name_and_always_the_same(
    suffix: str, fit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    for path in (first, second):
        assert main(["plot", "forest", fit, "--output", str(path)]) == 0
    assert first.read_bytes().startswith(BEGINNINGS[suffix])
    assert first.read_bytes() == second.read_bytes()
    assert capsys.readouterr() == ("", f"hierpool: saved {first}\nhierpool: saved {second}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_at_the_size_asked_for(kind: str, fit: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    words = ["--width", "4", "--height", "3", "--dpi", "50", "--output", str(path)]
    assert main(["plot", kind, fit, *NEEDED.get(kind, []), *words]) == 0
    assert plt.imread(path).shape[:2] == (150, 200)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_draws_into_axes_if_its_function_takes_them(kind: Kind) -> None:
    draw = getattr(import_module(f"hierpool.plots.{kind.room}"), kind.function)
    assert kind.takes_axes == ("axes" in inspect.signature(draw).parameters)


def test_the_help_lists_every_kind_with_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert all(f"{word} {kind.help}" in said for word, kind in KINDS.items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["forest", "nowhere.nc"], "nowhere.nc does not exist"),
        (["forest", "FIT", "--top", "0"], "top must be a whole number from 1 on, not 0"),
        (["forest", "FIT", "--group", "Clement"], "The fit has no group 'Clement'"),
        (["forest", "FIT", "--width", "0.5"], "--width must be from 1 to 100 inches, not 0.5"),
        (["forest", "FIT", "--dpi", "5"], "--dpi must be from 10 to 1200, not 5"),
        (["funnel", "FIT", "--sort", "mean"], "there is no flag --sort"),
        (["tree", "FIT"], "invalid choice: 'tree'"),
    ],
)
def test_wrong_words_get_one_sentence(
    words: list[str], message: str, fit: str, tmp_path: Path,
    refuses: Callable[[list[str], str], None],
) -> None:  # fmt: skip
    words = [fit if word == "FIT" else word for word in words]
    refuses(["plot", *words, "--output", str(tmp_path / "new.png")], message)
    assert not (tmp_path / "new.png").exists()


def test_a_file_of_another_kind_is_not_written(
    fit: str, refuses: Callable[[list[str], str], None]
) -> None:
    refuses(["plot", "forest", fit, "--output", "x.jpg"], "x.jpg must end in .png, .svg or .pdf")


def test_a_file_that_exists_is_kept(
    fit: str, tmp_path: Path, refuses: Callable[[list[str], str], None]
) -> None:
    path = tmp_path / "mine.png"
    path.write_text("mine")
    refuses(["plot", "forest", fit, "--output", str(path)], "exists: --force")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("kind", KINDS)
def test_without_matplotlib_one_sentence_says_how_to_install_it(
    kind: str, fit: str, monkeypatch: pytest.MonkeyPatch, refuses: Callable[[list[str], str], None]
) -> None:
    for name in list(sys.modules):
        if name.startswith("hierpool.plots."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refuses(
        ["plot", kind, fit, *NEEDED.get(kind, []), "--output", "x.png"],
        'pip install "hierpool[plots]"',
    )


@pytest.mark.parametrize(("dpi", "beyond"), [(10, 9), (1200, 1201)])
def test_the_limits_of_a_size_are_allowed(dpi: int, beyond: int, tmp_path: Path) -> None:
    asked = {"output": str(tmp_path / "a.png"), "force": False, "fit": "a.nc"}
    _check(argparse.Namespace(**asked, width=1.0, height=100.0, dpi=dpi))
    with pytest.raises(hp.InputError, match="--dpi must be from 10 to 1200"):
        _check(argparse.Namespace(**asked, width=1.0, height=100.0, dpi=beyond))
