"""Samples of a generator, on which directions are found: latents, pictures, style statistics."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dataset.pixels import to_uint8
from ..generator.family import Generator, at_once

CHUNK = 2000  # latents that are mapped at a time
NEWS = 1000  # pictures between two words in the log

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Samples:
    """Latents of `count` samples at a seed: sample i is the same whatever the count, on any machine."""

    z: Tensor  # [N, z_dim]
    w: Tensor  # [N, w_dim], untruncated
    seed: int
    psi: float  # of the pictures and the styles

    def truncated(self, w_avg: Tensor) -> Tensor:
        """w_avg + ψ (w − w_avg): what the pictures show.  # [N, w_dim]"""
        return w_avg.cpu().lerp(self.w, self.psi)


@torch.no_grad()
def draw(generator: Generator, *, count: int, seed: int, psi: float) -> Samples:
    """`count` samples on the CPU; of a generator with labels, uniform ones."""
    parts = list(stream(generator, count=count, seed=seed))
    return Samples(z=torch.cat([z for z, _ in parts]), w=torch.cat([w for _, w in parts]), seed=seed, psi=psi)


@torch.no_grad()
def stream(generator: Generator, *, count: int, seed: int, chunk: int = CHUNK) -> Iterator[tuple[Tensor, Tensor]]:
    """z [≤ chunk, z_dim] and w [≤ chunk, w_dim] of each chunk, on the CPU."""
    random = torch.Generator().manual_seed(seed)
    place = generator.mapping.w_avg.device
    for start in range(0, count, chunk):
        number = min(chunk, count - start)
        # one at a time, so that sample i does not depend on the chunks
        z = torch.stack([torch.randn(generator.z_dim, generator=random) for _ in range(number)])
        c = None
        if generator.c_dim:
            c = F.one_hot(torch.arange(start, start + number) % generator.c_dim, generator.c_dim).float().to(place)
        yield z, generator.mapping(z.to(place), c)[:, 0].cpu()


@torch.no_grad()
def pictures(generator: Generator, w: Tensor) -> Iterator[Tensor]:
    """`w` [N, w_dim], the same for all layers -> batches of uint8 [n, 3, R, R], constant noise."""
    place, done = generator.mapping.w_avg.device, 0
    for part in w.split(at_once(generator)):
        yield to_uint8(generator.synthesis(part.to(place)[:, None].expand(-1, generator.num_ws, -1)))
        if done // NEWS != (done + len(part)) // NEWS:
            log.info("%d of %d sampled pictures", done + len(part), len(w))
        done += len(part)


@torch.no_grad()
def styles_of(generator: Generator, w: Tensor) -> dict[str, Tensor]:
    """`w` [N, w_dim], the same for all layers -> styles by layer, [N, C] on the CPU."""
    place = generator.mapping.w_avg.device
    parts = [
        generator.synthesis.styles(part.to(place)[:, None].expand(-1, generator.num_ws, -1)) for part in w.split(CHUNK)
    ]
    return {name: torch.cat([part[name].cpu() for part in parts]) for name in parts[0]}


def style_statistics(generator: Generator, samples: Samples) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Mean and standard deviation of each channel of the styles over `samples`, by layer [C]."""
    styles = styles_of(generator, samples.truncated(generator.mapping.w_avg))
    return {n: s.mean(dim=0) for n, s in styles.items()}, {n: s.std(dim=0) for n, s in styles.items()}


def unit_of(samples: Samples) -> str:
    """In words, the spread that strength 1 is."""
    return f"over {len(samples.w):,} samples, seed {samples.seed}"
