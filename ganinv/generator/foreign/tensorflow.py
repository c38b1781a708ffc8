"""Pickles of NVIDIA's TensorFlow StyleGAN2 (config-e and -f) and StyleGAN2-ADA: the tuple (G, D, Gs), Gs the average.

Sizes are read from the variables' shapes, the rest from each network's static_kwargs; the source text that a file
carries is left unread.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from .found import Found
from .modules import MAX_LAYERS, MAX_TAPS, said
from .source import in_words, shown
from .tensorflow_names import Change, Rules, discriminator_rules, generator_rules
from .unpickle import Node, attribute
from .widths import width_record

Variables = dict[str, Any]
MAX_DEPTH = 4  # of networks in networks
MAX_LEVEL = 12  # 4096 pixels
FEW_CHANNELS = 16  # more than an image has
OLDER = (
    ("StyleMod", "is a StyleGAN network of 2018, which is another generator"),
    ("LabelConcat", "takes labels in the way of the first StyleGAN2, which is another network"),
    ("_lod", "is a progressively grown network (Progressive GAN, or StyleGAN2's configurations A to D)"),
)


def read(tree: Any, file: Path) -> Found:
    """The networks in `tree`, which `unpickle.load` made of `file` and which is used up. Raises InputError."""
    try:
        return _read(tree)
    except ValueError as error:
        reason = shown(error)
        raise InputError(f"{file}: {reason}; give a TensorFlow pickle of StyleGAN2, config-e or -f, or -ADA") from error


def _read(tree: Any) -> Found:
    networks = tree if isinstance(tree, tuple) else (tree,)
    if len(networks) != 3 or not all(isinstance(node, Node) and node.class_name == "Network" for node in networks):
        raise ValueError(
            f"holds {', '.join(map(_kind, networks[:4])) or 'nothing'} instead of the networks G, D and Gs"
        )
    raw, critic, average = networks
    notes: list[str] = []
    architecture, tensors = _generator(average, notes)
    training = {} if raw is average else _generator(raw, [])[1]
    record, discriminator = _discriminator(critic, architecture, notes)
    found = {"G_ema": tensors, "D": discriminator, "G": training}
    return Found(
        family="stylegan2",
        form="TensorFlow StyleGAN2 pickle",
        architecture=architecture | record,
        tensors={f"{prefix}.{name}": tensor for prefix, state in found.items() for name, tensor in state.items()},
        notes=notes,
    )


def _kind(item: Any) -> str:
    if isinstance(item, Node):
        return f"a TensorFlow network {said(item.state.get('name', ''))!r}"
    return in_words(item)


def _generator(node: Node, notes: list[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    variables, settings = _variables(node), attribute(node, "static_kwargs", dict)
    _expect(settings, {"nonlinearity": "lrelu", "mapping_nonlinearity": "lrelu", "normalize_latents": True})
    resolution, layers = _resolution(variables, "synthesis/"), _count(variables, "mapping/Dense")
    labels = _shape(variables, "mapping/LabelEmbed/weight", 2) if "mapping/LabelEmbed/weight" in variables else (0, 0)
    w_dim = _shape(variables, "dlatent_avg", 1)[0]
    record = {
        "z_dim": _shape(variables, "mapping/Dense0/weight", 2)[0] - labels[1] if layers else w_dim,
        "w_dim": w_dim,
        "c_dim": labels[0],
        "img_resolution": resolution,
        "img_channels": _shape(variables, f"synthesis/{resolution}x{resolution}/ToRGB/bias", 1)[0],
        "mapping_layers": layers,
        "mapping_lr_multiplier": _number(settings, "mapping_lrmul", 0.01),
        **width_record(
            {
                r: _shape(variables, f"synthesis/{r}x{r}/Conv{'1' if r > 4 else ''}/bias", 1)[0]
                for r in _sides(resolution)
            }
        ),
        "g_architecture": _architecture(variables, "synthesis/8x8/Skip/weight", "synthesis/4x4/ToRGB/weight"),
        "conv_clamp": _clamp(settings),
        "resample_filter": _taps(settings),
    }
    _say_half(settings, "generator", notes)
    tensors = _converted(variables, generator_rules(resolution, layers))
    return record, tensors if settings.get("use_noise", True) else _silent(resolution, notes) | tensors


def _discriminator(
    node: Node, architecture: dict[str, Any], notes: list[str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What its record has beside the generator's ("d_…" where the two differ), and its tensors."""
    variables, settings = _variables(node), attribute(node, "static_kwargs", dict)
    _expect(settings, {"nonlinearity": "lrelu"})
    resolution, layers = _resolution(variables, ""), _count(variables, "Mapping")
    if resolution != architecture["img_resolution"]:
        raise ValueError(f"has a discriminator of {resolution} and a generator of other pixels")
    widths = {r: _shape(variables, f"{r}x{r}/Conv{'0' if r > 4 else ''}/bias", 1)[0] for r in _sides(resolution)}
    record = {
        **width_record(widths),
        "conv_clamp": _clamp(settings),
        "resample_filter": _taps(settings),
        "mapping_layers": layers,
        "mapping_lr_multiplier": _number(settings, "mapping_lrmul", 0.1),
    }
    own = {f"d_{key}": value for key, value in record.items() if architecture[key] != value}
    own["d_architecture"] = _architecture(variables, f"{resolution}x{resolution}/Skip/weight", "4x4/FromRGB/weight")
    own["mbstd_num_channels"] = _shape(variables, "4x4/Conv/weight", 4)[2] - widths[4]
    own["mbstd_group_size"] = _group(settings, notes)
    _say_half(settings, "discriminator", notes)
    return own, _converted(variables, discriminator_rules(resolution, layers))


