"""No tuning: the generator stays as it is, and the inverter's latent is the whole result."""

from torch import Tensor

from ..generator.checkpoint import Prior
from ..inverter.latent import Latent
from ..loss.objective import Objective
from .tuned import Tuned


class NoTuning:
    """(prior, photo, latent) -> the prior's own generator, in no steps. `objective`: not asked for anything."""

    def __init__(self, *, objective: Objective) -> None:
        pass

    def __call__(self, *, prior: Prior, image: Tensor, latent: Latent, seed: int, name: str = "photo") -> Tuned:
        """As `Tune`; nothing of the generator differs."""
        return Tuned(prior.generator, moved={}, curve=[], steps=0, seconds=0.0, stopped="not tuned")

    def fits(self, prior: Prior) -> None:
        """Every prior does."""
