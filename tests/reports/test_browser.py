"""The page as a real browser shows it: quiet, searched, sorted and pointed at."""

import base64
import json
from collections.abc import Iterator

import numpy as np
import pytest
from browser import Page, browser

import hierpool as hp

ENTER, RIGHT, ESCAPE = "\ue007", "\ue014", "\ue00c"
SCRIPT = "<script>alert(1)</script>"
LONG = "A name that nobody would write, and that a table has to bear: " + "x" * 38
NUM_GROUPS = 120


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("report") / "report.html"
    rng = np.random.default_rng(1)
    trials = rng.integers(5, 200, NUM_GROUPS)
    names = [SCRIPT, LONG, "\u202eb\u2028</script><!--", *(f"g{i}" for i in range(NUM_GROUPS - 3))]
    frame = {"name": names, "y": rng.binomial(trials, rng.beta(8, 24, NUM_GROUPS)), "n": trials}
    tree = hp.fit(
        frame,
        "y",
        "n",
        group="name",
        model="collapsed",
        inference=hp.Quadrature(num_chains=2, num_draws=200),
    )
    hp.report(tree, path, title=SCRIPT)
    with browser() as driver:
        yield Page(driver, path)


@pytest.fixture
def page(opened: Page) -> Page:
    opened.open()
    return opened


def column(page: Page, key: str) -> list[float]:
    heads = page.run(
        "return [...document.querySelectorAll('#table thead th')].map((th) => th.dataset.key)"
    )
    cells = page.run(
        "return [...document.querySelectorAll('#table tbody tr')]"
        ".map((tr) => tr.children[arguments[0]].textContent)",
        heads.index(key),
    )
    return [float(cell.replace(",", "").rstrip("%")) for cell in cells]


def test_it_asks_for_nothing_and_reports_no_error(page: Page) -> None:
    page.driver.get_log("performance")
    page.open()
    assert page.driver.get_log("browser") == []
    events = [
        json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")
    ]
    sent = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in sent if not url.startswith("data:")] == [page.address]


