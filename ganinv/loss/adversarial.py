"""The discriminator's word on images: at the photo (local) and on the rest of the manifold (global).

Everything here takes logits, which are positive for "real", and returns one value per image. With D = sigmoid(logit):
log D = −softplus(−logit), log(1 − D) = −softplus(logit).
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

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
    """‖∇_x D(x)‖² at real images (Mescheder et al. 2018, equation 9, without γ/2).  # [N, 3, H, W] -> [N]"""
    real = real.detach().requires_grad_(True)
    gradient = torch.autograd.grad(discriminator(real, dtype=dtype).sum(), real, create_graph=True)[0]
    return gradient.square().sum(dim=[1, 2, 3])


def photo_logit(
    discriminator: Discriminator, photo: Tensor, companions: Tensor, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The logit of one image within a group filled up with `companions`.  # [1, 3, H, W], [M, 3, H, W] -> [1]

    Minibatch standard deviation compares the images of a group: a lone photo has none, which by itself looks fake.
    So the photo stands with real images and its reconstruction with generated ones, in one group of the size that the
    discriminator was trained with. The companions take no gradient.
    """
    missing = discriminator.group_size - 1
    if len(companions) < missing:
        raise ValueError(f"companions: a group of {missing + 1} needs {missing} of them, got {len(companions)}")
    group = torch.cat([photo, companions[:missing].detach()])
    return discriminator(group, dtype=dtype)[:1]
