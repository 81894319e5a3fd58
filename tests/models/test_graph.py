"""A model's statements are its graph."""

import inspect
from typing import Any

import pytest

import hierpool as hp
from hierpool.models.catalogue import CATALOGUE, class_of_name, model_of_word
from hierpool.models.graph import graph_of


class Stated:
    """Only what a graph needs."""

    def __init__(self, *statements: str) -> None:
        self.statements = statements
        self.scale = 2.0


def texts(model: Any) -> list[str]:
    return [node.text for node in graph_of(model).values()]


@pytest.mark.parametrize("word", CATALOGUE)
def test_every_model_is_a_graph_from_its_hyperparameters_to_the_successes(word: str) -> None:
    graph = graph_of(model_of_word(word))
    given = {name for name, node in graph.items() if node.kind == "given"}
    assert given == {*CATALOGUE[word].hyperparameters, "n_i"}
    assert list(graph)[-1] == "y_i" and graph["y_i"].kind == "observed"
    for name, node in graph.items():
        earlier = list(graph)[: list(graph).index(name)]
        assert set(node.parents) <= set(earlier)


@pytest.mark.parametrize("word", ["partial", "logit", "complete", "none"])
def test_the_statements_are_those_of_the_docstring(word: str) -> None:
    kind = class_of_name(CATALOGUE[word].name)
    told = inspect.getdoc(kind)
    stated = kind.statements if hasattr(kind, "statements") else kind().collapsed().statements
    for line in stated:
        # The docstring gives kappa by its logarithm.
        assert line in told or line.startswith("kappa"), line


def test_values_of_hyperparameters_are_written_into_the_distributions() -> None:
    model = hp.GammaPartialPooling(kappa_shape=2.5, phi_beta=3.0)
    assert "kappa ~ Gamma(2.5, 1)" in texts(model)
    assert "phi ~ Beta(1, 3)" in texts(model)


def test_joint_and_collapsed_models_differ_only_in_what_is_integrated_out() -> None:
    collapsed = hp.SpreadPartialPooling(tau_sd=0.5)
    assert texts(hp.Joint(collapsed)) == texts(collapsed)
    assert texts(hp.PartialPooling()) == texts(hp.CollapsedPartialPooling())
    assert not any(node.is_integrated_out for node in graph_of(hp.PartialPooling()).values())
    dashed = [name for name, node in graph_of(collapsed).items() if node.is_integrated_out]
    assert dashed == ["theta_i"]


def test_a_model_with_another_density_needs_statements_of_its_own() -> None:
    class OtherPrior(hp.CollapsedPartialPooling):
        def log_prior(self, position: Any) -> Any:
            return 0.0

    class WideSpread(hp.SpreadPartialPooling):
        tau_sd = 2.0

    with pytest.raises(hp.InputError, match="OtherPrior has no statements of its own.*add to the"):
        graph_of(OtherPrior())
    assert "tau ~ HalfNormal(2)" in texts(WideSpread(tau_sd=2.0))


def test_a_statement_in_another_form_or_order_is_refused() -> None:
    with pytest.raises(hp.InputError, match=r"must read .* not 'phi'"):
        graph_of(Stated("phi"))
    with pytest.raises(hp.InputError, match="theta_i uses phi, which is stated after it"):
        graph_of(Stated("theta_i ~ Beta(phi, 1)", "phi ~ Beta(1, scale)"))
