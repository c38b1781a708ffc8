"""Pictures of edits for a reader: a sheet of rows and columns with labels, and a sweep that moves."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..report.grid import CELL, GAP, INK, LINE, MARGIN, PAPER
from ..report.pictures import enlarge, reduce

FONT_SIZE = 15  # pixels
FRAME = 60  # milliseconds of a sweep's frame


def sheet(rows: Sequence[tuple[str, Sequence[Tensor]]], *, columns: Sequence[str]) -> Tensor:
    """`rows`: (label, a picture for each column), each uint8 [3, R, R] -> uint8 [3, H, W]."""
    cells = [[shown(picture) for picture in pictures] for _, pictures in rows]
    side, labels = cells[0][0].shape[-1], [plain(label) for label, _ in rows]
    font = ImageFont.load_default(size=FONT_SIZE)
    line = LINE if any(labels) else GAP
    width = 2 * MARGIN + len(columns) * (side + GAP) - GAP
    canvas = Image.new("RGB", (width, 2 * MARGIN + LINE + len(rows) * (side + line)), PAPER)
    draw = ImageDraw.Draw(canvas)
    for i, title in enumerate(columns):
        draw.text((MARGIN + i * (side + GAP), MARGIN), fit(plain(title), draw, font, side), INK, font=font)
    for j, (row, label) in enumerate(zip(cells, labels, strict=True)):
        top = MARGIN + LINE + j * (side + line)
        for i, cell in enumerate(row):
            canvas.paste(Image.fromarray(cell.permute(1, 2, 0).numpy()), (MARGIN + i * (side + GAP), top))
        draw.text((MARGIN, top + side + 2), fit(label, draw, font, width - 2 * MARGIN), INK, font=font)
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1)


def shown(picture: Tensor) -> Tensor:
    """At a size that can be seen, whatever the generator's.  # uint8 [3, H, W]"""
    return enlarge(reduce(picture.cpu(), most=2 * CELL), least=CELL)


def plain(text: str) -> str:
    """In ASCII, which is all that Pillow's own font has."""
    return " ".join(text.encode("ascii", "replace").decode().split())


def fit(text: str, draw: ImageDraw.ImageDraw, font, width: int) -> str:
    """`text` cut to `width` pixels."""
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "...", font=font) > width:
        text = text[:-1]
    return text + "..."


def there_and_back(pictures: Tensor) -> list[Tensor]:
    """Frames of a sweep that runs on without a jump, at a size that can be seen.  # uint8 [N, 3, R, R]"""
    order = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    return [shown(pictures[i]) for i in order]


def gif(pictures: Tensor) -> bytes:
    """A sweep there and back of `pictures` uint8 [N, 3, R, R], without an end."""
    frames = [Image.fromarray(picture.permute(1, 2, 0).numpy()) for picture in there_and_back(pictures)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME, loop=0)
    return buffer.getvalue()
