"""What a W&B run holds beside its curves: tables with thumbnails, the photo over the steps, artifacts."""

import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from PIL import Image
from torch import Tensor

from ..files import read_png
from .artefacts import PICTURES
from .grid import TITLES, grid
from .pictures import error_map, reduce
from .table import Row

SIDE = 128  # pixels of a thumbnail, at most
STAGING = "WANDB_DATA_DIR"  # beneath it W&B keeps what it has still to upload; else in the user's home
LONGEST = 64  # characters of a photo's or a sweep's name in that of an artifact, of the 128 that W&B allows


def table(rows: Sequence[Row], *, thumbnails: Mapping[str, Mapping[str, wandb.Image]] | None = None) -> wandb.Table:
    """A row each, columns of one type where they can be; `thumbnails`: by image and title, after the first column."""
    shown = thumbnails or {}
    first, *others = dict.fromkeys(key for row in rows for key in row) or ["image"]
    titles = list(dict.fromkeys(title for each in shown.values() for title in each))
    data = [
        [row[first], *(shown.get(row[first], {}).get(title) for title in titles), *(_cell(row.get(k)) for k in others)]
        for row in rows
    ]
    types = [_type(cells) for cells in zip(*data, strict=True)] if data else None
    return wandb.Table(columns=[first, *titles, *others], data=data, dtype=types)


def _cell(value: Any) -> Any:
    """Numbers of a column of one type; infinity as text, since a browser reads the table as JSON, which has none."""
    if not isinstance(value, int | float):
        return value
    return float(value) if math.isfinite(value) else str(value)


def _type(cells: Iterable[Any]) -> Any:
    """The one type of a column's cells, or all of several."""
    found = list(dict.fromkeys(type(cell) for cell in cells if cell is not None))
    return found if len(found) > 1 else (found or [str])[0]


def thumbnails(folder: Path) -> dict[str, wandb.Image]:
    """The four small pictures of a finished photo, by the titles that grid.png has."""
    target, initial, tuned = (read_png(folder / name) for name in PICTURES)
    pictures = (target, initial, tuned, error_map(tuned, target))
    small = [_image(reduce(pixels, most=SIDE)) for pixels in pictures]
    return dict(zip(TITLES, small, strict=True))


def over_steps(photo: str, *, folder: Path, pictures: Mapping[int, Tensor], steps: int) -> dict[int, wandb.Image]:
    """A row of grid.png for each of `pictures` (steps -> uint8 [3, R, R]), and for tuned.png, after `steps`."""
    target, initial, tuned = (read_png(folder / name) for name in PICTURES)
    rows = {step: (f"step {step}: {photo}", target, initial, pixels) for step, pixels in pictures.items()}
    rows[steps] = (f"step {steps}, saved: {photo}", target, initial, tuned)
    forms = {step: "png" if step == steps else "jpg" for step in rows}  # what is saved is shown to the 8-bit value
    return {step: _image(grid([row]), caption=row[0], file_type=forms[step]) for step, row in rows.items()}


def _image(pixels: Tensor, **how: Any) -> wandb.Image:
    """`pixels` uint8 [3, H, W], through Pillow: of a tensor W&B guesses whether its range is [0, 1]."""
    return wandb.Image(Image.fromarray(pixels.permute(1, 2, 0).numpy()), **how)


def artifact(name: str, *, kind: str, files: Sequence[Path], is_copied: bool, metadata: dict[str, Any]) -> Any:
    """`files` by their names; those that are not copied must stay as they are until they are uploaded."""
    made = wandb.Artifact(name, type=kind, metadata={key: _cell(value) for key, value in metadata.items()})
    for path in files:
        policy = "mutable" if is_copied else "immutable"
        made.add_file(str(path.absolute()), name=path.name, policy=policy, skip_cache=True)
    return made


def as_artifact(name: str) -> str:
    """`name` in characters and a length that W&B allows, and of two names never the same."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:LONGEST]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@contextmanager
def staged(folder: Path) -> Iterator[None]:
    """What artifacts copy meanwhile lies in `folder`, with the run that is uploaded later, unless the user chose."""
    if os.environ.get(STAGING):
        yield
        return
    os.environ[STAGING] = str(folder.absolute())
    try:
        yield
    finally:
        del os.environ[STAGING]
