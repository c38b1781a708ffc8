"""Photos to invert: one file, a folder, a zip, or the embedded demo photo; shard i of n."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor

from ..errors import InputError
from .decode import Unreadable
from .frame import Aspect, Fit, Frame, Region
from .names import folder_names
from .pixels import to_float
from .sources import is_single, list_pictures, read_pictures, source_of

DEMO = Path(__file__).with_name("demo.png")  # where it comes from: demo.md


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo to invert, as the 8-bit picture that the run is measured against."""

    name: str  # unique in the run and safe as a folder's name
    image: Tensor  # float32 [3, R, R] in [-1, 1], on the 8-bit grid
    source: str  # path as the user gave it
    digest: str  # SHA-256 of shape and 8-bit pixels
    valid: Region | None = None  # rows and columns that are scored, the others being padding; None: all
    score_size: int | None = None  # side to which these are resized for the scores; None: as they are


@dataclass(frozen=True)
class BadPhoto:
    """A file that cannot be inverted: "`source` `reason`" is a sentence."""

    source: str
    reason: str


class Images:
    """Yields a `Photo` or a `BadPhoto` for each picture, sorted by name, decoded when asked for.

    path: a photo, a folder (its sub-folders are not searched) or a zip; None: the embedded demo photo.
    resolution: the generator's, in pixels. limit: only the first so many by name. shard, num_shards: of these, every
    num_shards-th from the shard-th; names are given before, so that they are the same in every shard. fit, aspect: how
    a photo comes into the generator's square (`Frame`). networks: names of those that suit the photos. score_size: the
    side of the square at which the literature scores such photos; None: the network's own.
    InputError: nothing there, an unreadable folder or zip, or a single photo that is bad.
    """

    def __init__(
        self,
        *,
        path: str | None = None,
        resolution: Annotated[int, Field(gt=0)],
        limit: Annotated[int, Field(gt=0)] | None = None,
        shard: Annotated[int, Field(ge=0)] = 0,
        num_shards: Annotated[int, Field(gt=0)] = 1,
        fit: Fit = "crop",
        aspect: Aspect | None = None,
        networks: Sequence[str] = (),
        score_size: Annotated[int, Field(gt=0)] | None = None,
    ) -> None:
        expect_shard(shard, num_shards)
        self.is_demo = path is None
        self.path = str(DEMO) if path is None else os.path.expanduser(path)
        self.resolution = resolution
        self.frame = Frame(fit=fit, aspect=aspect)
        self.networks, self.score_size = tuple(networks), score_size
        keys = list_pictures(self.path)
        self.names = folder_names(keys)
        self.keys = keys[:limit][shard::num_shards]
        self.single = self.read_single() if is_single(self.path) and self.keys else None

    def __len__(self) -> int:
        """Number of photos of this shard, bad ones included."""
        return len(self.keys)

    def __iter__(self) -> Iterator[Photo | BadPhoto]:
        return self.read_all() if self.single is None else iter([self.single])

    def read_all(self) -> Iterator[Photo | BadPhoto]:
        valid = self.frame.region(self.resolution)
        for key, pixels in read_pictures(self.path, self.keys, resolution=self.resolution, frame=self.frame):
            source = "the embedded demo photo" if self.is_demo else source_of(self.path, key)
            if isinstance(pixels, Unreadable):
                yield BadPhoto(source=source, reason=str(pixels))
            else:
                image, mark, scored = to_float(pixels), digest(pixels), {"valid": valid, "score_size": self.score_size}
                yield Photo(name=self.names[key], image=image, source=source, digest=mark, **scored)

    def read_single(self) -> Photo:
        """Read at once: with one photo there is nothing else to go on with."""
        photo = next(self.read_all())
        if isinstance(photo, BadPhoto):
            raise InputError(f"{photo.source!r} {photo.reason}")
        return photo


def expect_shard(shard: int, num_shards: int) -> None:
    """InputError unless there is such a shard."""
    if shard >= num_shards:
        raise InputError(f"dataset.shard: must be 0 to {num_shards - 1}, below dataset.num_shards, got {shard}")


def digest(pixels: Tensor) -> str:
    """SHA-256 in hex over the shape and the values of a uint8 tensor."""
    shape = "x".join(map(str, pixels.shape))
    return hashlib.sha256(shape.encode() + b":" + pixels.contiguous().numpy().tobytes()).hexdigest()
