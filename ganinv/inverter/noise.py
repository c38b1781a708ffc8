"""Noise maps as variables of the projector (Karras et al. 2020, arXiv 1912.04958, appendix D)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST = 8  # pixels; coarser versions of a map are not regularised


def fresh(synthesis: nn.Module, *, count: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Normal maps in the place of the buffers `noise_const`, the same for each of `count` photos.  # [N, 1, r, r]"""
    sizes = {name: buffer for name, buffer in synthesis.named_buffers() if name.endswith("noise_const")}
    maps = {name: torch.randn(1, 1, *buffer.shape, generator=rng) for name, buffer in sizes.items()}
    return {name: value.repeat(count, 1, 1, 1).to(sizes[name].device) for name, value in maps.items()}


# L = Σ_maps Σ_levels mean(n · roll(n, x by 1))² + mean(n · roll(n, y by 1))², levels halved down to 8 pixels
def regularise(noise: Tensor) -> Tensor:
    """How far neighbours in a map are correlated, at every scale: it keeps the photo out of the map.

    `noise` [N, 1, r, r] -> [N].
    """
    total = noise.new_zeros(len(noise))
    while True:
        for axis in (2, 3):
            total = total + (noise * noise.roll(1, dims=axis)).mean(dim=[1, 2, 3]).square()
        if noise.shape[2] <= SMALLEST:
            return total
        noise = F.avg_pool2d(noise, 2)


@torch.no_grad()
def renormalise_(noise: Tensor) -> None:
    """In place: each map [r, r] of `noise` to mean 0 and variance 1."""
    noise -= noise.mean(dim=[2, 3], keepdim=True)
    noise *= noise.square().mean(dim=[2, 3], keepdim=True).rsqrt()
