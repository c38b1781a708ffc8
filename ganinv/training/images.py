"""A training's images: all in memory where they fit, otherwise decoded when their turn comes."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from ..errors import InputError
from .data import Cached, Decoded, Places, read_all
from .order import Order

log = logging.getLogger(__name__)
Lazy = tuple[Tensor | None, list[str]]  # uint8 [3, R, R] or none at all, and what had to be passed over to get it


@dataclass(frozen=True)
class Images:
    """`pixels` uint8 [M, 3, R, R] where they are in memory."""

    decoded: Decoded
    path: str
    num_workers: int
    pixels: Tensor | None

    @property
    def count(self) -> int:
        """Usable ones where they are in memory, files otherwise."""
        return len(self.decoded if self.pixels is None else self.pixels)

    @property
    def name(self) -> str:
        """The folder's or file's own, without where it lies."""
        return self.path.rstrip("/").rpartition("/")[2]

    def batches(self, indices: list[int], size: int) -> Iterator[Tensor]:
        """Those of `indices` that can be read, uint8 [≤ size, 3, R, R] at a time."""
        if self.pixels is not None:
            yield from self.pixels[indices].split(size)
            return
        chosen = Subset(self.decoded, indices)
        for found in DataLoader(chosen, batch_size=size, num_workers=self.num_workers, collate_fn=list):
            if usable := [pixels for _, pixels in found if isinstance(pixels, Tensor)]:
                yield torch.stack(usable)

    def loader(self, order: Order, places: Places) -> "DataLoader | Heard":
        """Batches uint8 [N, 3, R, R] in the training's order."""
        if self.pixels is not None:
            return DataLoader(Cached(pixels=self.pixels, order=order), batch_sampler=places)
        turns = InTurn(decoded=self.decoded, order=order)
        return Heard(
            DataLoader(turns, batch_sampler=places, num_workers=self.num_workers, collate_fn=_together), self.path
        )


def open_images(decoded: Decoded, *, path: str, num_workers: int, cache_mb: float) -> Images:
    """Into memory where they take at most `cache_mb`; unusable ones are then known from the beginning."""
    megabytes = len(decoded) * 3 * decoded.resolution**2 / 1e6
    if megabytes <= cache_mb:
        pixels = read_all(decoded, path=path, num_workers=num_workers)
        return Images(decoded=decoded, path=path, num_workers=num_workers, pixels=pixels)
    log.info("%d images, %.0f MB: decoded when their turn comes (training.cache_mb)", len(decoded), megabytes)
    return Images(decoded=decoded, path=path, num_workers=num_workers, pixels=None)


class InTurn(Dataset):
    """Place in the training -> an image, or the next of the order's by name that can be read; and those passed over."""

    def __init__(self, *, decoded: Decoded, order: Order) -> None:
        self.decoded, self.order = decoded, order

    def __getitem__(self, place: int) -> Lazy:
        index, mirrored = self.order(place)
        bad = []
        for offset in range(self.order.count):  # those after them are held out
            key, found = self.decoded[(index + offset) % self.order.count]
            if isinstance(found, Tensor):
                return (found.flip(2) if mirrored else found), bad
            bad.append(f"{self.decoded.source.keys[key]} {found}")
        return None, bad  # an exception would arrive from a worker with its whole trace as its words


def _together(items: list[Lazy]) -> Lazy:
    found, words = [pixels for pixels, _ in items if pixels is not None], [word for _, bad in items for word in bad]
    return (torch.stack(found) if len(found) == len(items) else None), words


class Heard:
    """A loader's batches; what was passed over for them is named once, and counted."""

    def __init__(self, loader: DataLoader, path: str) -> None:
        self.loader, self.path = loader, path
        self.said: set[str] = set()

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Tensor]:
        for pixels, bad in self.loader:
            if pixels is None:
                raise InputError(f"dataset.path: no image can be read, first: {bad[0]}; name others")
            for word in (word for word in bad if word not in self.said):
                self.said.add(word)
                log.warning("%s: %d left out so far, another in its place: %s", self.path, len(self.said), word)
            yield pixels
