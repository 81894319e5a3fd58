"""What is said of a fit or an integration that did not converge.

It knows no tree, so that ``estimate`` need not load xarray.
"""


class ConvergenceWarning(UserWarning):
    """The draws of a fit should not be trusted; the message says why, and what to change.

    Examples:
        >>> import warnings
        >>> import hierpool as hp
        >>> frame = {"hits": [18, 7, 12], "at_bats": [45, 45, 45]}
        >>> nuts = hp.NUTS(num_chains=1)
        >>> with warnings.catch_warnings(action="error", category=hp.ConvergenceWarning):
        ...     hp.fit(frame, "hits", "at_bats", model="collapsed", inference=nuts)
        Traceback (most recent call last):
        hierpool.posterior.convergence.ConvergenceWarning: R-hat compares chains, and there...
    """


def missed(of: str, error: float, what: str = "its error") -> str:
    """Returns the sentence for an integration that missed its tolerance.

    Args:
        of: text that names the integration, as " of 'A'" or " under kappa_log_rate=5"; may be
            empty.
        error: its estimated error.
        what: name of the quantity that has this error.
    """
    return (
        f"The integration{of} did not reach its tolerance: {what} may be {error:.1g}, after four "
        "doublings of the nodes; begin with more: inference=Quadrature(num_nodes=256) "
        "(--nodes 256)."
    )
