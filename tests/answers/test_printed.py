"""Results print their answer: a sentence, and tables of 80 columns, as text and as HTML."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import COLUMNS, PLAYERS, REST, fit_of

import hierpool as hp
from hierpool.posterior.sentences import groups_in_words
from hierpool.runtime.order import noted, ordered_by
from hierpool.runtime.text import columns_of

HOSTILE = "<script>alert(1)</script>"
ROOKIE = {"rookie": (0, 4)}
OF_A_TABLE = {"frame": PLAYERS, **COLUMNS["efron-morris-75"]}
LATER = {"trials": REST, "successes": PLAYERS.set_index("player")["remaining_hits"]}
RESULTS: dict[str, Any] = {
    "Summary": lambda tree: hp.summarize(tree),
    "Ranks": lambda tree: hp.rank(tree, top=3),
    "Events": lambda tree: hp.events(tree, above=[0.15, 0.2]),
    "Score": lambda tree: hp.score(tree, **LATER),
    "Coverage": lambda tree: hp.coverage(tree, **LATER),
    "Exchangeability": lambda tree: hp.exchangeability(fit_of("beta", "rat-tumors")),
    "Verdict": lambda tree: hp.check(tree),
    "Estimate": lambda tree: hp.estimate(**OF_A_TABLE, prob=None, new_groups=ROOKIE),
    "EmpiricalBayes": lambda tree: hp.empirical_bayes(**OF_A_TABLE, new_groups=ROOKIE),
    "Comparison": lambda tree: hp.compare(**OF_A_TABLE, models=["complete", "none"]),
    "Sensitivity": lambda tree: hp.sensitivity(tree, kappa_log_rate=[1.5, 5.0]),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_prints_its_sentence_and_fits_in_eighty_columns(kind: str) -> None:
    result = RESULTS[kind](fit_of("beta", with_unseen=True))
    assert type(result).__name__ == kind
    text = str(result)
    assert repr(result) == text
    assert max(map(columns_of, text.split("\n"))) <= 80
    assert " ".join(text.split()).startswith(result.sentence)
    # No table is cut by pandas, and none is longer than a screen.
    assert "..." not in text.replace("... and", "") and len(text.split("\n")) < 60
    assert result._repr_html_().startswith("<p>")


def test_names_are_text_in_the_html_of_a_result() -> None:
    frame = {"y": [1, 2, 3], "n": [5, 6, 7], "g": [HOSTILE, "b & c", "d"]}
    html = hp.empirical_bayes(frame, "y", "n", group="g")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "b &amp; c" in html


def test_the_sentence_is_of_the_new_groups_or_of_the_extremes() -> None:
    frame = pd.DataFrame(
        {"mean": [0.2, 0.3, 0.25], "lower": 0.1, "upper": 0.4}, index=["a", "b", "c"]
    )
    assert groups_in_words(frame) == "3 groups, from 0.200 (a) to 0.300 (b)."
    assert groups_in_words(frame[:1]) == "1 group, each 0.200."
    noted(frame, prob=0.5, new_groups=["c"])
    assert groups_in_words(frame) == "c: 0.250 (0.100 to 0.400), 50% interval."
    rare = frame / 1000
    assert groups_in_words(rare).startswith("c: 0.00025 (0.00010 to 0.00040)")


def test_tables_are_written_to_parquet_whatever_the_kind_of_their_numbers(tmp_path: Path) -> None:
    summary = hp.summarize(fit_of("beta", with_unseen=True), prob=np.float32(0.5))  # type: ignore[arg-type]
    summary.groups.to_parquet(tmp_path / "groups.parquet")
    read = pd.read_parquet(tmp_path / "groups.parquet")
    pd.testing.assert_frame_equal(read, summary.groups, check_index_type=False)
    assert summary.groups.attrs == {"prob": 0.5, "new_groups": ["unseen"]}


def test_the_sentence_of_the_ranks_names_the_most_probable_best() -> None:
    ranks = hp.rank(fit_of("beta", with_unseen=True))
    first = ranks.groups["best"].idxmax()
    assert ranks.sentence.startswith(
        f"The most probable best of 18 groups is {first} ({ranks.groups['best'].max():.2f}), then "
    )
    assert "Groups without trials that are left out: 1." in str(ranks)


def comparison_of(weights: list[float]) -> hp.Comparison:
    models = pd.DataFrame(
        {"elpd": [-40.0, -41.0], "difference": [0.0, -1.0], "difference_se": [0.0, 0.2]},
        index=pd.Index(["logit", "partial"], name="model"),
    )
    return hp.Comparison(models.assign(weight=weights), models, models)


def test_a_comparison_says_when_elpd_and_evidence_disagree() -> None:
    agree, disagree = comparison_of([0.9, 0.1]), comparison_of([0.2, 0.8])
    start = "logit predicts a group from the others best: its elpd is 1 (standard error 0.2) above"
    assert agree.sentence.startswith(start) and disagree.sentence.startswith(start)
    assert agree.sentence.endswith(
        "The evidence, by which the weights are, prefers logit too (weight 0.90)."
    )
    assert "prefers partial (weight 0.80): it asks how probable" in disagree.sentence


def test_a_comparison_says_where_only_the_order_of_the_others_differs() -> None:
    models = pd.DataFrame(
        {
            "elpd": [-40.0, -41.0, -42.0],
            "difference": [0.0, -1.0, -2.0],
            "difference_se": [0.0, 0.2, 0.3],
            "weight": [0.9, 0.02, 0.08],
        },
        index=["logit", "partial", "complete"],
    )
    sentence = hp.Comparison(models, models, models).sentence
    assert "prefers logit too (weight 0.90), but complete to partial: it asks how" in sentence


def test_a_difference_within_two_standard_errors_is_called_too_little() -> None:
    compared = hp.compare(**OF_A_TABLE, models=["complete", "none"])
    assert "too little" not in compared.sentence
    close = compared.models.assign(difference_se=[0.0, 15.0])
    assert "too little to tell them apart" in compared._replace(models=close).sentence


def test_the_fields_of_results_and_their_order_are_as_they_were() -> None:
    population, groups = hp.summarize(fit_of("beta"))
    assert list(population.index) == ["kappa", "kappa_log", "phi"] and len(groups) == 18


@pytest.mark.parametrize("descending", [True, False])
def test_missing_values_come_last_in_either_order_and_ties_keep_theirs(*, descending: bool) -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan, 2.0, 1.0]}, index=list("abcd"))
    ordered = ordered_by(frame, "x", within=0, descending=descending)
    assert "".join(ordered.index) == ("cadb" if descending else "adcb")


def test_rows_of_one_threshold_stay_together_when_sorted() -> None:
    index = pd.MultiIndex.from_product([[0.4, 0.3], ["a", "b"]], names=["line", "group"])
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}, index=index)
    assert list(ordered_by(frame, "x", within=1)["x"]) == [2, 1, 4, 3]
    assert list(ordered_by(frame, "x", within=0)["x"]) == [4, 3, 2, 1]
