"""Networks of rosinality's stylegan2-pytorch: skip generator, residual discriminator, no labels, no clamp.

Sizes are read from shapes and from how many tensors of a kind there are, never from names of files or settings.
"""

import re
from typing import Any

import torch
from torch import Tensor

from ..layers import filter_2d
from .found import Found
from .rosinality_names import (
    Pair,
    discriminator_kernels,
    discriminator_pairs,
    generator_kernels,
    levels,
    mapping_pairs,
    synthesis_pairs,
)
from .torch_pickle import View
from .widths import width_record

MAX_LEVELS = 9  # 2048 pixels
MAX_LAYERS = 64  # of the mapping network
MAX_TAPS = 16  # of a low-pass filter
GROUP = 4  # images of its minibatch standard deviation
NOISE_SEED = 0
SWAGAN = re.compile(r"\.(iwt|dwt)\.|^(iwt|dwt)\.|^from_rgbs\.")

Views = dict[str, View]


def read(content: dict[str, Any]) -> Found:
    """A checkpoint with `g_ema` (or `g` alone) and perhaps `g`, `d` and `latent_avg`. Raises ValueError."""
    notes: list[str] = []
    views = state(content.get("g_ema", content.get("g")), "g_ema")
    if "g_ema" not in content:
        notes.append("The file has no g_ema: its raw training weights g were taken.")
    architecture, generator = read_generator(views, notes)
    tensors = {f"G_ema.{name}": tensor for name, tensor in generator.items()}
    tensors |= w_avg(content.get("latent_avg"), architecture["w_dim"], notes)
    tensors |= _raw(content, architecture, notes)
    record, discriminator = _discriminator(content, architecture, notes)
    tensors |= {f"D.{name}": tensor for name, tensor in discriminator.items()}
    form = "rosinality stylegan2-pytorch .pt"
    return Found(family="stylegan2", form=form, architecture=architecture | record, tensors=tensors, notes=notes)


def state(value: Any, name: str) -> Views:
    """A state dict, without the prefix that torch's data parallel wrapper leaves. Raises ValueError."""
    items = value.items() if isinstance(value, dict) else []
    if not items or not all(isinstance(key, str) and isinstance(view, View) for key, view in items):
        raise ValueError(f"{name} is no state dict (tensors by name)")
    if all(key.startswith("module.") for key in value):
        return {key.removeprefix("module."): view for key, view in value.items()}
    return value


