"""Our networks as a checkpoint of rosinality's stylegan2-pytorch: `g_ema`, `latent_avg` and, where it fits, `d`."""

import io
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...files import write_bytes
from ..discriminator import Discriminator
from ..layers import filter_2d
from ..prior import Prior
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

log = logging.getLogger(__name__)
TAPS = [1, 3, 3, 1]  # of its only low-pass filter
FIXED = {
    "c_dim": (0, "labels"),
    "img_channels": (3, "other channels than red, green and blue"),
    "mapping_lr_multiplier": (0.01, "another learning rate of the mapping network than 0.01"),
    "g_architecture": ("skip", "another generator than the one with skips to the image"),
}
FIXED_D = {
    "d_c_dim": (0, "no labels"),
    "d_architecture": ("resnet", "a residual discriminator"),
    "mbstd_group_size": (4, "groups of 4 images in its minibatch standard deviation"),
    "mbstd_num_channels": (1, "one map of its minibatch standard deviation"),
}
TRIED = 8  # images on which a clamp must not act
LARGE, TRIED_LARGE = 512, 2  # from so many pixels on an image takes seconds, and fewer are tried


def write(target: Path, prior: Prior) -> list[str]:
    """Write `prior` whole or not at all; what was left out, in sentences. Raises InputError where G does not fit."""
    record, notes = content(prior)
    buffer = io.BytesIO()
    torch.save(record, buffer)
    write_bytes(target, buffer.getvalue())
    return notes


def content(prior: Prior) -> tuple[dict[str, Any], list[str]]:
    """What the file holds, and notes."""
    generator = _fitting(prior)
    discriminator, notes = _discriminator(prior)
    notes = [*_clamp_notes(generator, discriminator, prior.name), _constructor(generator, discriminator), *notes]
    state, resolution = generator.state_dict(), generator.img_resolution
    pairs = mapping_pairs(generator.mapping.num_layers) + synthesis_pairs(resolution)
    kernel = filter_2d(TAPS)
    record: dict[str, Any] = {"g_ema": _renamed(state, pairs) | _all(generator_kernels(resolution), 4 * kernel)}
    record["latent_avg"] = state["mapping.w_avg"].detach().cpu().clone()
    if discriminator is not None:
        kernels = _all(discriminator_kernels(resolution), kernel)
        record["d"] = _renamed(discriminator.state_dict(), discriminator_pairs(resolution)) | kernels
    return record, notes


def _discriminator(prior: Prior) -> tuple[Discriminator | None, list[str]]:
    """The discriminator where the format can hold it; a note where not."""
    if prior.discriminator is None:
        return None, ["No discriminator was written: the prior has none."]
    missing = [words for key, (value, words) in FIXED_D.items() if _of(prior.architecture, key, value) != value]
    missing += [] if _has_its_filter(prior.discriminator) else ["the low-pass filter 1, 3, 3, 1"]
    if not missing:
        return prior.discriminator, []
    return None, [f"No discriminator was written: the format holds only one with {missing[0]}."]


def _has_its_filter(network: nn.Module) -> bool:
    """Asked of the buffers themselves, which need not be what the record says."""
    filters = (buffer for name, buffer in network.named_buffers() if name.endswith("resample_filter"))
    return all(torch.equal(each.cpu(), filter_2d(TAPS)) for each in filters)


def _of(architecture: dict[str, Any], key: str, default: Any) -> Any:
    """What the discriminator has differently stands under "d_"; otherwise it is the generator's."""
    return architecture.get(key, architecture.get(key.removeprefix("d_"), default))


def _fitting(prior: Prior) -> Generator:
    """The generator. Raises InputError where the format cannot hold it."""
    generator = prior.generator
    if not isinstance(generator, Generator):
        raise InputError(f"{prior.name}: rosinality's format holds StyleGAN2 alone; export to nvidia or ganinv")
    wrong = [words for key, (value, words) in FIXED.items() if _of(prior.architecture, key, value) != value]
    if generator.z_dim != generator.w_dim:
        wrong.append(f"a z of {generator.z_dim} values beside a w of {generator.w_dim}")
    if not _has_its_filter(generator):
        wrong.append("another low-pass filter than 1, 3, 3, 1")
    if generator.img_resolution < 8 or not generator.mapping.num_layers:
        wrong.append("less than 8 pixels or no mapping layers")
    if wrong:
        raise InputError(f"{prior.name}: rosinality's format cannot hold {wrong[0]}; export to nvidia or ganinv")
    return generator


