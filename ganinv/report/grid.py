"""grid.png: a row a photo, with target, initial, tuned and the difference ×10."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..files import read_png, write_png
from .artefacts import PICTURES
from .pictures import enlarge, error_map, reduce

CELL = 192  # least side of a picture
GAP, MARGIN, LINE = 6, 16, 28  # pixels
TITLES = ("target", "initial", "tuned", "difference x10")  # the font that Pillow carries has ASCII alone
PAPER, INK = (250, 250, 248), (40, 40, 40)


def grid(photos: Sequence[tuple[str, Tensor, Tensor, Tensor]], *, total: int | None = None) -> Tensor:
    """`photos`: (name, target, initial, tuned), each uint8 [3, R, R] -> uint8 [3, H, W].

    `total`: how many photos there are, where more than `photos` are to be mentioned.
    """
    rows = [_cells(target, initial, tuned) for _, target, initial, tuned in photos]
    side = rows[0][0].shape[-1]
    step, hidden = side + GAP, (total or len(photos)) - len(photos)
    width = 2 * MARGIN + len(TITLES) * step - GAP
    height = 2 * MARGIN + LINE + len(rows) * (side + LINE) + (LINE if hidden else 0)
    canvas = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=15)
    for column, title in enumerate(TITLES):
        draw.text((MARGIN + column * step, MARGIN), title, INK, font=font)
    for i, (cells, (name, *_)) in enumerate(zip(rows, photos, strict=True)):
        top = MARGIN + LINE + i * (side + LINE)
        for column, cell in enumerate(cells):
            canvas.paste(Image.fromarray(cell.permute(1, 2, 0).numpy()), (MARGIN + column * step, top))
        draw.text((MARGIN, top + side + 2), _fit(name, draw, font, width - 2 * MARGIN), INK, font=font)
    if hidden:
        note = f"{hidden} more photos are not shown; each has its pictures in its own folder"
        draw.text((MARGIN, height - MARGIN - LINE + 4), note, INK, font=font)
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1)


def _cells(target: Tensor, initial: Tensor, tuned: Tensor) -> list[Tensor]:
    pictures = (target, initial, tuned, error_map(tuned, target))
    return [enlarge(reduce(picture, most=2 * CELL), least=CELL) for picture in pictures]


def _fit(name: str, draw: ImageDraw.ImageDraw, font, width: int) -> str:
    """`name` on one line in ASCII, cut where it is too long."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "replace").decode()
    name = " ".join(plain.split())
    if draw.textlength(name, font=font) <= width:
        return name
    while name and draw.textlength(name + "...", font=font) > width:
        name = name[:-1]
    return name + "..."


def write_grid(path: Path, folders: dict[str, Path], *, most: int) -> None:
    """Write grid.png of the photos' folders (by name), the first `most` of them."""
    photos = [_read(name, folder) for name, folder in list(folders.items())[:most]]
    write_png(path, grid(photos, total=len(folders)))


def _read(name: str, folder: Path) -> tuple[str, Tensor, Tensor, Tensor]:
    target, initial, tuned = (read_png(folder / picture) for picture in PICTURES)
    return name, target, initial, tuned
