"""Every block of code of the documentation runs, and prints what its page says."""

import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from pages import DOCS, PAGES, ROOT, blocks_of, differences, run_page

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s#]+)[^)]*\)")
WITH_CODE = [name for name, page in PAGES.items() if blocks_of(page.read_text())]
matplotlib.use("agg")


@pytest.fixture(autouse=True)
def as_on_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    yield
    plt.close("all")


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_blocks_of_a_page_run_and_print_what_it_says(name: str, tmp_path: Path) -> None:
    wrong = []
    for block, printed in run_page(PAGES[name].read_text(), tmp_path):
        if block.printed is not None:
            wrong += differences(block.printed, printed)
    assert not wrong, "\n".join(wrong)


def test_numbers_agree_up_to_one_in_the_last_digit() -> None:
    assert not differences("mean 0.25 of 18", "mean   0.26 of 18")
    assert differences("mean 0.25 of 18", "mean 0.27 of 18")
    assert differences("mean 0.25 of 18", "mean 0.25 of 19")
    assert differences("Clemente 0.25", "Alvis 0.25")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_links_to_what_is_there(name: str) -> None:
    folder = PAGES[name].parent
    targets = [path for path in LINK.findall(PAGES[name].read_text()) if "://" not in path]
    missing = [
        path
        for path in targets
        # Pictures are made when the site is built, each by the script of its name.
        if not (folder / path).exists()
        and not (DOCS / "gallery" / Path(path).with_suffix(".py").name).exists()
    ]
    assert not missing


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    assert not [name for name in PAGES if f" {name}\n" not in navigation]
