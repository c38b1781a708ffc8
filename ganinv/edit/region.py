"""A region of the picture: a box, or a picture that is white there."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..files import read_png

Box = Sequence[float]  # [top, left, bottom, right], as shares of the picture's side
LEAST = 0.1  # of the side, each way, where a part is looked at


def mask_of(region: str | Box, *, cells: int, key: str = "finder.region") -> Tensor:
    """bool [cells, cells]. Raises InputError that begins with `key`, the setting."""
    mask = _picture(Path(region).expanduser(), cells, key) if isinstance(region, str) else _box(region, cells, key)
    if not bool(mask.any()) or bool(mask.all()):
        raise InputError(f"{key}: covers none or all of the picture; give a part of it")
    return mask


def crop(pixels: Tensor, box: Box) -> Tensor:
    """What lies in the box.  # [N, 3, R, R] -> [N, 3, h, w]"""
    side = pixels.shape[-1]
    top, left, bottom, right = (round(value * side) for value in box)
    return pixels[..., top:bottom, left:right].contiguous()


def expect_box(box: Box, key: str) -> None:
    """InputError that begins with `key`, the setting, unless the box holds a part of the picture that can be seen."""
    _expect_shares(box, key)
    top, left, bottom, right = box
    if min(bottom - top, right - left) < LEAST - 1e-9:  # 0.3 - 0.2 is a little less than 0.1
        raise InputError(f"{key}: needs bottom and right at least {LEAST:g} beyond top and left, got {list(box)}")


def _picture(path: Path, cells: int, key: str) -> Tensor:
    """A cell is in the region where more than half of it is white."""
    if not path.is_file():
        raise InputError(f"{key}: {path} does not exist; give a picture, or [top, left, bottom, right]")
    grey = read_png(path).float().mean(dim=0)
    return F.adaptive_avg_pool2d(grey[None, None], cells)[0, 0] > 127


def _box(region: Box, cells: int, key: str) -> Tensor:
    _expect_shares(region, key)
    top, left, bottom, right = (round(value * cells) for value in region)
    mask = torch.zeros(cells, cells, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask


def _expect_shares(box: Box, key: str) -> None:
    if len(box) != 4 or not all(0 <= value <= 1 for value in box):
        raise InputError(f"{key}: needs [top, left, bottom, right] in 0 to 1, got {list(box)}")
