"""The page of a fit: what it says, what it leaves out and why, and what it refuses."""

import html
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from fits import COLUMNS, NAMES, PLAYERS, fit_of, tree_of
from hypothesis import given
from hypothesis import strategies as st

import hierpool as hp
from hierpool.cli.main import main
from hierpool.models.catalogue import USER_CLASSES
from hierpool.posterior.tree import settings
from hierpool.reports.forest import MOST_LINES
from hierpool.reports.page import render
from hierpool.reports.provenance import Source, provenance_of
from hierpool.reports.wording import decimals_of

FEW = hp.Quadrature(num_chains=2, num_draws=100)


def data_of(page: str) -> dict[str, Any]:
    """Returns what the page hands to its script."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def column(page: str, key: str) -> np.ndarray:
    (found,) = [each for each in data_of(page)["columns"] if each["key"] == key]
    return np.array([np.nan if v is None else v for v in found["values"]]) / 10 ** found["places"]


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())


@pytest.fixture(scope="module")
def page() -> str:
    return render(fit_of("beta", with_unseen=True), 0.89)


def test_the_numbers_are_those_of_the_answers(page: str) -> None:
    tree = fit_of("beta", with_unseen=True)
    names = data_of(page)["names"]
    groups = hp.summarize(tree).groups.loc[names]
    for key in ("mean", "lower", "upper", "rate", "shrinkage"):
        np.testing.assert_allclose(column(page, key), groups[key], atol=6e-5)
    assert list(column(page, "trials")) == list(groups["trials"])
    ranks = hp.rank(tree, top=4).groups.reindex(names)
    for key in ("best", "top", "rank"):
        np.testing.assert_allclose(column(page, key), ranks[key], atol=6e-3)
    assert np.isnan(column(page, "rank")[names.index("unseen")])


def test_the_highest_comes_with_how_sure_that_is_after_the_new_groups(page: str) -> None:
    text = text_of(page)
    best = hp.rank(fit_of("beta", with_unseen=True)).groups.loc[NAMES[0], "best"]
    assert text.index("unseen: 0.2") < text.index("Roberto Clemente: 0.3")
    assert f"truly the highest of 18 groups with trials is {100 * best:.0f}%" in text
    assert "A new group, without trials so far." in text


def test_the_data_of_a_new_group_are_said() -> None:
    columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
    newcomers = {"rookie": (1, 4)}
    tree = hp.fit(PLAYERS, **columns, model="collapsed", inference=FEW, new_groups=newcomers)
    assert "A new group, with 1 of 4 so far." in text_of(render(tree, 0.89))


def test_the_bars_of_the_raw_rates_have_the_area_of_the_population(page: str) -> None:
    *_, bars = re.findall(r'<path class="bar" d="([^"]*)"', page)
    *_, line = re.findall(r'<path class="line" d="([^"]*)"', page)
    corners = np.array(re.findall(r"M(\d+) (\d+)H(\d+)V1000", bars), int)
    left, top, right = corners.T
    x, y = np.array(re.findall(r"(\d+) (\d+)", line), int).T
    # Both are shares of the groups, but of the line a part lies beyond the ends of the axis.
    ratio = np.sum((right - left) * (1000 - top)) / np.trapezoid(1000 - y, x)
    assert 1 <= ratio < 1.1
    # The highest of either nearly fills the picture.
    assert 20 < min(top.min(), y.min()) < 80


def test_the_parameters_are_those_of_the_summary(page: str) -> None:
    tree = fit_of("beta", with_unseen=True)
    table = hp.summarize(tree).population
    rows = re.findall(r"<tr>(.*?)</tr>", page.split("The population's parameters")[1], re.S)[1:4]
    phi, kappa, new = (re.findall(r">([^<]+)</t[dh]>", row)[:3] for row in rows)
    of_phi, of_kappa = table.loc["phi"], table.loc["kappa"]
    interval = f"{of_phi['lower']:.3f} to {of_phi['upper']:.3f}"
    assert phi == ["phi", f"{of_phi['mean']:.3f}", interval]
    ends = f"{of_kappa['lower']:.1f} to {of_kappa['upper']:.0f}"
    # kappa has no mean.
    assert kappa == ["kappa", f"{of_kappa['median']:.1f}", ends]
    unseen = hp.new_groups(tree, {"one": (0, 0)}).loc["one"]
    assert new[:2] == ["a new group", f"{unseen['mean']:.3f}"]


@pytest.mark.parametrize(
    ("model", "caption"),
    [
        ("beta", "the further it is pulled"),
        ("complete", "All groups share one estimate"),
        ("none", "only the prior pulls it"),
    ],
)
def test_the_picture_of_shrinkage_says_what_its_model_does(model: str, caption: str) -> None:
    assert caption in text_of(render(fit_of(model), 0.89))


def test_it_is_one_page_that_loads_nothing(page: str) -> None:
    outside = re.findall(r'(?:src|href|action|data)="([^"]*)"|url\(([^)]*)\)|@import', page)
    assert {link for link, _ in outside} == {"#groups", "data:,"}
    assert "http://" not in page and "https://" not in page


def test_a_name_is_text_whatever_it_holds() -> None:
    names = ["<script>alert(1)</script>", "</script><!--\u2028", "{{ 7 * 7 }}", "a & b"]
    frame = {"y": [3, 4, 5, 6], "n": [20, 20, 20, 20], "name": names}
    tree = hp.fit(frame, "y", "n", group="name", model="complete")
    page = render(tree, 0.89, title="</title><script>alert(1)</script>")
    assert sorted(data_of(page)["names"]) == sorted(names)
    assert page.count("<script") == 2 and page.count("</script>") == 2
    assert "<!--" not in page and "\u2028" not in page.split('id="data">')[1].split("</script>")[0]


@pytest.mark.parametrize(
    ("model", "left_out"),
    [
        ("complete", "Ranks: left out. Under CompletePooling all groups have the same theta"),
        ("none", "The model has no population: each group is estimated from its own trials"),
        ("beta", ""),
        ("logit", ""),
    ],
)
def test_what_a_model_cannot_say_is_left_out_with_its_reason(model: str, left_out: str) -> None:
    text = text_of(render(fit_of(model), 0.5))
    assert left_out in text and "50% interval" in text
    assert ("left out" in text) == (model in ("complete", "none"))


def test_the_hyperparameters_alone_make_a_page() -> None:
    tree = hp.fit(
        PLAYERS,
        **COLUMNS["efron-morris-75"],
        model="collapsed",
        inference=FEW,
        hyperparameters_only=True,
    )
    text = text_of(render(tree, 0.89))
    assert "no estimates of groups" in text and "a new group" in text


def test_groups_between_are_counted_only_where_some_are_left_out() -> None:
    rng = np.random.default_rng(0)
    for number, said in ((30, None), (60, "30 more between")):
        frame = {"y": rng.binomial(50, 0.3, number), "n": [50] * number}
        text = text_of(render(hp.fit(frame, "y", "n", model="collapsed", inference=FEW), 0.89))
        assert (said in text) if said else ("more between" not in text)


@pytest.mark.parametrize(
    ("counts", "model", "said"),
    [
        ({"A": (3, 10)}, "none", "It is the only group with trials."),
        ({"A": (0, 0), "B": (0, 0)}, "none", "No group has trials yet."),
        ({"A": (0, 0), "B": (3, 9), "C": (0, 5)}, "collapsed", "highest of 2 groups with trials"),
    ],
)
def test_few_groups_and_few_trials_make_a_page(
    counts: dict[str, tuple[int, int]], model: str, said: str
) -> None:
    successes, trials = zip(*counts.values(), strict=True)
    frame = {"name": [*counts], "y": successes, "n": trials}
    tree = hp.fit(frame, "y", "n", group="name", model=model, inference=FEW)
    assert said in text_of(render(tree, 0.89))


def test_a_fit_that_did_not_converge_says_so_before_all_else() -> None:
    tree = fit_of("complete").copy()
    tree.attrs["hierpool_problems"] = json.dumps(["The chains <b>disagree</b>."])
    with pytest.warns(hp.ConvergenceWarning):
        page = render(tree, 0.89)
    text = text_of(page[page.index("<h1>") :])
    assert text.index("This fit did not converge.") < text.index("The chains <b>disagree</b>.")
    assert text.index("disagree") < text.index("All groups: 0.")
    assert "can be trusted" not in text and page.count('role="alert"') == 1


def test_a_model_whose_class_is_not_known_is_shown_as_far_as_draws_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hierpool.models.catalogue.USER_CLASSES", {**USER_CLASSES})
    tree = fit_of("beta").copy()
    tree.attrs["hierpool_model"] = json.dumps({"name": "SomeoneElses", "scale": 1.0})
    page = render(tree, 0.89)
    text = text_of(page)
    assert "Roberto Clemente: 0.3" in text and "Shrinkage" in text
    assert "Ranks: left out. SomeoneElses is not one of hierpool's models" in text
    assert "hierpool fit FILE" not in text and "model=SomeoneElses(scale=1.0)" in text


def many(num_groups: int) -> xr.DataTree:
    rng = np.random.default_rng(0)
    # Few distinct pairs, as in other tests, whose programs then serve.
    trials = rng.choice([5, 9], num_groups)
    successes = rng.binomial(trials, 0.3)
    theta = rng.beta(3 + successes, 7 + trials - successes, (20, num_groups))
    tree = tree_of(theta, list(successes), list(trials))
    tree.attrs["hierpool_model"] = settings(hp.NoPooling())
    return tree


@pytest.mark.parametrize(
    ("num_groups", "kind"), [(300, "dot"), (2000, "dot"), (20_000, "cell shade1")]
)
def test_many_groups_make_a_page_that_is_not_large(num_groups: int, kind: str) -> None:
    page = render(many(num_groups), 0.89)
    assert len(page) < 70_000 + 150 * num_groups
    assert f'class="{kind}"' in page and len(data_of(page)["names"]) == num_groups
    assert f"{num_groups - 30:,} more between" in page
    assert page.count('<tr><th scope="row"><bdi>') == 100
    assert ("5,000 groups are the most" in page) == (num_groups > 5000)


def test_beyond_the_most_lines_the_intervals_of_all_groups_are_one_band() -> None:
    lines, band = (render(many(MOST_LINES + more), 0.89) for more in (0, 1))
    assert "89% interval of a group" in text_of(lines) and "median" not in text_of(lines)
    assert "median 89% interval of 5 groups" in text_of(band)
    # Where each group has a mark, the nearest one is pointed at.
    of_all = 'data-y="order" data-y-low="{}" data-y-high="0"{}>'
    assert of_all.format(MOST_LINES, " data-dotted") in lines
    assert of_all.format(MOST_LINES + 1, "") in band


@given(st.floats(1e-8, 1e-2))
def test_decimals_show_two_digits_of_a_small_spread(spread: float) -> None:
    shown = float(f"{spread:.{decimals_of(spread)}f}")
    assert shown == float(f"{spread:.1e}")


def test_a_raw_rate_of_few_trials_is_an_arrow_at_the_edge_of_the_picture() -> None:
    successes, trials = [*range(10, 70), 1, 0], [*[1000] * 60, 1, 2]
    theta = (np.array(successes) + 3) / (np.array(trials) + 100)
    tree = tree_of(np.array([theta, 1.01 * theta]), successes, trials)
    tree.attrs["hierpool_model"] = settings(hp.NoPooling())
    page = render(tree, 0.89)
    # The legend, and the arrow: its tip is at the right end of the 1000 units.
    assert len(re.findall(r'<path class="edge" d="M1000 \d+l', page)) == 1
    assert text_of(page).count("1 raw rate lies beyond the edge") == 3
    (high,) = re.findall(r'data-x="rate".*? data-x-high="([\d.]+)"', page)
    assert 0.069 < float(high) < 0.075
    assert 'class="edge"' not in render(fit_of("beta", with_unseen=True), 0.89)


def test_the_command_and_the_lines_of_the_page_repeat_the_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jax_as_it_was: None
) -> None:
    nuts = hp.NUTS(num_chains=2, num_warmup=100, num_draws=50, target_accept=0.9)
    columns = {"successes": "number of hits", "trials": "at_bats", "group": "player"}
    frame = PLAYERS.rename(columns={"hits": "number of hits"})
    new = {"it's 0 for 4": (0, 4)}
    tree = hp.fit(frame, **columns, model=hp.NoPooling(2.0), inference=nuts, new_groups=new, seed=5)
    monkeypatch.chdir(tmp_path)
    frame.to_csv("FILE", index=False)
    found = provenance_of(tree)
    command = found.command.replace("COLUMN", "player").replace("\\\n", " ")
    assert main(shlex.split(command)[1:]) == 0
    xr.testing.assert_equal(hp.load("fit.nc")["posterior"].dataset, tree["posterior"].dataset)
    lines: dict[str, Any] = {}
    exec(found.python.replace("COLUMN", "player"), lines)
    xr.testing.assert_equal(lines["tree"]["posterior"].dataset, tree["posterior"].dataset)


def test_the_command_names_the_file_and_the_columns_that_are_known() -> None:
    columns = {"successes": "won", "trials": None, "failures": "it's lost", "group": ["a", "b c"]}
    source = Source("my data.csv", columns | {"aggregate": True})
    found = provenance_of(fit_of(), source)
    words = shlex.split(found.command.replace("\\\n", " "))
    given = "--successes won --failures X --group a --group Y --aggregate --model".split()
    given = [{"X": "it's lost", "Y": "b c"}.get(word, word) for word in given]
    assert words[:3] == ["hierpool", "fit", "my data.csv"] and words[3 : 3 + len(given)] == given
    assert 'hp.fit(\n    "my data.csv",\n    successes="won",\n    failures="' in found.python
    assert 'group=["a", "b c"],\n    aggregate=True,' in found.python


def test_a_page_is_never_written_over_without_force(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="force=True"):
        hp.report(fit_of("complete"), path)
    assert path.read_text() == "mine"
    hp.report(fit_of("complete"), path, force=True)
    assert path.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("report.txt", {}, "report.txt must end in .html: the report is a page"),
        ("report.html", {"prob": 1.0}, "prob must lie between 0 and 1"),
    ],
)
def test_wrong_arguments_get_one_sentence(
    name: str, options: dict[str, float], message: str, tmp_path: Path
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.report(fit_of("complete"), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_without_jinja2_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'pip install "hierpool\[report\]"'):
        hp.report(fit_of("complete"), tmp_path / "report.html")


def test_attributes_that_cannot_be_read_are_left_out() -> None:
    tree = fit_of("complete").copy()
    names = ("versions", "new_groups", "compile_time", "seed", "successes")
    tree.attrs |= dict.fromkeys(names, "<i>")
    tree.attrs["log_evidence"] = "[1"
    text = text_of(render(tree, 0.89))
    assert "All groups: 0.2" in text and "s compiling" not in text and "[1" not in text
    del tree.attrs["hierpool_inference"], tree.attrs["successes"], tree.attrs["data_sha256"]
    tree.attrs["hierpool_format"] = 0
    assert "Algorithmnot recorded" in text_of(render(tree, 0.89))


def test_many_sampled_thetas_are_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    nuts = hp.NUTS(num_chains=2, num_warmup=300, num_draws=500)
    tree = hp.fit(PLAYERS, **COLUMNS["efron-morris-75"], model="collapsed", inference=nuts, seed=1)
    whole = text_of(render(tree, 0.89))
    assert "of the population alone" not in whole
    monkeypatch.setattr("hierpool.reports.asking.MOST_JUDGED", 17)
    partly = text_of(render(tree, 0.89))
    assert "theta[" not in partly and "of the population alone, without the 18 thetas" in partly
    assert "theta" in tree["posterior"] and "Roberto Clemente: 0.3" in partly


def test_a_spread_of_nothing_has_three_decimals() -> None:
    assert [decimals_of(spread) for spread in (0.0, np.nan, np.inf, 0.02)] == [3] * 4
