"""The networks of a new prior: widths by resolution and device, so that small ones stay small."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch
from pydantic import Field

from ..generator.build import build_discriminator, build_generator
from ..generator.discriminator import Discriminator
from ..generator.stylegan2 import Generator

Count = Annotated[int, Field(gt=0)]
SMALL = 128  # pixels; larger networks have the widths of stylegan2-ada's "auto"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A StyleGAN2: what is None is chosen by resolution and device.

    channel_base, channel_max: a block's width is min(base / resolution, max), in G and in D. z_dim: of z and w.
    mapping_layers: of the mapping network. conv_clamp: limit of activations, for bfloat16.
    """

    channel_base: Count | None = None
    channel_max: Count | None = None
    z_dim: Count | None = None
    mapping_layers: Annotated[int, Field(gt=0, le=16)] | None = None
    conv_clamp: Annotated[float, Field(gt=0)] | None = None
    mbstd_group_size: Count = 4

    def architecture(self, resolution: int, device: torch.device) -> dict[str, Any]:
        """The architecture record of a new prior."""
        own = {key: value for key, value in asdict(self).items() if value is not None}
        chosen = automatic(resolution, device) | own
        return chosen | {
            "family": "stylegan2",
            "w_dim": chosen["z_dim"],
            "c_dim": 0,
            "img_resolution": resolution,
            "img_channels": 3,
            "mapping_lr_multiplier": 0.01,
            "g_architecture": "skip",
            "d_architecture": "resnet",
            "mbstd_num_channels": 1,
            "resample_filter": [1, 3, 3, 1],
            "num_ws": 2 * (resolution.bit_length() - 2),
        }


def automatic(resolution: int, device: torch.device) -> dict[str, int]:
    """Widths: up to 128 pixels such that G and D take at most 12 MB in half precision, and half of that on a CPU.

    64 pixels: 10.7 MB (GPU), 4.6 MB (CPU). Above: those of stylegan2-ada's "auto".
    """
    if resolution > SMALL:
        base = 32768 if resolution >= 512 else 16384
        return {"channel_base": base, "channel_max": 512, "z_dim": 512, "mapping_layers": 2}
    wide = device.type == "cuda"
    base = min(64 * resolution, 4096) if wide else 32 * resolution
    return {"channel_base": base, "channel_max": 192 if wide else 128, "z_dim": 128, "mapping_layers": 4}


def new_networks(architecture: dict[str, Any], *, seed: int) -> tuple[Generator, Discriminator]:
    """Random weights from `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    assert isinstance(generator, Generator)
    return generator, discriminator
