"""Samples of the manifold that tuning must leave intact."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ..generator.stylegan2 import Generator

MAX_BYTES = 256 * 2**20  # of stored images: 5,461 at 64 pixels, 21 at 1024


@runtime_checkable
class Reals(Protocol):
    """Images of the domain, for E_x."""

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """-> [count, 3, R, R] in [-1, 1]."""
        ...


@dataclass(frozen=True)
class Manifold:
    """Latents with the untouched generator's images at them, drawn once for a run."""

    ws: Tensor  # [M, num_ws, w_dim]
    images: Tensor  # [M, 3, R, R], as rendered, with the constant noise

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Images of the untouched generator: E_x without data.  # [count, 3, R, R]"""
        return self.images[self.draw(count, generator=generator)]

    def draw(self, count: int, *, generator: torch.Generator) -> Tensor:
        """`count` indices into the store, with replacement."""
        return torch.randint(len(self.ws), [count], generator=generator).to(self.ws.device)


@torch.no_grad()
def sample_manifold(generator: Generator, *, count: int, seed: int, batch: int = 32) -> Manifold:
    """At most `count` samples, ψ = 1 (and uniform labels, where there are labels); fewer where 256 MB are full."""
    count = max(min(count, MAX_BYTES // (12 * generator.img_resolution**2)), 16)
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(count, generator.z_dim, generator=random)
    c = None
    if generator.c_dim:
        c = torch.eye(generator.c_dim)[torch.randint(generator.c_dim, [count], generator=random)]
    device = generator.mapping.w_avg.device
    ws = generator.mapping(z.to(device), None if c is None else c.to(device))
    images = torch.cat([generator.synthesis(part) for part in ws.split(batch)])
    return Manifold(ws=ws, images=images)
