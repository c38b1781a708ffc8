"""A region of the picture: a box, or a picture that is white there."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..files import read_png

Box = Sequence[float]  # [top, left, bottom, right], as shares of the picture's side


def mask_of(region: str | Box, *, cells: int, key: str = "finder.region") -> Tensor:
    """bool [cells, cells]. Raises InputError that begins with `key`, the setting."""
    mask = _picture(Path(region).expanduser(), cells, key) if isinstance(region, str) else _box(region, cells, key)
    if not bool(mask.any()) or bool(mask.all()):
        raise InputError(f"{key}: covers none or all of the picture; give a part of it")
    return mask


def _picture(path: Path, cells: int, key: str) -> Tensor:
    """A cell is in the region where more than half of it is white."""
    if not path.is_file():
        raise InputError(f"{key}: {path} does not exist; give a picture, or [top, left, bottom, right]")
    grey = read_png(path).float().mean(dim=0)
    return F.adaptive_avg_pool2d(grey[None, None], cells)[0, 0] > 127


def _box(region: Box, cells: int, key: str) -> Tensor:
    if len(region) != 4 or not all(0 <= value <= 1 for value in region):
        raise InputError(f"{key}: needs [top, left, bottom, right] in 0 to 1, got {list(region)}")
    top, left, bottom, right = (round(value * cells) for value in region)
    mask = torch.zeros(cells, cells, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask
