"""A model's graph as text."""

import re

import pytest
from fits import fit_of

import hierpool as hp
from hierpool.models.catalogue import CATALOGUE, model_of_word
from hierpool.models.graph import graph_of


@pytest.mark.parametrize("format", ["dot", "mermaid"])
@pytest.mark.parametrize("word", CATALOGUE)
def test_the_text_has_every_node_and_every_arrow_once(word: str, format: str) -> None:
    graph = graph_of(model_of_word(word))
    text = hp.model_graph(word, format=format)
    for node in graph.values():
        assert text.count(f'"{node.text}"') == 1
    arrows = re.findall(r"(\w+) -+> (\w+)", text)
    assert sorted(arrows) == sorted(
        (of, node.name) for node in graph.values() for of in node.parents
    )


def test_the_plate_has_the_number_of_groups_of_a_fit() -> None:
    assert "group i = 1, ..., 18" in hp.model_graph(fit_of())
    assert "group i = 1, ..., 2,000" in hp.model_graph("logit", num_groups=2000)
    assert "group i = 1, ..., G" in hp.model_graph("logit")


def test_what_is_integrated_out_is_dashed() -> None:
    assert hp.model_graph("collapsed").count("dashed") == 1
    assert "dashed" not in hp.model_graph("partial")
    assert "class z_i,theta_i integrated" in hp.model_graph("collapsed-logit", format="mermaid")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(hp.InputError, match="format must be one of"):
        hp.model_graph("partial", format="svg")
    with pytest.raises(hp.InputError, match="num_groups must be a whole number, at least 1"):
        hp.model_graph("partial", num_groups=0)
    with pytest.raises(TypeError, match="must be a model"):
        hp.model_graph(3)