# Channels of rosinality's classes: 512 at 4 to 32 pixels, then m · 16384 / r, with m the channel_multiplier.
def _constructor(generator: Generator, discriminator: Discriminator | None) -> str:
    """How rosinality's scripts make networks of these widths, or that they cannot."""
    size, widths = generator.img_resolution, _widths(generator)
    multiplier = widths[size] * size // 16384 if size > 32 else 2  # up to 32 pixels any will do
    table = {r: 512 if r <= 32 else multiplier * 16384 // r for r in widths}
    if widths != table or (discriminator is not None and _widths_d(discriminator) != table):
        return "Its widths are not those of rosinality's classes, whose table of channels must be changed to load it."
    arguments = f"{size}, {generator.w_dim}, {generator.mapping.num_layers}, channel_multiplier={multiplier}"
    of_d = "" if discriminator is None else f", its discriminator as Discriminator({size}, {multiplier})"
    return f"rosinality's scripts make its generator as Generator({arguments}){of_d}."


def _widths(generator: Generator) -> dict[int, int]:
    """Channels by resolution."""
    return {block.conv1.resolution: block.conv1.weight.shape[0] for block in generator.synthesis.blocks().values()}


def _widths_d(discriminator: Discriminator) -> dict[int, int]:
    names = {r: f"b{r}.conv0.bias" for r in discriminator.resolutions} | {4: "b4.conv.bias"}
    return {r: len(discriminator.get_parameter(name)) for r, name in names.items()}


@torch.no_grad()
def _clamp_notes(generator: Generator, discriminator: Discriminator | None, name: str) -> list[str]:
    """Whether the networks' clamps, which the format lacks, act on images of random z."""
    networks = {"generator": generator, "discriminator": discriminator}
    clamped = {what: _clamped(network) for what, network in networks.items() if network is not None}
    if not any(clamped.values()):
        return []
    count = TRIED if generator.img_resolution < LARGE else TRIED_LARGE
    log.info("%s: %d images are made, to see whether its clamp acts on them", name, count)
    largest = _largest(generator, discriminator if clamped.get("discriminator") else None, count)
    notes = []
    for what, layers in clamped.items():
        if not layers:
            continue
        limit, reached = min(layer.clamp for layer in layers), max(largest[layer] for layer in layers)  # pyright: ignore
        if reached >= limit * SQRT_HALF:  # the least gain that scales a limit
            raise InputError(
                f"{name}: rosinality's format cannot hold the {what}'s clamp at {limit:g}, where values reach"
                f" {reached:.3g}; export to nvidia or ganinv"
            )
        notes.append(f"The {what}'s clamp at {limit:g} was left out: on {count} images values reach {reached:.3g}.")
    return notes


def _clamped(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if getattr(layer, "clamp", None) is not None]


def _largest(generator: Generator, discriminator: Discriminator | None, count: int) -> dict[nn.Module, float]:
    """The largest value that comes out of each clamped layer, over `count` images, each made and judged once."""
    found: dict[nn.Module, float] = {}

    def note(layer: nn.Module, _: Any, out: Tensor) -> None:
        found[layer] = max(found.get(layer, 0), out.abs().max().item())

    run = nn.Sequential(generator, *([discriminator] if discriminator else []))
    hooks = [layer.register_forward_hook(note) for layer in _clamped(run)]
    for z in torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(0)).split(1):
        run(z)
    for hook in hooks:
        hook.remove()
    return found


def _renamed(state: dict[str, Tensor], pairs: list[Pair]) -> dict[str, Tensor]:
    return {pair.theirs: _reshaped(state[pair.ours], pair) for pair in pairs}


def _reshaped(tensor: Tensor, pair: Pair) -> Tensor:
    shape = (*[1] * pair.lead, *tensor.shape, *[1] * pair.trail)
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format).reshape(shape)


def _all(names: list[str], kernel: Tensor) -> dict[str, Tensor]:
    return {name: kernel.clone() for name in names}
