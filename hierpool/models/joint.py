"""The joint density of any model with a Beta population, with every theta explored."""

from hierpool.models.beta_population import BetaPopulation, ExploresTheta
from hierpool.models.protocol import model


@model
class Joint(ExploresTheta):
    """The joint density of another model's population and every theta.

    The posterior is that of the other model: ``Joint(CollapsedPartialPooling())`` is the model
    ``PartialPooling()``. Use it to study the joint density itself; otherwise the other model is
    faster. The position is that of the other model and ``logit_theta`` (group,).

    Args:
        population: a model with a Beta population and theta integrated out, such as
            ``GammaPartialPooling(...)`` or a model of your own derived from ``LogKappa``.

    Raises:
        TypeError: a keyword is not ``population``.

    Examples:
        >>> import hierpool as hp
        >>> model = hp.Joint(hp.CollapsedPartialPooling(kappa_log_rate=1.0))
        >>> model.collapsed()
        CollapsedPartialPooling(kappa_log_rate=1.0, phi_alpha=1.0, phi_beta=1.0)
    """

    population: BetaPopulation

    def collapsed(self) -> BetaPopulation:
        """Returns the model of the same posterior with theta integrated out."""
        return self.population
