"""The average of a network's weights over its training, which is what is used afterwards."""

import torch
from torch import nn


# β = 0.5^(batch / half-life), the half-life at most `rampup` of what has been shown (StyleGAN2-ADA, appendix D).
def decay(*, images: int, batch: int, kimg: float, rampup: float | None) -> float:
    """The old average's share at a step of `batch` images after `images`; `kimg`: half-life in thousands of images."""
    half_life = kimg * 1000
    if rampup is not None:
        half_life = min(half_life, images * rampup)
    return 0.5 ** (batch / max(half_life, 1e-8))


@torch.no_grad()
def average(mean: nn.Module, network: nn.Module, *, decay: float) -> None:
    """`mean` moves towards `network`; buffers (noise maps, the mean of w, statistics) are copied."""
    for own, current in zip(mean.parameters(), network.parameters(), strict=True):
        own.lerp_(current, 1 - decay)
    for own, current in zip(mean.buffers(), network.buffers(), strict=True):
        own.copy_(current)
