"""Arguments with which NVIDIA's classes make the networks that an architecture record describes."""

from typing import Any

from ..discriminator import Discriminator
from ..stylegan2 import Generator

Keywords = dict[str, Any]


def generator_keywords(generator: Generator, architecture: Keywords) -> Keywords:
    """Arguments of stylegan2-ada-pytorch's Generator that make the same network."""
    return {
        "z_dim": generator.z_dim,
        "c_dim": generator.c_dim,
        "w_dim": generator.w_dim,
        "img_resolution": generator.img_resolution,
        "img_channels": generator.synthesis.img_channels,
        "mapping_kwargs": {
            "num_layers": generator.mapping.num_layers,
            "lr_multiplier": architecture.get("mapping_lr_multiplier", 0.01),
        },
        "synthesis_kwargs": {
            "channel_base": _base(architecture.get("channel_base", 32768)),
            "channel_max": architecture.get("channel_max", 512),
            "architecture": architecture.get("g_architecture", "skip"),
            "conv_clamp": architecture.get("conv_clamp"),
            "num_fp16_res": 0,
            "resample_filter": architecture.get("resample_filter") or [1, 3, 3, 1],
        },
    }


def discriminator_keywords(discriminator: Discriminator, architecture: Keywords) -> Keywords:
    """Arguments of its Discriminator."""
    end = discriminator.b4
    return {
        "c_dim": discriminator.c_dim,
        "img_resolution": discriminator.img_resolution,
        "img_channels": discriminator.img_channels,
        "channel_base": _base(_own(architecture, "channel_base", 32768)),
        "channel_max": _own(architecture, "channel_max", 512),
        "architecture": architecture.get("d_architecture", "resnet"),
        "conv_clamp": end.conv.clamp,
        "num_fp16_res": 0,
        "mapping_kwargs": _label_mapping(discriminator, architecture) if discriminator.c_dim else {},
        "block_kwargs": {"resample_filter": _own(architecture, "resample_filter", None) or [1, 3, 3, 1]},
        "epilogue_kwargs": {
            "mbstd_group_size": end.mbstd_group_size,
            "mbstd_num_channels": end.mbstd_num_channels,
        },
    }


def _label_mapping(discriminator: Discriminator, architecture: Keywords) -> Keywords:
    layers, multiplier = discriminator.mapping.num_layers, _own(architecture, "mapping_lr_multiplier", 0.01)
    return {"num_layers": layers, "lr_multiplier": multiplier}


def _base(channel_base: int | dict[str, int]) -> int:
    """One number, as these classes take no table: the base of the widest block."""
    return max(int(r) * c for r, c in channel_base.items()) if isinstance(channel_base, dict) else channel_base


def _own(architecture: Keywords, key: str, default: Any) -> Any:
    """What the discriminator has differently stands under "d_"."""
    return architecture.get(f"d_{key}", architecture.get(key, default))
