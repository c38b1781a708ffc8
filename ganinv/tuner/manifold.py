"""Samples of the manifold that tuning must leave intact."""

import logging
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..generator.family import Generator, at_once
from ..generator.mapping import Mapping
from .noise import noise_maps, noise_seeds
from .passes import one_pass

log = logging.getLogger(__name__)

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
    images: Tensor  # [M, 3, R, R], as rendered
    seeds: Tensor  # [M] of their noise (`noise.py`), on the CPU
    z: Tensor  # [M, z_dim]
    c: Tensor | None = None  # [M, c_dim], where the generator has labels

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Images of the untouched generator: E_x without data.  # [count, 3, R, R]"""
        return self.images[self.draw(count, generator=generator)]

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The chosen latents, their images and the seeds of their noise.  # [count] of each"""
        return self.ws[chosen], self.images[chosen], self.seeds[chosen.cpu()]

    def mapped(self, chosen: Tensor, mapping: Mapping) -> Tensor:
        """The chosen latents through a mapping that moves.  # [count] -> [count, num_ws, w_dim]"""
        return mapping(self.z[chosen], None if self.c is None else self.c[chosen])

    def draw(self, count: int, *, generator: torch.Generator) -> Tensor:
        """`count` indices into the store, with replacement."""
        return torch.randint(len(self.ws), [count], generator=generator).to(self.ws.device)


def fits(resolution: int) -> int:
    """How many images are stored at most."""
    return max(MAX_BYTES // (12 * resolution**2), 1)


def render(generator: Generator, ws: Tensor, seeds: Tensor, *, photo: dict[str, Tensor] | None = None) -> Tensor:
    """`ws` [N, num_ws, w_dim], `seeds` [N] -> [N, 3, R, R], as many at once as memory likes; `photo`: its noise."""
    batch = at_once(generator)
    pairs = zip(ws.split(batch), seeds.split(batch), strict=True)
    return torch.cat([one_pass(generator, part, noise_maps(generator, own, photo=photo or {})) for part, own in pairs])


@torch.no_grad()
def sample_manifold(generator: Generator, *, count: int, noise_share: float = 0, seed: int) -> Manifold:
    """`count` samples, ψ = 1 (and uniform labels, where there are labels); fewer where 256 MB are full.

    noise_share: of the images that have noise of their own, not the generator's constant maps.
    """
    fitting = fits(generator.img_resolution)
    if count > fitting:
        log.warning(
            "tuner.num_samples: %d images of %d pixels are kept, not %d", fitting, generator.img_resolution, count
        )
    latents = draw_latents(generator, min(count, fitting), noise_share=noise_share, seed=seed)
    return Manifold(**latents, images=render(generator, latents["ws"], latents["seeds"]))


def draw_latents(generator: Generator, count: int, *, noise_share: float, seed: int) -> dict[str, Any]:
    """`ws`, `z`, `c` and `seeds` of a `Manifold` of `count` samples."""
    random = torch.Generator().manual_seed(seed)
    device = generator.mapping.w_avg.device
    z, c = torch.randn(count, generator.z_dim, generator=random).to(device), None
    if generator.c_dim:
        c = torch.eye(generator.c_dim)[torch.randint(generator.c_dim, [count], generator=random)].to(device)
    seeds = noise_seeds(count, share=noise_share, random=random)
    return {"ws": generator.mapping(z, c), "z": z, "c": c, "seeds": seeds}
