"""Many rates at once from small samples: hierarchical partial pooling on JAX.

    tree = hierpool.fit(frame, successes="hits", trials="at_bats", group="player")
    draws = hierpool.sample(key, hierpool.PartialPooling(), counts, hierpool.NUTS())

Names are imported when they are first used, so that ``hierpool --help`` waits for nothing.
"""

from importlib import import_module

# As typing's, which takes a while to load: until the package is loaded Ctrl-C is Python's.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from hierpool.checking import predictive_check as predictive_check
    from hierpool.comparing import Comparison as Comparison
    from hierpool.comparing import compare as compare
    from hierpool.comparing import compare_fits as compare_fits
    from hierpool.contradiction import PopulationWarning as PopulationWarning
    from hierpool.convergence import ConvergenceWarning as ConvergenceWarning
    from hierpool.convergence import Verdict as Verdict
    from hierpool.convergence import check as check
    from hierpool.counts import Counts as Counts
    from hierpool.counts import stack as stack
    from hierpool.datasets import load_dataset as load_dataset
    from hierpool.estimating import Estimate as Estimate
    from hierpool.estimating import estimate as estimate
    from hierpool.event_chances import Events as Events
    from hierpool.event_chances import events as events
    from hierpool.event_chances import season as season
    from hierpool.event_chances import select as select
    from hierpool.exact import Exact as Exact
    from hierpool.exact import integrate as integrate
    from hierpool.fitting import SlowModelWarning as SlowModelWarning
    from hierpool.fitting import fit as fit
    from hierpool.inference_data import load as load
    from hierpool.inference_data import save as save
    from hierpool.logit_normal import (
        CollapsedLogitPartialPooling as CollapsedLogitPartialPooling,
    )
    from hierpool.logit_normal import LogitPartialPooling as LogitPartialPooling
    from hierpool.models import CollapsedPartialPooling as CollapsedPartialPooling
    from hierpool.models import CompletePooling as CompletePooling
    from hierpool.models import Model as Model
    from hierpool.models import NoPooling as NoPooling
    from hierpool.models import PartialPooling as PartialPooling
    from hierpool.new_groups import newcomers as newcomers
    from hierpool.nuts import NUTS as NUTS
    from hierpool.pairwise import contrast as contrast
    from hierpool.pairwise import contrasts as contrasts
    from hierpool.pairwise import expected_loss as expected_loss
    from hierpool.plug_in import EmpiricalBayes as EmpiricalBayes
    from hierpool.plug_in import empirical_bayes as empirical_bayes
    from hierpool.predicting import add_predictions as add_predictions
    from hierpool.predicting import predict as predict
    from hierpool.prior_sweep import Sensitivity as Sensitivity
    from hierpool.prior_sweep import sensitivity as sensitivity
    from hierpool.quadrature import Quadrature as Quadrature
    from hierpool.ranks import Ranks as Ranks
    from hierpool.ranks import rank as rank
    from hierpool.sampling import Draws as Draws
    from hierpool.sampling import sample as sample
    from hierpool.scoring import Coverage as Coverage
    from hierpool.scoring import Score as Score
    from hierpool.scoring import coverage as coverage
    from hierpool.scoring import score as score
    from hierpool.summary import summarize as summarize
    from hierpool.table import InputError as InputError
    from hierpool.trend import Exchangeability as Exchangeability
    from hierpool.trend import exchangeability as exchangeability
    from hierpool.weights import FewDrawsWarning as FewDrawsWarning

__version__ = "0.1.0"

_HOMES = {
    "CollapsedLogitPartialPooling": "logit_normal",
    "CollapsedPartialPooling": "models",
    "Comparison": "comparing",
    "CompletePooling": "models",
    "ConvergenceWarning": "convergence",
    "Counts": "counts",
    "Coverage": "scoring",
    "Draws": "sampling",
    "EmpiricalBayes": "plug_in",
    "Estimate": "estimating",
    "Events": "event_chances",
    "Exact": "exact",
    "Exchangeability": "trend",
    "FewDrawsWarning": "weights",
    "InputError": "table",
    "LogitPartialPooling": "logit_normal",
    "Model": "models",
    "NUTS": "nuts",
    "NoPooling": "models",
    "PartialPooling": "models",
    "PopulationWarning": "contradiction",
    "Quadrature": "quadrature",
    "Ranks": "ranks",
    "Score": "scoring",
    "Sensitivity": "prior_sweep",
    "SlowModelWarning": "fitting",
    "Verdict": "convergence",
    "add_predictions": "predicting",
    "check": "convergence",
    "compare": "comparing",
    "compare_fits": "comparing",
    "contrast": "pairwise",
    "contrasts": "pairwise",
    "coverage": "scoring",
    "empirical_bayes": "plug_in",
    "estimate": "estimating",
    "events": "event_chances",
    "exchangeability": "trend",
    "expected_loss": "pairwise",
    "fit": "fitting",
    "integrate": "exact",
    "load": "inference_data",
    "load_dataset": "datasets",
    "newcomers": "new_groups",
    "predict": "predicting",
    "predictive_check": "checking",
    "rank": "ranks",
    "sample": "sampling",
    "save": "inference_data",
    "score": "scoring",
    "season": "event_chances",
    "select": "event_chances",
    "sensitivity": "prior_sweep",
    "stack": "counts",
    "summarize": "summary",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'hierpool' has no attribute {name!r}")
    value = getattr(import_module(f"hierpool.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
