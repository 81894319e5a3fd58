"""Who is compared: every contender's name, its module, and what it needs to be installed."""

from importlib import import_module
from typing import Any, NamedTuple


class Contender(NamedTuple):
    """One way to fit the model."""

    label: str
    """What the tables call it."""
    module: str
    """File of this folder that imports it, in a process of its own."""
    factory: str
    """Class of that file."""
    options: dict[str, Any] = {}
    """What the class is given."""
    is_peer: bool = True
    """Whether it is somebody else's."""

    def make(self) -> Any:
        """Returns the contender's sampler. Imports what it needs."""
        return getattr(import_module(f"benchmarks.peers.{self.module}"), self.factory)(
            **self.options
        )


def _hierpool(label: str, model: str, **options: Any) -> Contender:
    return Contender(label, "hierpool", "Hierpool", {"model": model, **options}, False)


def _numpyro(method: str) -> Contender:
    label = f"NumPyro, `MCMC.run`, {method}"
    return Contender(label, "numpyro", "Plain", {"chain_method": method})


METHODS = ("parallel", "vectorized", "sequential")
JOINT, COLLAPSED = "PartialPooling", "CollapsedPartialPooling"
CONTENDERS = {
    "joint": _hierpool("hierpool, joint NUTS", JOINT),
    "collapsed": _hierpool("hierpool, collapsed NUTS", COLLAPSED),
    "quadrature": _hierpool("hierpool, Quadrature draws", COLLAPSED, quadrature=True),
    "joint-population": _hierpool(
        "hierpool, joint NUTS, population kept alone", JOINT, hyperparameters_only=True
    ),
    "collapsed-population": _hierpool(
        "hierpool, collapsed NUTS, population alone", COLLAPSED, hyperparameters_only=True
    ),
    **{
        f"{name}-{method}": _hierpool(
            f"hierpool, {name} NUTS, {method}", model, chain_method=method
        )
        for name, model in (("joint", JOINT), ("collapsed", COLLAPSED))
        for method in METHODS
    },
    "pymc": Contender("PyMC", "pymc", "PyMC"),
    "nutpie": Contender("PyMC + nutpie", "pymc", "Nutpie"),
    "numpyro": Contender("NumPyro, compiled once", "numpyro", "CompiledOnce"),
    **{f"numpyro-{method}": _numpyro(method) for method in METHODS},
    "blackjax": Contender("BlackJAX, vmapped", "blackjax", "BlackJAX"),
    "stan": Contender("Stan (PyStan)", "stan", "Stan"),
}
PEERS = ("pymc", "nutpie", "numpyro", "blackjax", "stan")
"""The peers that every work is measured with."""
ON_JAX = ("quadrature", "numpyro", "blackjax")
"""Contenders whose compiled programs only JAX's own cache keeps from one process to the next."""
PACKAGES = (
    *("hierpool", "jax", "jaxlib", "blackjax", "numpy", "scipy", "pandas", "arviz-stats"),
    *("pymc", "pytensor", "nutpie", "numba", "numpyro", "pystan", "httpstan"),
    *("proportions", "statsmodels"),
)
"""What the tables tell the versions of."""
