"""The mean latent, where an optimisation starts: the same for every photo."""

from torch import Tensor

from ..generator.checkpoint import Prior
from .latent import Latent


class Mean:
    """w_avg for every photo and layer."""

    def fits(self, prior: Prior) -> None:
        """Any prior has one."""

    def __call__(self, *, prior: Prior, images: Tensor, seed: int, names: list[str] | None = None) -> Latent:
        """See `Inverter`."""
        generator = prior.generator
        ws = generator.mapping.w_avg.to(images.device).repeat(len(images), generator.num_ws, 1)
        return Latent(ws=ws, space="w")
