"""Which optimiser moves which weights."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..generator.discriminator import Discriminator
from .muon import Muon
from .settings import Schedule


def generator_optimizers(moving: dict[str, nn.Parameter], schedule: Schedule) -> list[Optimizer]:
    """Adam for all; or Muon for the convolutions with a kernel, and Adam for what is left."""
    matrices = [weight for weight in moving.values() if schedule.optimizer == "muon" and is_matrix(weight)]
    rest = [weight for weight in moving.values() if not any(weight is matrix for matrix in matrices)]
    optimizers: list[Optimizer] = []
    if matrices:
        optimizers.append(Muon(matrices, lr=schedule.muon_lr, momentum=schedule.muon_momentum))
    if rest:
        optimizers.append(torch.optim.Adam(rest, lr=schedule.lr, betas=schedule.betas, fused=True))
    return optimizers


def discriminator_optimizer(discriminator: Discriminator, schedule: Schedule) -> Optimizer:
    """Adam without momentum, as StyleGAN2 trains its discriminator."""
    parameters = discriminator.requires_grad_(True).parameters()
    return torch.optim.Adam(parameters, lr=schedule.discriminator_lr, betas=(0.0, 0.99), fused=True)


def is_matrix(weight: Tensor) -> bool:
    """Whether it is a convolution's with a kernel: [out, in, 3, 3], not ToRGB's [3, in, 1, 1]."""
    return weight.ndim == 4 and weight.shape[2] > 1
