"""The joint density of any model with a Beta population, with every theta explored."""

from hierpool.models.beta_population import BetaPopulation, ExploresTheta
from hierpool.models.protocol import model


@model
class Joint(ExploresTheta):
    """The joint density of another model's population and every theta.

    The posterior is that of the other model: ``Joint(CollapsedPartialPooling())`` is the model
    ``PartialPooling()``. Use it to study the joint density itself; otherwise the other model is
    faster.

        tree = hp.fit(frame, "y", "n", model=hp.Joint(hp.GammaPartialPooling()))
    """

    population: BetaPopulation

    def collapsed(self) -> BetaPopulation:
        """Returns the model of the same posterior with theta integrated out."""
        return self.population