def test_its_own_policy_forbids_whatever_it_does_not_hold(page: Page) -> None:
    policy = page.one("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy and "'unsafe-inline'" not in policy.split("script-src")[1]
    made = page.run(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1';"
        "document.body.append(made); return window.ran ?? 'refused'"
    )
    assert made == "refused"
    page.driver.get_log("browser")


def test_a_script_as_a_name_and_as_a_title_is_text(page: Page) -> None:
    assert page.driver.title == SCRIPT
    assert page.one("h1").text == SCRIPT
    page.one("#find").send_keys("alert")
    assert page.names() == [SCRIPT]
    page.one("#find").clear()
    page.one("#find").send_keys("<!--")
    assert page.names() == ["\u202eb\u2028</script><!--"]
    assert len(page.all("script")) == 2


def test_the_table_sorts_by_the_keyboard(page: Page) -> None:
    estimates = column(page, "mean")
    assert len(estimates) == 50 and estimates == sorted(estimates, reverse=True)
    head = page.one("#table th[data-key='trials']")
    page.focus(head.find_element("tag name", "button"))
    page.keys(ENTER)
    assert head.get_attribute("aria-sort") == "descending"
    trials = column(page, "trials")
    assert trials == sorted(trials, reverse=True) and trials[0] >= 195
    page.keys(" ")
    assert head.get_attribute("aria-sort") == "ascending"
    trials = column(page, "trials")
    assert trials == sorted(trials) and trials[0] <= 10
    assert len(page.all("#table [aria-sort]")) == 1


def test_the_table_is_searched_by_name_and_turned_in_pages(page: Page) -> None:
    assert page.one("#where").text == "Page 1 of 3"
    first = page.names()
    page.focus(page.one("#after"))
    page.keys(ENTER)
    assert page.one("#where").text == "Page 2 of 3" and not set(first) & set(page.names())
    page.focus(page.one("#find"))
    page.keys("G11")
    assert sorted(page.names()) == ["g11", *(f"g11{i}" for i in range(7))]
    assert page.one("#found").text == "8 of 120 groups"
    page.keys("nothing")
    assert page.names() == [] and page.one("#found").text == "0 of 120 groups"


def test_a_row_is_marked_in_the_pictures_and_a_mark_in_the_table(page: Page) -> None:
    assert not page.all(".spot:not([hidden])")
    row = page.all("#table tbody tr")[2]
    page.point_at(row)
    assert "lit" in row.get_attribute("class")
    assert len(page.all("#shrinkage .spot:not([hidden])")) == 1
    assert page.one(".forest li.lit .name").text == page.names()[2]
    page.point_at(page.one("h1"))
    assert not page.all(".spot:not([hidden]), .lit")
    # The other way: from the forest, and from the dots by the keyboard.
    page.point_at(page.all(".forest li[data-row]")[1])
    assert page.one("#table tr.lit th").text == page.names()[1]
    page.focus(page.one("#shrinkage .plot"))
    page.keys(RIGHT)
    told = page.one("#shrinkage .tip:not([hidden]) b").text
    page.keys(ENTER)
    assert page.one("#table tr.lit th").text == told
    assert page.one("#table tr.lit button").get_attribute("aria-pressed") == "true"
    page.keys(ESCAPE)
    assert not page.all(".lit")


def test_a_focused_row_is_marked(page: Page) -> None:
    page.focus(page.all("#table tbody button")[4])
    assert page.one("#table tr.lit th").text == page.names()[4]
    assert page.all(".spot:not([hidden])")


def test_the_pointer_finds_the_nearest_dot(page: Page) -> None:
    plot = page.one("#shrinkage .plot")
    page.focus(plot)
    page.keys(RIGHT, RIGHT)
    told = page.one("#shrinkage .tip:not([hidden]) b").text
    spot, of_plot = page.one("#shrinkage .spot").rect, plot.rect
    page.keys(ESCAPE)
    assert not page.all("#shrinkage .tip:not([hidden])")
    x, y = (
        spot[start] + spot[size] / 2 - of_plot[start] - of_plot[size] / 2
        for start, size in (("x", "width"), ("y", "height"))
    )
    page.point_at(plot, x + 3, y - 3)
    assert page.one("#shrinkage .tip:not([hidden]) b").text == told


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.open(width=width)
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_the_dark_page_has_other_colours(page: Page) -> None:
    def colours() -> list[str]:
        return page.run(
            "const of = getComputedStyle(document.body);"
            "const line = getComputedStyle(document.querySelector('path.line'));"
            "return [of.backgroundColor, of.color, line.stroke]"
        )

    light = colours()
    page.open(dark=True)
    assert not set(light) & set(colours())


def contrast(page: Page, selector: str) -> float:
    """Returns the contrast of a text with the page behind it, from 1 to 21."""
    text, paper = page.run(
        "return [getComputedStyle(document.querySelector(arguments[0])).color,"
        "getComputedStyle(document.body).backgroundColor]",
        selector,
    )

    def luminance(colour: str) -> float:
        parts = np.array([float(part) for part in colour.strip("rgba()").split(",")[:3]]) / 255
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(text), luminance(paper)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read(page: Page, *, dark: bool) -> None:
    page.open(dark=dark)
    for selector in ("p", "h1", ".said strong", ".verdict", ".numbers", ".ticks", "thead button"):
        assert contrast(page, selector) >= 4.5, selector


def test_paper_has_the_whole_table_and_no_controls(page: Page) -> None:
    assert page.one("#find").is_displayed()
    page.media("print", dark=True)
    assert not any(control.is_displayed() for control in page.all(".controls"))
    paper = page.run("return getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    page.media("screen")
    page.run(
        "window.addEventListener('beforeprint', () => "
        "{ window.printed = document.querySelectorAll('#table tbody tr').length })"
    )
    printed = page.command("Page.printToPDF", {})["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
    assert page.run("return window.printed") == NUM_GROUPS
    assert len(page.names()) == 50


def test_without_scripts_the_answer_the_pictures_and_the_first_rows_are_there(page: Page) -> None:
    page.open(scripts=False)
    try:
        assert page.one(".said strong").text.startswith("0.")
        assert page.one("#shrinkage .plot svg").size["height"] > 200
        assert len(page.all("#table tbody tr")) == 100
        assert not page.one("#find").is_displayed()
        assert "Without scripts only the first 100 of 120" in page.one("noscript").text
    finally:
        page.command("Emulation.setScriptExecutionDisabled", {"value": False})


def test_every_picture_and_control_has_a_name(page: Page) -> None:
    for picture in page.all("svg[role=img]"):
        ids = picture.get_attribute("aria-labelledby").split()
        assert ids and all(page.one(f"#{name}").get_attribute("textContent") for name in ids)
    for control in page.all("input, select, button, [tabindex='0']"):
        assert control.accessible_name, control.get_attribute("outerHTML")
    levels = [int(head.tag_name[1]) for head in page.all("h1, h2, h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= level + 1 for level, later in zip(levels, levels[1:], strict=False))
