"""Which noise each image of a step is made with.

An image has a seed: of noise of its own, `CONSTANT` for the generator's stored maps, or `PHOTO` for those that the
inverter kept for the photo (where it kept none, the stored ones).
"""

import torch
from torch import Tensor

from ..generator.family import Generator
from ..inverter.latent import Latent

CONSTANT, PHOTO = -1, -2


def noise_seeds(count: int, *, share: float, random: torch.Generator) -> Tensor:
    """For `count` images, about `share` of them with noise of their own, the others `CONSTANT`.  # [count]"""
    seeds = torch.randint(2**31, [count], generator=random)
    return seeds.where(torch.rand(count, generator=random) < share, CONSTANT)


def noise_maps(generator: Generator, seeds: Tensor, *, photo: dict[str, Tensor]) -> dict[str, Tensor]:
    """Maps by name, one an image; {} where the stored ones serve all.  # [N], [1, r, r] by name -> [N, 1, r, r]"""
    if int(seeds.max()) < 0 and not (photo and PHOTO in seeds):
        return {}
    named = [
        *generator.synthesis.named_buffers(),
        *generator.synthesis.named_parameters(),
    ]  # these where they are tuned
    stored = {name: value[None] for name, value in named if name.endswith("noise_const")}
    chosen = [_chosen(stored, int(seed), photo) for seed in seeds]
    return {name: torch.stack([maps[name] for maps in chosen]) for name in stored}


def _chosen(stored: dict[str, Tensor], seed: int, photo: dict[str, Tensor]) -> dict[str, Tensor]:
    if seed < 0:
        return stored | photo if seed == PHOTO else stored
    random = torch.Generator().manual_seed(seed)  # on the CPU, so that every device has the same
    return {name: torch.randn(value.shape, generator=random).to(value) for name, value in stored.items()}


def photo_noise(generator: Generator, latent: Latent, *, tuned: bool) -> dict[str, Tensor] | None:
    """The noise maps that the inverter kept: the photo's own, or, where maps are tuned, the generator's start."""
    device = generator.mapping.w_avg.device
    maps = {name: value.to(device) for name, value in (latent.noise or {}).items()}
    if not tuned:
        return maps or None
    for name, value in maps.items():
        generator.synthesis.get_buffer(name).copy_(value[0])
    return None
