"""Our networks as a checkpoint of rosinality's stylegan2-pytorch: `g_ema`, `latent_avg` and, where it fits, `d`."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...files import write_bytes
from ..checkpoint import Prior
from ..layers import filter_2d
from ..stylegan2 import Generator
from ..synthesis import SQRT_HALF
from .rosinality_names import (
    Pair,
    discriminator_kernels,
    discriminator_pairs,
    generator_kernels,
    mapping_pairs,
    synthesis_pairs,
)

FIXED = {
    "c_dim": (0, "labels"),
    "img_channels": (3, "other channels than red, green and blue"),
    "mapping_lr_multiplier": (0.01, "another learning rate of the mapping network than 0.01"),
    "g_architecture": ("skip", "another generator than the one with skips to the image"),
    "resample_filter": ([1, 3, 3, 1], "another low-pass filter than 1, 3, 3, 1"),
}
FIXED_D = {
    "d_architecture": ("resnet", "a residual discriminator"),
    "mbstd_group_size": (4, "groups of 4 images in its minibatch standard deviation"),
    "mbstd_num_channels": (1, "one map of its minibatch standard deviation"),
}
TRIED = 8  # images on which a clamp must not act


def write(target: Path, prior: Prior) -> list[str]:
    """Write `prior` whole or not at all; what was left out, in sentences. Raises InputError where G does not fit."""
    record, notes = content(prior)
    buffer = io.BytesIO()
    torch.save(record, buffer)
    write_bytes(target, buffer.getvalue())
    return notes


def content(prior: Prior) -> tuple[dict[str, Any], list[str]]:
    """What the file holds, and notes."""
    _expect_fit(prior)
    notes = _clamp_notes(prior)
    generator, architecture = prior.generator.state_dict(), prior.architecture
    resolution = prior.generator.img_resolution
    pairs = mapping_pairs(prior.generator.mapping.num_layers) + synthesis_pairs(resolution)
    kernel = filter_2d([1, 3, 3, 1])
    record: dict[str, Any] = {"g_ema": _renamed(generator, pairs) | _all(generator_kernels(resolution), 4 * kernel)}
    record["latent_avg"] = generator["mapping.w_avg"].detach().cpu().clone()
    missing = [words for key, (value, words) in FIXED_D.items() if _of(architecture, key, value) != value]
    if prior.discriminator is None or missing:
        reason = f"the format holds only one with {missing[0]}" if missing else "the prior has none"
        return record, [*notes, f"No discriminator was written: {reason}."]
    kernels = _all(discriminator_kernels(resolution), kernel)
    record["d"] = _renamed(prior.discriminator.state_dict(), discriminator_pairs(resolution)) | kernels
    return record, notes


def _of(architecture: dict[str, Any], key: str, default: Any) -> Any:
    """What the discriminator has differently stands under "d_"; otherwise it is the generator's."""
    value = architecture.get(key, architecture.get(key.removeprefix("d_"), default))
    return default if value is None and key == "resample_filter" else value


def _expect_fit(prior: Prior) -> None:
    generator = prior.generator
    if not isinstance(generator, Generator):
        raise InputError(f"{prior.name}: rosinality's format holds StyleGAN2 alone; export to nvidia or ganinv")
    wrong = [words for key, (value, words) in FIXED.items() if _of(prior.architecture, key, value) != value]
    if generator.z_dim != generator.w_dim:
        wrong.append(f"a z of {generator.z_dim} values beside a w of {generator.w_dim}")
    if generator.img_resolution < 8 or not generator.mapping.num_layers:
        wrong.append("less than 8 pixels or no mapping layers")
    if wrong:
        raise InputError(f"{prior.name}: rosinality's format cannot hold {wrong[0]}; export to nvidia or ganinv")


@torch.no_grad()
def _clamp_notes(prior: Prior) -> list[str]:
    """Whether the networks' clamps, which the format lacks, act on images of random z."""
    random = torch.Generator().manual_seed(0)
    zs = torch.randn(TRIED, prior.generator.z_dim, generator=random).split(1)
    notes = []
    for network, run in (("generator", prior.generator), ("discriminator", _judged(prior))):
        limit, largest = _largest(run, zs)
        if limit is None:
            continue
        if largest >= limit * SQRT_HALF:  # the least gain that scales a limit
            raise InputError(
                f"{prior.name}: rosinality's format cannot hold the {network}'s clamp at {limit:g}, where values reach"
                f" {largest:.3g}; export to nvidia or ganinv"
            )
        notes.append(f"The {network}'s clamp at {limit:g} was left out: on {TRIED} images values reach {largest:.3g}.")
    return notes


def _judged(prior: Prior) -> nn.Module:
    return nn.Sequential(prior.generator, *([prior.discriminator] if prior.discriminator else []))


def _largest(module: nn.Module, zs: Sequence[Tensor]) -> tuple[float | None, float]:
    """The least clamp of the layers in the last network of `module`, and the largest value that comes out of them."""
    network = module[-1] if isinstance(module, nn.Sequential) else module
    layers = [layer for layer in network.modules() if getattr(layer, "clamp", None) is not None]
    values: list[float] = []
    hooks = [layer.register_forward_hook(lambda _, __, out: values.append(out.abs().max().item())) for layer in layers]
    for z in zs if layers else ():
        module(z)
    for hook in hooks:
        hook.remove()
    return min((layer.clamp for layer in layers), default=None), max(values, default=0)  # pyright: ignore


def _renamed(state: dict[str, Tensor], pairs: list[Pair]) -> dict[str, Tensor]:
    return {pair.theirs: _reshaped(state[pair.ours], pair) for pair in pairs}


def _reshaped(tensor: Tensor, pair: Pair) -> Tensor:
    shape = (*[1] * pair.lead, *tensor.shape, *[1] * pair.trail)
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format).reshape(shape)


def _all(names: list[str], kernel: Tensor) -> dict[str, Tensor]:
    return {name: kernel.clone() for name in names}
