"""What the inert modules of a StyleGAN2 pickle say about themselves; all raise ValueError where that cannot be used."""

import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .source import shown
from .unpickle import Node, attribute

MAX_SIZE = 2**17  # of any number of channels, features or pixels
MAX_LAYERS = 64  # of a mapping network
MAX_NUMBER = 1e30  # of anything that is measured; whole numbers of a pickle can be too long for a float
MAX_TAPS = 64  # of a low-pass filter
SHOWN = 60  # letters of a name out of a file
GAINS = {"lrelu": math.sqrt(2), "linear": 1.0}
NONLINEAR = re.compile(r"fc\d*|conv[01]?|fromrgb")  # layers with leaky ReLU
TRAINED = re.compile(r"fc\d+")  # layers that have a learning rate of their own
SCALED = ("FullyConnectedLayer", "Conv2dLayer", "ToRGBLayer")  # their weights are stored before their gain
CLOSE = 1e-5  # relative, of gains
CLAMPED = ("conv", "conv0", "conv1", "torgb", "fromrgb")


def said(text: Any) -> str:
    """A name out of a file, as it can stand in a sentence."""
    return shown(text, SHOWN)


def child(node: Node, name: str) -> Node:
    """A module of `node`."""
    found = attribute(node, "_modules", dict).get(name)
    if not isinstance(found, Node):
        raise ValueError(f"its {said(node.class_name)} has no module {name}")
    return found


def whole(node: Node, name: str, *, most: int = MAX_SIZE) -> int:
    """An attribute that counts something."""
    value = node.state.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"its {said(node.class_name)} has {name} {said(value)}; 0 to {most} is allowed")
    return value


def number(node: Node, name: str) -> float:
    """An attribute that measures something."""
    value = node.state.get(name)
    if type(value) not in (int, float) or not abs(value) <= MAX_NUMBER:  # pyright: ignore[reportArgumentType]
        raise ValueError(f"its {said(node.class_name)} has {name} {said(value)}; a finite number is needed")
    return value  # pyright: ignore[reportReturnType]


def blocks(node: Node) -> dict[int, Node]:
    """Its blocks by resolution, from 4 pixels up."""
    modules = attribute(node, "_modules", dict)
    found = {2**i: child(node, f"b{2**i}") for i in range(2, MAX_SIZE.bit_length()) if f"b{2**i}" in modules}
    if 4 not in found:
        raise ValueError(f"its {said(node.class_name)} has no block of 4 pixels")
    return found


def layers(node: Node) -> Iterator[tuple[str, Node]]:
    """All modules below `node`, for one that `unpickle.tensors` has seen (it refuses a module inside itself)."""
    for name, module in attribute(node, "_modules", dict).items():
        if isinstance(module, Node):
            yield name, module
            yield from layers(module)


def conv_clamp(found: dict[int, Node]) -> float | None:
    """The one clamp of all convolutions of blocks; fromRGB at 4 pixels never has one."""
    clamped = {
        None if layer.state.get("conv_clamp") is None else number(layer, "conv_clamp")
        for r, block in found.items()
        for name, layer in layers(block)
        if name in CLAMPED and (r, name) != (4, "fromrgb")
    }
    if len(clamped) != 1:
        raise ValueError(f"its convolutions have the clamps {sorted(map(str, clamped))}; one for all is supported")
    return clamped.pop()


def architecture(found: dict[int, Node]) -> str:
    """The one architecture of all blocks that have one: "skip", "resnet" or "orig"."""
    kinds = {attribute(block, "architecture", str) for block in found.values()}
    if len(kinds) != 1 or not kinds <= {"skip", "resnet", "orig"}:
        kinds_said = ", ".join(sorted(map(said, kinds)))
        raise ValueError(
            f"its blocks have the architectures {kinds_said}; skip, resnet or orig, one for all, is supported"
        )
    return kinds.pop()


def lr_multiplier(mapping: Node, count: int) -> float:
    """Of the learning rate, the same in each of `count` layers."""
    values = {number(child(mapping, f"fc{i}"), "bias_gain") for i in range(count)} or {0.01}
    if len(values) != 1:
        raise ValueError("the layers of its mapping network have different learning rates; one for all is supported")
    return values.pop()


def check_layers(node: Node) -> None:
    """Refuse other activations and gains than those of StyleGAN2, for a `node` that `unpickle.tensors` has seen."""
    for name, layer in layers(node):
        kind, wanted = layer.state.get("activation", "linear"), "lrelu" if NONLINEAR.fullmatch(name) else "linear"
        if kind != wanted:
            raise ValueError(f"its layer {said(name)} has the activation {said(kind)}; {wanted} is supported")
        _check_gain(name, layer, "act_gain", GAINS[wanted])
        if not TRAINED.fullmatch(name):
            _check_gain(name, layer, "bias_gain", 1)
        weight = attribute(layer, "_parameters", dict).get("weight")
        if layer.class_name in SCALED and isinstance(weight, Tensor) and weight[0:1].numel():
            multiplier = number(layer, "bias_gain") if "bias_gain" in layer.state else 1
            _check_gain(name, layer, "weight_gain", multiplier / math.sqrt(weight[0].numel()))


def _check_gain(name: str, layer: Node, gain: str, wanted: float) -> None:
    if gain in layer.state and not math.isclose(number(layer, gain), wanted, rel_tol=CLOSE):
        found = said(layer.state[gain])
        raise ValueError(f"its layer {said(name)} has the {gain} {found}, where StyleGAN2's is {wanted:.6g}")


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """float32, a tensor that has several names once."""
    distinct = {id(tensor): tensor for tensor in state.values()}
    single = {key: tensor.float() for key, tensor in distinct.items()}
    return {prefix + name: single[id(tensor)] for name, tensor in state.items()}


def size(state: dict[str, Tensor], name: str) -> int:
    """Length of a vector of a state dict."""
    if name not in state or state[name].ndim != 1 or not len(state[name]):
        raise ValueError(f"its {name} is missing or not a vector")
    return len(state[name])


def taps(state: dict[str, Tensor], name: str) -> list[float]:
    """The row of a separable low-pass filter, in whole numbers where it can be."""
    kernel = state.get(name)
    if kernel is None or kernel.ndim != 2 or not 0 < len(kernel) <= MAX_TAPS or not torch.isfinite(kernel).all():
        raise ValueError(f"its {name} is missing or not a small matrix of finite numbers")
    row = kernel.double().sum(dim=0)
    ratios = row / row.min()
    is_whole = bool((row > 0).all() and (ratios - ratios.round()).abs().max() < 1e-4)
    return ratios.round().int().tolist() if is_whole else row.tolist()


def silent(found: dict[int, Node]) -> dict[str, Tensor]:
    """Noise maps and strengths of zero for the layers that have no noise input."""
    zeros: dict[str, Tensor] = {}
    for r, block in found.items():
        for name, layer in layers(block):
            if layer.state.get("use_noise") is False:
                zeros[f"synthesis.b{r}.{name}.noise_strength"] = torch.zeros([])
                zeros[f"synthesis.b{r}.{name}.noise_const"] = torch.zeros(r, r)
    return zeros


def half_precision(found: dict[int, Node], what: str) -> list[str]:
    """A note where blocks were trained in half precision."""
    half = [r for r, block in found.items() if block.state.get("use_fp16") is True]
    if not half:
        return []
    return [f"The {what}'s blocks from {min(half)} pixels on were trained in float16; float32 is used here."]
