"""Any Beta population with every theta explored: the joint density."""

from hierpool.models.beta_population import BetaPopulation, ExploresTheta
from hierpool.models.protocol import model


@model
class Joint(ExploresTheta):
    """The posterior of another model, with every theta explored beside its population.

    It is the same posterior, by the joint density: ``Joint(CollapsedPartialPooling())`` is
    ``PartialPooling()``. Take it to look at the joint density itself; else the model is quicker.

        tree = hp.fit(frame, "y", "n", model=hp.Joint(hp.GammaPartialPooling()))
    """

    population: BetaPopulation

    def collapsed(self) -> BetaPopulation:
        """Returns the model of the same posterior with theta integrated out."""
        return self.population
