"""The discriminator's word on images: at the photo (local) and on the rest of the manifold (global).

Everything here takes logits, which are positive for "real", and returns one value per image. With D = sigmoid(logit):
log D = −softplus(−logit), log(1 − D) = −softplus(logit).
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import jvp
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ..generator.discriminator import Discriminator

Form = Literal["non_saturating", "saturating"]


def generator_loss(fake: Tensor, *, form: Form = "non_saturating") -> Tensor:
    """What the generator minimises: −log D(G) or, saturating, log(1 − D(G)).  # [N] -> [N]

    Goodfellow et al. 2014, equation 1 and the remark after it.
    """
    return F.softplus(-fake) if form == "non_saturating" else -F.softplus(fake)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−[log D(x) + log(1 − D(G))], which the discriminator minimises.  # [N], [N] -> [N]"""
    return F.softplus(-real) + F.softplus(fake)


def r1_penalty(discriminator: Discriminator, real: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """‖∇_x D(x)‖² at real images (Mescheder et al. 2018, equation 9, without γ/2).  # [N, 3, H, W] -> [N]

    Where the discriminator takes its images in parts, the sum's gradient is right, not each image's own.
    """
    real = real.detach().requires_grad_(True)
    in_parts = discriminator.micro_batch is not None and len(real) > discriminator.micro_batch
    logits = discriminator(real, dtype=dtype)
    gradient = torch.autograd.grad(logits.sum(), real, create_graph=not in_parts)[0]
    penalty = gradient.square().sum(dim=[1, 2, 3])
    if not in_parts:
        return penalty
    # With v = ∇_x D held fixed, the gradient of ‖∇_x D‖² by the weights is that of 2 ⟨∇_x D, v⟩.
    slope = 2 * _along(discriminator, real.detach(), gradient, dtype=dtype)
    return penalty + slope - slope.detach()


def _along(discriminator: Discriminator, x: Tensor, v: Tensor, *, dtype: torch.dtype) -> Tensor:
    """The logits' derivative along `v` in forward mode, which can be taken in parts.  # two of [N, 3, H, W] -> [N]"""
    assert discriminator.micro_batch is not None

    def forward(x: Tensor, v: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return _slope(partial(discriminator.features, dtype=dtype), (x,), (v,))

    pairs = zip(x.split(discriminator.micro_batch), v.split(discriminator.micro_batch), strict=True)
    rows = [checkpoint(forward, *pair, use_reentrant=False) for pair in pairs]
    values, slopes = (tuple(map(torch.cat, zip(*part, strict=True))) for part in zip(*rows, strict=True))  # pyright: ignore
    return _slope(discriminator.b4, values, slopes)[1][:, 0]


def _slope(function: Callable, x: tuple[Tensor, ...], v: tuple[Tensor, ...]) -> Any:
    """`function` at `x` and its derivative along `v`."""
    with warnings.catch_warnings():
        # torch 2.14 prepares its forward mode in a way that is going away.
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
        return jvp(function, x, v)


def photo_logit(
    discriminator: Discriminator, photo: Tensor, companions: Tensor, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The logit of one image within a group filled up with `companions`.  # [1, 3, H, W], [M, 3, H, W] -> [1]

    Minibatch standard deviation compares the images of a group: a lone photo has none, which by itself looks fake.
    So the photo stands with real images and its reconstruction with generated ones, in one group of the size that the
    discriminator was trained with; where that was its whole batch, in one of M, and at least 2. The companions take no
    gradient.
    """
    size = max(len(companions), 2) if discriminator.compares_whole_batch else discriminator.group_size
    missing = size - 1
    if len(companions) < missing:
        raise ValueError(f"companions: a group of {missing + 1} needs {missing} of them, got {len(companions)}")
    group = torch.cat([photo, companions[:missing].detach()])
    return discriminator(group, dtype=dtype)[:1]