def read_generator(views: Views, notes: list[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Architecture record and our tensors, `mapping.w_avg` not among them. Raises ValueError."""
    if any(SWAGAN.search(name) for name in views):
        raise ValueError("is a SWAGAN network (wavelets), which shares names with StyleGAN2 but is another network")
    architecture = _architecture(views)
    resolution = architecture["img_resolution"]
    pairs = mapping_pairs(architecture["mapping_layers"]) + synthesis_pairs(resolution)
    if not any(name.startswith("noises.") for name in views):
        notes.append(f"The file has no noise maps (noises.*): they were drawn with seed {NOISE_SEED}.")
        views = views | _drawn(pairs)
    _expect(views, pairs, generator_kernels(resolution))
    return architecture, _renamed(views, pairs)


def w_avg(value: Any, w_dim: int, notes: list[str]) -> dict[str, Tensor]:
    """The average w, of one row or of equal rows for the layers; a note and nothing where there is none."""
    if value is None:
        notes.append("The file has no latent_avg (the average w).")
        return {}
    if not isinstance(value, View) or value.shape[-1:] != (w_dim,) or len(value.shape) > 3:
        raise ValueError(f"latent_avg is not the average of a w of {w_dim} values")
    rows = value.read().reshape(-1, w_dim)
    if not len(rows) or (rows != rows[:1]).any():
        notes.append("latent_avg has another average w for each layer, so it is not the mapping network's.")
        return {}
    return {"G_ema.mapping.w_avg": rows[0].clone()}


def _architecture(views: Views) -> dict[str, Any]:
    layers = _count(views, r"style\.(\d+)\.weight", MAX_LAYERS + 1) - 1
    convs = _count(views, r"convs\.(\d+)\.conv\.weight", 2 * MAX_LEVELS)
    if layers < 1 or convs < 2 or convs % 2:
        raise ValueError(f"has {max(layers, 0)} mapping layers and {convs} convolutions after 4 pixels")
    resolution = 4 << convs // 2
    widths = {4: _size(views, "input.input", 1)}
    widths |= {8 << j: _size(views, f"convs.{2 * j}.conv.weight", 1) for j in range(levels(resolution))}
    return {
        "z_dim": _size(views, "style.1.weight", 1),
        "w_dim": _size(views, "conv1.conv.modulation.weight", 1),
        "c_dim": 0,
        "img_resolution": resolution,
        "img_channels": _size(views, "to_rgb1.conv.weight", 1),
        "mapping_layers": layers,
        "mapping_lr_multiplier": 0.01,
        **width_record(widths),
        "conv_clamp": None,
        "g_architecture": "skip",
        "resample_filter": taps(views, generator_kernels(resolution)),
    }


def _discriminator(
    content: dict[str, Any], architecture: dict[str, Any], notes: list[str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if "d" not in content:
        notes.append("The file has no discriminator.")
        return {}, {}
    try:
        return _read_discriminator(state(content["d"], "d"), architecture)
    except ValueError as error:
        notes.append(f"The discriminator was left out: {error}.")
        return {}, {}


def _read_discriminator(views: Views, architecture: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    resolution = 4 << max(_count(views, r"convs\.(\d+)\.conv1\.0\.weight", MAX_LEVELS + 1) - 1, 0)
    if resolution != architecture["img_resolution"]:
        raise ValueError(f"it is one of {resolution} pixels, its generator of {architecture['img_resolution']}")
    pairs, kernels = discriminator_pairs(resolution), discriminator_kernels(resolution)
    _expect(views, pairs, kernels)
    if taps(views, kernels) != architecture["resample_filter"]:
        raise ValueError("its low-pass filter is not its generator's")
    steps = range(1, levels(resolution) + 1)
    widths = {resolution: _size(views, "convs.0.0.weight", 0)}
    widths |= {resolution >> i: _size(views, f"convs.{i}.conv2.1.weight", 0) for i in steps}
    own = {key: value for key, value in width_record(widths).items() if value != architecture[key]}
    maps = _size(views, "final_conv.0.weight", 1) - widths[4]
    record = {"d_architecture": "resnet", "mbstd_group_size": GROUP, "mbstd_num_channels": maps}
    return record | {f"d_{key}": value for key, value in own.items()}, _renamed(views, pairs)


def _raw(content: dict[str, Any], architecture: dict[str, Any], notes: list[str]) -> dict[str, Tensor]:
    """The raw training weights, where they are another network than g_ema."""
    if not {"g", "g_ema"} <= content.keys():
        return {}
    try:
        found, tensors = read_generator(state(content["g"], "g"), [])
    except ValueError as error:
        notes.append(f"The raw training weights g were left out: {error}.")
        return {}
    if found != architecture:
        notes.append("The raw training weights g were left out: they are of another architecture than g_ema.")
        return {}
    return {f"G.{name}": tensor for name, tensor in tensors.items()}


def _count(views: Views, pattern: str, most: int) -> int:
    """One more than the largest number that the names of `pattern` hold."""
    matches = [re.fullmatch(pattern, name) for name in views]
    numbers = [int(match[1][:9]) for match in matches if match]
    if max(numbers, default=0) >= most:
        raise ValueError(f"has a part numbered {max(numbers)}, more than {most - 1} allowed")
    return max(numbers, default=-1) + 1


def _size(views: Views, name: str, axis: int) -> int:
    if name not in views:
        raise ValueError(f"{name} is missing")
    shape = views[name].shape
    if axis >= len(shape) or not shape[axis]:
        raise ValueError(f"{name} has shape {list(shape)}")
    return shape[axis]


def taps(views: Views, kernels: list[str]) -> list[int]:
    """The low-pass filter as small whole numbers; older files have none, and then it is the usual one."""
    found = [views[name].read() for name in kernels if name in views]
    row = _taps(found[0]) if found else [1, 3, 3, 1]
    expected = filter_2d(row)
    for kernel in found:
        if kernel.shape != expected.shape or not torch.allclose(kernel / kernel.sum(), expected, atol=1e-6):
            raise ValueError("has low-pass filters that differ or are not separable and symmetric")
    return row


def _taps(kernel: Tensor) -> list[int]:
    small = kernel.ndim == 2 and 0 < kernel.numel() <= MAX_TAPS**2
    if not small or not (kernel > 0).all() or not torch.isfinite(kernel).all():
        raise ValueError("has a low-pass filter that is not a small matrix of positive numbers")
    row = kernel.sum(dim=0)
    whole = (row / row.min()).round().int().tolist()
    if whole != whole[::-1]:
        raise ValueError("has a low-pass filter that is not symmetric")
    return whole


def _expect(views: Views, pairs: list[Pair], kernels: list[str]) -> None:
    wanted = {pair.theirs for pair in pairs}
    for name in sorted(wanted - views.keys()):
        raise ValueError(f"{name} is missing")
    for name in sorted(views.keys() - wanted - set(kernels)):
        raise ValueError(f"{name} is not part of StyleGAN2, so it is another network that uses some of its names")


def _renamed(views: Views, pairs: list[Pair]) -> dict[str, Tensor]:
    return {pair.ours: _reshaped(views[pair.theirs], pair) for pair in pairs}


def _reshaped(view: View, pair: Pair) -> Tensor:
    shape, end = view.shape, len(view.shape) - pair.trail
    if end < pair.lead or any(size != 1 for size in (*shape[: pair.lead], *shape[end:])):
        raise ValueError(f"{pair.theirs} has shape {list(shape)}")
    return view.read().reshape(shape[pair.lead : end])


def _drawn(pairs: list[Pair]) -> Views:
    """Noise maps of the right sizes from a seed of their own."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    drawn: Views = {}
    for pair in pairs:
        if pair.theirs.startswith("noises."):
            side = int(pair.ours.split(".")[1][1:])
            drawn[pair.theirs] = View.of(torch.randn(1, 1, side, side, generator=generator))
    return drawn
