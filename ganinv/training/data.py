"""Training images: found, decoded by workers, held in memory where they fit, handed out in the training's order."""

import logging
import os
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..dataset.decode import Unreadable, load, to_square
from ..dataset.frame import SQUARE, Frame
from ..errors import InputError
from .devices import rank
from .order import Order
from .sources import Source

log = logging.getLogger(__name__)
Crop = Literal["centre", "letterbox", "refuse"]
MAX_WORKERS = 8
SAID = 50  # unreadable images that are named one by one


class Decoded(Dataset):
    """Index -> uint8 [3, R, R], or why there is none.

    crop: "centre" takes what `frame` takes of a picture, "letterbox" all of it between black bars, "refuse" a square
    picture alone.
    """

    def __init__(self, *, source: Source, resolution: int, crop: Crop, frame: Frame = SQUARE) -> None:
        self.source, self.resolution, self.crop, self.frame = source, resolution, crop, frame

    def __len__(self) -> int:
        return len(self.source.keys)

    def __getitem__(self, index: int) -> tuple[int, Tensor | str]:
        try:
            return index, self._decode(self.source.read(self.source.keys[index]))
        except Unreadable as reason:
            return index, str(reason)

    def _decode(self, data: bytes) -> Tensor:
        if not data:
            raise Unreadable("is empty (0 bytes)")
        image, _ = load(data)
        frame = self.frame
        if self.crop != "centre" and image.width != image.height:
            if self.crop == "refuse":
                raise Unreadable(f"is {image.width} x {image.height} pixels, not square (training.crop=refuse)")
            frame = Frame(aspect=image.width / image.height)
        return to_square(image, resolution=self.resolution, frame=frame)[0]


class Cached(Dataset):
    """Place in the training -> uint8 [3, R, R], from pixels in memory."""

    def __init__(self, *, pixels: Tensor, order: Order) -> None:
        """`pixels` uint8 [M, 3, R, R]"""
        self.pixels, self.order = pixels, order

    def __getitem__(self, place: int) -> Tensor:
        index, mirrored = self.order(place)
        return self.pixels[index].flip(2) if mirrored else self.pixels[index]


def workers(wanted: int | None) -> int:
    """How many processes decode; None: one a core, the first being the training's own, at most eight."""
    usable = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return min(cores - 1, MAX_WORKERS) if wanted is None else min(wanted, cores)


def read_all(decoded: Decoded, *, path: str, num_workers: int) -> Tensor:
    """Every usable picture, uint8 [M, 3, R, R], by name; the others are named and counted in a warning."""
    pixels = torch.empty(len(decoded), 3, decoded.resolution, decoded.resolution, dtype=torch.uint8)
    count, bad = 0, []
    for index, found in DataLoader(decoded, batch_size=None, num_workers=num_workers):
        if isinstance(found, str):
            bad.append(f"{decoded.source.keys[index]} {found}")
        else:
            pixels[count] = found
            count += 1
    if bad:
        more = ", …" if len(bad) > SAID else ""
        log.warning("%s: left out %d of %d images: %s%s", path, len(bad), len(decoded), "; ".join(bad[:SAID]), more)
    return pixels[:count]


def expect_batch(count: int, batch: int, path: str, *, multiple: int = 1) -> None:
    """InputError where there are fewer usable images than a step takes; a batch is a `multiple`."""
    if count < batch:
        most = count - count % multiple or count
        raise InputError(
            f"dataset.path: {path!r} holds {count} usable images, fewer than a batch of {batch};"
            f" add images, or set training.batch to at most {most}"
        )


class Places:
    """Batches of places from a step on; of several devices' this one's part of each."""

    def __init__(self, *, first: int, last: int, batch: int, devices: int = 1) -> None:
        self.first, self.last, self.batch, self.devices = first, last, batch, devices

    def __len__(self) -> int:
        return max(self.last - self.first, 0)

    def __iter__(self) -> Iterator[list[int]]:
        own = self.batch // self.devices
        for step in range(self.first, self.last):
            start = step * self.batch + rank() * own
            yield list(range(start, start + own))
