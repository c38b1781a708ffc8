"""What the projector makes small."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..generator.discriminator import Discriminator
from ..loss.feature import LPIPS
from ..loss.matching import feature_matching, features
from . import noise as noise_maps
from .p_norm import PNorm

LOSS_SIDE = 256  # pixels to which larger images are reduced, but for the discriminator


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms; 0: the term is not there."""

    l1: float
    mse: float
    lpips: float
    feature: float
    p_norm: float
    noise_regularisation: float


class Criterion:
    """The weighted terms between images and `target` [N, 3, R, R] in [-1, 1], and those of the variables themselves."""

    def __init__(
        self,
        *,
        target: Tensor,
        weights: Weights,
        lpips: LPIPS | None,
        discriminator: Discriminator | None,
        p_norm: PNorm | None,
    ) -> None:
        self.target, self.weights = reduced(target), weights
        self.lpips = None if lpips is None else lpips.to(target.device)
        self.discriminator, self.p_norm = discriminator, p_norm
        self.features: list[Tensor] = []
        if discriminator is not None and weights.feature:
            with torch.no_grad():
                self.features = features(discriminator, target)

    def __call__(self, images: Tensor, ws: Tensor, maps: dict[str, Tensor]) -> Tensor:
        """`images` [N, 3, R, R] at `ws` [N, 1 or num_ws, w_dim] and noise `maps` [N, 1, r, r] -> [N]."""
        total = self._pixels(reduced(images))
        if self.discriminator is not None and self.features:
            total = total + self.weights.feature * feature_matching(features(self.discriminator, images), self.features)
        if self.p_norm is not None and self.weights.p_norm:
            total = total + self.weights.p_norm * self.p_norm(ws)
        for value in maps.values():
            total = total + self.weights.noise_regularisation * noise_maps.regularise(value)
        return total

    def _pixels(self, images: Tensor) -> Tensor:
        difference = images - self.target
        total = self.weights.l1 * difference.abs().mean(dim=[1, 2, 3])
        total = total + self.weights.mse * difference.square().mean(dim=[1, 2, 3])
        if self.lpips is not None and self.weights.lpips:
            total = total + self.weights.lpips * self.lpips(images, self.target)
        return total


def reduced(images: Tensor) -> Tensor:
    """Averaged down to LOSS_SIDE pixels where they are larger."""
    return F.interpolate(images, size=LOSS_SIDE, mode="area") if images.shape[-1] > LOSS_SIDE else images
