"""Distance in the features of a prior's own discriminator: perceptual, without a network from elsewhere."""

import torch
from torch import Tensor

from ..generator.discriminator import Discriminator


def features(discriminator: Discriminator, images: Tensor) -> list[Tensor]:
    """`images` [N, 3, R, R] in [-1, 1] -> each block's output [N, C, r, r], of unit length over C at every pixel."""
    return [x * torch.rsqrt(x.square().sum(dim=1, keepdim=True) + 1e-8) for x in discriminator.block_features(images)]


# Σ_l mean_hw ‖f_l(a) − f_l(b)‖²
def feature_matching(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Two images' `features` -> [N].

    Matched features of a discriminator (Wang et al. 2018, arXiv 1711.11585, section 3.2), normalised and compared as
    in LPIPS (Zhang et al. 2018, arXiv 1801.03924, eq. 1) with all channels weighing the same.
    """
    distances = [(x - y).square().sum(dim=1).mean(dim=[1, 2]) for x, y in zip(a, b, strict=True)]
    return torch.stack(distances).sum(dim=0)
