"""Which optimiser moves which weights."""

import torch
from torch import nn
from torch.optim import Optimizer

from ..generator.discriminator import Discriminator
from .muon import Muon
from .parameters import is_matrix
from .settings import Schedule
from .whitening import Whitening


def generator_optimizers(
    moving: dict[str, nn.Parameter], schedule: Schedule, *, whitenings: dict[str, Whitening]
) -> list[Optimizer]:
    """Adam for all; or Muon for the convolutions with a kernel, whitened or not, and Adam for what is left."""
    matrices = {name: weight for name, weight in moving.items() if schedule.optimizer != "adam" and is_matrix(weight)}
    rest = [weight for name, weight in moving.items() if name not in matrices]
    optimizers: list[Optimizer] = []
    if matrices:
        own = {weight: whitenings[name] for name, weight in matrices.items()} if whitenings else {}
        lr = schedule.whitened_lr if own else schedule.muon_lr
        optimizers.append(Muon(matrices.values(), lr=lr, momentum=schedule.muon_momentum, whitenings=own))
    if rest:
        optimizers.append(torch.optim.Adam(rest, lr=schedule.lr, betas=schedule.betas, fused=True))
    return optimizers


def discriminator_optimizer(discriminator: Discriminator, schedule: Schedule) -> Optimizer:
    """Adam without momentum, as StyleGAN2 trains its discriminator."""
    parameters = discriminator.requires_grad_(True).parameters()
    return torch.optim.Adam(parameters, lr=schedule.discriminator_lr, betas=(0.0, 0.99), fused=True)
