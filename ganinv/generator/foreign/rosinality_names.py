"""Tensors of rosinality's stylegan2-pytorch beside ours: the same values under other names, with axes of length 1."""

from collections.abc import Iterator
from typing import NamedTuple


class Pair(NamedTuple):
    """One tensor: theirs has our shape with `lead` axes of length 1 before it and `trail` after it."""

    ours: str
    theirs: str
    lead: int = 0
    trail: int = 0


def mapping_pairs(layers: int) -> list[Pair]:
    """Theirs counts from 1: style.0 is the normalisation of z."""
    return [
        Pair(f"mapping.fc{i}.{leaf}", f"style.{i + 1}.{leaf}") for i in range(layers) for leaf in ("weight", "bias")
    ]


def synthesis_pairs(resolution: int) -> list[Pair]:
    """Everything of the synthesis network but its filters."""
    pairs = [Pair("synthesis.b4.const", "input.input", 1)]
    pairs += [*_layer("b4.conv1", "conv1", 0), *_to_rgb("b4", "to_rgb1")]
    for j in range(levels(resolution)):
        block = f"b{8 << j}"
        pairs += _layer(f"{block}.conv0", f"convs.{2 * j}", 2 * j + 1)
        pairs += _layer(f"{block}.conv1", f"convs.{2 * j + 1}", 2 * j + 2)
        pairs += _to_rgb(block, f"to_rgbs.{j}")
    return pairs


def discriminator_pairs(resolution: int) -> list[Pair]:
    """Everything of the discriminator but its filters."""
    pairs = [Pair(f"b{resolution}.fromrgb.weight", "convs.0.0.weight")]
    pairs += [Pair(f"b{resolution}.fromrgb.bias", "convs.0.1.bias")]
    for i in range(1, levels(resolution) + 1):
        block, theirs = f"b{2 * resolution >> i}", f"convs.{i}"
        pairs += _bias_after(f"{block}.conv0", f"{theirs}.conv1.0", f"{theirs}.conv1.1")
        pairs += _bias_after(f"{block}.conv1", f"{theirs}.conv2.1", f"{theirs}.conv2.2")
        pairs += [Pair(f"{block}.skip.weight", f"{theirs}.skip.1.weight")]
    pairs += _bias_after("b4.conv", "final_conv.0", "final_conv.1")
    for ours, theirs in (("b4.fc", "final_linear.0"), ("b4.out", "final_linear.1")):
        pairs += _bias_after(ours, theirs, theirs)
    return pairs


def generator_kernels(resolution: int) -> list[str]:
    """Their filters, whose values add up to 4."""
    steps = range(levels(resolution))
    return [f"convs.{2 * j}.conv.blur.kernel" for j in steps] + [f"to_rgbs.{j}.upsample.kernel" for j in steps]


def discriminator_kernels(resolution: int) -> list[str]:
    """Their filters, whose values add up to 1."""
    steps = range(1, levels(resolution) + 1)
    return [f"convs.{i}.{part}.0.kernel" for i in steps for part in ("conv2", "skip")]


def levels(resolution: int) -> int:
    """How often 4 pixels are doubled."""
    return resolution.bit_length() - 3


def _layer(ours: str, theirs: str, noise: int) -> Iterator[Pair]:
    yield Pair(f"synthesis.{ours}.weight", f"{theirs}.conv.weight", 1)
    yield from _affine(ours, theirs)
    yield Pair(f"synthesis.{ours}.bias", f"{theirs}.activate.bias")
    yield Pair(f"synthesis.{ours}.noise_strength", f"{theirs}.noise.weight", 1)
    yield Pair(f"synthesis.{ours}.noise_const", f"noises.noise_{noise}", 2)


def _to_rgb(block: str, theirs: str) -> Iterator[Pair]:
    yield Pair(f"synthesis.{block}.torgb.weight", f"{theirs}.conv.weight", 1)
    yield from _affine(f"{block}.torgb", theirs)
    yield Pair(f"synthesis.{block}.torgb.bias", f"{theirs}.bias", 1, 2)


def _affine(ours: str, theirs: str) -> list[Pair]:
    return [Pair(f"synthesis.{ours}.affine.{leaf}", f"{theirs}.conv.modulation.{leaf}") for leaf in ("weight", "bias")]


def _bias_after(ours: str, weight: str, bias: str) -> list[Pair]:
    return [Pair(f"{ours}.weight", f"{weight}.weight"), Pair(f"{ours}.bias", f"{bias}.bias")]
