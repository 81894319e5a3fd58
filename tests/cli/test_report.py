"""``hierpool report`` and ``hierpool fit --report``, as a user of the shell meets them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fits import fit_of
from shell import fit, refused

import hierpool as hp
from hierpool.cli.main import main

pytestmark = pytest.mark.usefixtures("jax_as_it_was")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    hp.save(fit_of("complete"), path)
    return str(path)


def test_a_saved_fit_becomes_a_page(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    words = ["report", saved, "--output", str(path), "--title", "Bats & <b>", "--prob", "0.5"]
    assert main(words) == 0
    assert capsys.readouterr() == ("", f"hierpool: saved {path}\n")
    page = path.read_text(encoding="utf-8")
    assert "<title>Bats &amp; &lt;b&gt;</title>" in page and "50% interval" in page


def test_a_page_is_written_over_with_force_alone(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    assert main(["report", saved, "--output", str(path)]) == 2
    assert "report.html exists: --force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["report", saved, "--output", str(path), "--force"]) == 0
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_fit_is_reported_as_it_is_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    run = fit(capsys, "--model", "none", "--new-group", "0 for 4=0/4", "--report", str(path))
    assert run.code == 0 and "Roberto Clemente" in run.out and "report.html" in run.err
    page = path.read_text(encoding="utf-8")
    assert page.index("0 for 4") < page.index("Roberto Clemente")
    assert "--successes hits" in page and "--group player" in page
    assert "COLUMN" not in page and "hierpool fit FILE" not in page
    before = path.read_bytes()
    refused(fit(capsys, "--report", str(path)), "report.html exists: --force")
    assert path.read_bytes() == before
    assert fit(capsys, "--report", str(path), "--force").code == 0
    assert path.read_bytes() != before


def test_a_page_of_a_fit_that_did_not_converge_is_written_and_leaves_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    tree = fit_of("complete").copy()
    tree.attrs["hierpool_problems"] = '["The chains do not agree."]'
    hp.save(tree, tmp_path / "fit.nc")
    assert main(["report", str(tmp_path / "fit.nc"), "--output", str(path)]) == 1
    printed = capsys.readouterr()
    assert "The chains do not agree." in printed.err and "Traceback" not in printed.err
    assert "This fit did not converge." in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.nc", "--output", "a.html"], "nowhere.nc does not exist"),
        (["FIT", "--output", "a.txt"], "a.txt must end in .html: the report is a page"),
        (["FIT", "--output", "FIT"], "is the input"),
        (["FIT", "--output", "no/a.html"], "does not exist: make it first"),
        (["FIT", "--output", "a.html", "--prob", "1"], "--prob must lie between 0 and 1"),
        (["FIT"], "the following arguments are required: --output"),
    ],
)
def test_wrong_words_get_one_sentence(
    words: list[str], message: str, saved: str, refuses: Callable[[list[str], str], None]
) -> None:
    refuses(["report", *(saved if word == "FIT" else word for word in words)], message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--report", "a.txt"], "a.txt must end in .html"),
        (["--report", "a.html", "--output", "a.html"], "--output and --report are the same file"),
    ],
)
def test_fit_refuses_a_wrong_page_before_any_work(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(fit(capsys, *words), message)
    assert not list(tmp_path.iterdir())
