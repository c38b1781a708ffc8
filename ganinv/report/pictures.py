"""Pictures for a reader: the error map, and sizes that can be seen."""

import torch
from torch import Tensor
from torch.nn import functional as F

GAIN = 10


def error_map(image: Tensor, target: Tensor) -> Tensor:
    """min(255, 10 |image - target|) in 8-bit levels: black is exact.  # uint8 [3, H, W]"""
    difference = (image.short() - target.short()).abs() * GAIN
    return difference.clamp(max=255).to(torch.uint8)


def enlarge(pixels: Tensor, *, least: int) -> Tensor:
    """Repeat each pixel by the smallest whole factor that makes a side of `least`.  # uint8 [3, H, W]"""
    factor = max(1, -(-least // pixels.shape[-1]))
    return pixels.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)


def reduce(pixels: Tensor, *, most: int) -> Tensor:
    """Average blocks of 2, 4, 8 … pixels until a side is at most `most`.  # uint8 [3, H, W]"""
    factor = 1
    while pixels.shape[-1] > most * factor:
        factor *= 2
    return pixels if factor == 1 else F.avg_pool2d(pixels[None].float(), factor)[0].round().to(torch.uint8)
