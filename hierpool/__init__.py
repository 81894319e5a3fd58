"""Many rates at once from small samples: hierarchical partial pooling on JAX.

    tree = hierpool.fit(frame, successes="hits", trials="at_bats", group="player")
    draws = hierpool.sample(key, hierpool.PartialPooling(), counts, hierpool.NUTS())

Names are imported when they are first used, so that ``hierpool --help`` waits for nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierpool.convergence import ConvergenceWarning as ConvergenceWarning
    from hierpool.convergence import Verdict as Verdict
    from hierpool.convergence import check as check
    from hierpool.counts import Counts as Counts
    from hierpool.counts import stack as stack
    from hierpool.datasets import load_dataset as load_dataset
    from hierpool.estimating import Estimate as Estimate
    from hierpool.estimating import estimate as estimate
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
    from hierpool.nuts import NUTS as NUTS
    from hierpool.quadrature import Quadrature as Quadrature
    from hierpool.sampling import Draws as Draws
    from hierpool.sampling import sample as sample
    from hierpool.summary import summarize as summarize
    from hierpool.table import InputError as InputError

__version__ = "0.1.0"

_HOMES = {
    "CollapsedLogitPartialPooling": "logit_normal",
    "CollapsedPartialPooling": "models",
    "CompletePooling": "models",
    "ConvergenceWarning": "convergence",
    "Counts": "counts",
    "Draws": "sampling",
    "Estimate": "estimating",
    "Exact": "exact",
    "InputError": "table",
    "LogitPartialPooling": "logit_normal",
    "Model": "models",
    "NUTS": "nuts",
    "NoPooling": "models",
    "PartialPooling": "models",
    "Quadrature": "quadrature",
    "SlowModelWarning": "fitting",
    "Verdict": "convergence",
    "check": "convergence",
    "estimate": "estimating",
    "fit": "fitting",
    "integrate": "exact",
    "load": "inference_data",
    "load_dataset": "datasets",
    "sample": "sampling",
    "save": "inference_data",
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
