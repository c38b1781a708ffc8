"""Between 8-bit pixels and the networks' range."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_float(pixels: Tensor) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1]; `to_uint8` gives each of the 256 values back exactly."""
    if pixels.dtype != torch.uint8:
        raise ValueError(f"pixels: must be uint8, got {pixels.dtype}")
    # x = k / 127.5 - 1
    return pixels.float() / 127.5 - 1


def to_uint8(image: Tensor) -> Tensor:
    """Float image of any shape, [-1, 1] -> uint8 as a saved file holds it; what lies outside the range is clamped."""
    # k = round((x + 1) · 127.5): rounded, since truncation would darken every picture by half a step
    return ((image.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def resized(pixels: Tensor, *, size: int) -> Tensor:
    """uint8 [3, H, W] -> uint8 [3, size, size], by antialiased Lanczos as photos are."""
    image = Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())
    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.LANCZOS))).permute(2, 0, 1)