def _variables(node: Node, depth: int = 0) -> Variables:
    """Every variable by its path, taken out of the network so that its memory can be freed one by one."""
    items, components = attribute(node, "variables", list), attribute(node, "components", dict)
    if depth > MAX_DEPTH or any(not isinstance(item, tuple) or len(item) != 2 for item in items):
        raise ValueError("has a TensorFlow network whose variables are not names with values")
    found = {said(name): value for name, value in items}
    items.clear()
    for name, component in components.items():
        if not isinstance(component, Node):
            raise ValueError(f"has a component {said(name)} that is no network")
        found |= {f"{said(name)}/{path}": value for path, value in _variables(component, depth + 1).items()}
    for name in found:
        for mark, what in OLDER:
            if mark in name:
                raise ValueError(what)
    return found


def _converted(variables: Variables, rules: Rules) -> dict[str, Tensor]:
    """Our tensors, `variables` used up."""
    arrays = [id(value) for value in variables.values() if isinstance(value, np.ndarray)]
    if len(set(arrays)) < len(arrays):
        raise ValueError("has one array under several names, as TensorFlow writes none")
    tensors: dict[str, Tensor] = {}
    for name in list(variables):
        value = variables.pop(name)
        if name.endswith("lod"):  # of the training's progress
            continue
        if name not in rules:
            raise ValueError(f"has the variable {name}, which StyleGAN2 does not have")
        ours, change = rules[name]
        tensors[ours] = _changed(name, value, change)
    return tensors


def _changed(name: str, value: Any, change: Change) -> Tensor:
    if not isinstance(value, np.ndarray | float | int):
        raise ValueError(f"has the variable {name} of no numbers")
    try:
        return change(torch.as_tensor(value).float()).contiguous()
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"has the variable {name} of shape {list(np.shape(value))}") from error


def _silent(resolution: int, notes: list[str]) -> dict[str, Tensor]:
    """Noise maps and strengths of zero for every layer."""
    notes.append("The generator has no noise inputs; here they have strength 0.")
    layers = [(f"synthesis.b{r}.{name}", r) for r in _sides(resolution) for name in ("conv0", "conv1")][1:]
    maps = {f"{name}.noise_const": torch.zeros(r, r) for name, r in layers}
    return maps | {f"{name}.noise_strength": torch.zeros([]) for name, _ in layers}


def _sides(resolution: int) -> Iterator[int]:
    return (2**i for i in range(2, resolution.bit_length()))


def _resolution(variables: Variables, prefix: str) -> int:
    sides = {2**i for i in range(2, MAX_LEVEL + 1) if any(f"{prefix}{2**i}x{2**i}/" in name for name in variables)}
    if not sides:
        raise ValueError("has a TensorFlow network that is none of StyleGAN2's")
    return max(sides)


def _count(variables: Variables, prefix: str) -> int:
    numbers = [int(match[1]) for name in variables if (match := re.match(rf"{prefix}(\d{{1,4}})/", name))]
    if max(numbers, default=0) >= MAX_LAYERS:
        raise ValueError(f"has {max(numbers) + 1} mapping layers; {MAX_LAYERS} are allowed")
    return max(numbers, default=-1) + 1


def _shape(variables: Variables, name: str, axes: int) -> tuple[int, ...]:
    value = variables.get(name)
    if not isinstance(value, np.ndarray) or value.ndim != axes or not value.size:
        raise ValueError(f"has no variable {name} with {axes} axes")
    return value.shape


def _architecture(variables: Variables, residual: str, every: str) -> str:
    if residual in variables:
        return "resnet"
    return "skip" if every in variables else "orig"


def _expect(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if settings.get(name, value) != value:
            raise ValueError(f"was made with {name} {said(settings[name])}; {value} is supported")


def _number(settings: dict[str, Any], name: str, default: float) -> float:
    value = settings.get(name, default)
    if not isinstance(value, float | int) or not 0 < value < math.inf:
        raise ValueError(f"was made with {name} {said(value)}, which is no number above 0")
    return value


def _clamp(settings: dict[str, Any]) -> float | None:
    return None if settings.get("conv_clamp") is None else _number(settings, "conv_clamp", 256)


def _taps(settings: dict[str, Any]) -> list[int]:
    taps = settings.get("resample_kernel", [1, 3, 3, 1])
    if not isinstance(taps, list) or not 0 < len(taps) <= MAX_TAPS:
        raise ValueError("was made with a resample_kernel that is no short list")
    return [_number({"resample_kernel": tap}, "resample_kernel", 1) for tap in taps]  # pyright: ignore[reportReturnType]


def _group(settings: dict[str, Any], notes: list[str]) -> int | None:
    """Images of the minibatch standard deviation; None: the whole batch."""
    if settings.get("mbstd_group_size") is not None:
        return int(_number(settings, "mbstd_group_size", 4))
    notes.append(
        "The file does not state the discriminator's mbstd_group_size: all images of a batch are compared, as after"
        " NVIDIA's own conversion to PyTorch (the TensorFlow code compared 4)."
    )
    return None


def _say_half(settings: dict[str, Any], what: str, notes: list[str]) -> None:
    if settings.get("num_fp16_res"):
        notes.append(f"The {what}'s last blocks were trained in float16; float32 is used here.")
