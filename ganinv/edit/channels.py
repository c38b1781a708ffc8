"""Channels of the styles as published files name them: StyleSpace's pairs, StyleCLIP's global directions."""

import re
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from .stylespace import is_rgb

PAIR = re.compile(r"\(?\s*(\d+)\s*[,;_ ]\s*(\d+)\s*\)?(?:\s*[:=,;]\s*(-?\d+(?:\.\d+)?))?\s*$")
SIDE = re.compile(r"b(\d+)\.")  # of a layer, in pixels
NEXT = re.compile(r"(?<=\S)[\s,;]*(?=\()")  # before another pair of the same line, which then stands in brackets


def read_pairs(path: Path) -> list[tuple[int, int, float]]:
    """(index of the layer, channel, amount) by line; the amount is 1 where none stands. Raises InputError."""
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable text ({error}); give a line 'layer, channel' for each") from error
    pairs: dict[tuple[int, int], float] = {}
    for text in (text for line in filter(None, lines) for text in NEXT.split(line)):
        match = PAIR.match(text)
        if match is None:
            raise InputError(
                f"{path}: {text[:40]!r} is no channel; give a line 'layer, channel' or 'layer, channel: 1.5'"
            )
        layer, channel = int(match[1]), int(match[2])
        if (layer, channel) in pairs:
            raise InputError(f"{path}: names channel {channel} of layer {layer} twice; give it once")
        pairs[layer, channel] = float(match[3] or 1)
    if not pairs:
        raise InputError(f"{path}: names no channel; give a line 'layer, channel' for each")
    return [(*channel, amount) for channel, amount in pairs.items()]


# M Δt / |Δt|: how far each channel moves CLIP's feature of a picture along the texts' difference
def towards(matrix: Tensor, text: Tensor) -> Tensor:
    """`matrix` [channels, D], of StyleCLIP's fs3.npy; `text` Δt [D], not zero -> [channels]."""
    return (matrix.double() @ text.double() / text.double().norm()).float()


# Δs = s / max |s|, s = 0 where |s| < β
def outstanding(change: Tensor, threshold: float) -> Tensor | None:
    """`change` [channels] without what lies below β, the `threshold`, and the largest 1; None where nothing is left."""
    left = torch.where(change.abs() < threshold, torch.zeros_like(change), change)
    return left / left.abs().max() if bool(left.any()) else None


def covered(count: int, widths: dict[str, int]) -> dict[str, int] | None:
    """Those of the layers with `widths` that a file of `count` channels has; None where none fit.

    All; all without ToRGB; or of these the ones up to 128 pixels, as StyleCLIP's PyTorch code has them.
    """
    convolutions = {layer: width for layer, width in widths.items() if not is_rgb(layer)}
    small = {layer: width for layer, width in convolutions.items() if (at := SIDE.match(layer)) and int(at[1]) <= 128}
    return next((found for found in (widths, convolutions, small) if sum(found.values()) == count), None)
