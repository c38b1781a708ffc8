"""Scores by a head that is trained here, from labelled photos, on a frozen feature network."""

import hashlib
import io
import logging
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor
from torchvision.transforms.functional import rgb_to_grayscale

from ..dataset.decode import Unreadable
from ..dataset.sources import is_single, list_pictures, opened, read_pictures
from ..errors import InputError
from ..generator.checkpoint import Prior
from ..metric.frechet import FeatureNetwork, collect
from .head import Head, train
from .region import Box, crop, expect_box
from .samples import Samples, pictures
from .scores import OnPictures, Scores, parse_table, read_table

UNKNOWN = ("", "-9", "-9.0", "nan")  # without regard to case
INSIDE = "labels.csv"  # beside the photos, where no other table is named
WEAK = {"auc": 0.7, "correlation": 0.4}
BATCH = 32

log = logging.getLogger(__name__)


def mark_of(pixels: Tensor) -> str:
    """What tells a photo from others, uint8 [3, R, R]: eight hex digits (CRC-32)."""
    return f"{zlib.crc32(pixels.contiguous().numpy().tobytes()):08x}"


def trunk_of(network: FeatureNetwork | torch.nn.Module) -> str:
    """What tells a network from others: a digest of its weights, whichever layer is taken; without any, its title."""
    if not isinstance(network, torch.nn.Module) or not (tensors := list(network.state_dict().values())):
        return getattr(network, "title", type(network).__name__)
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


# 128 + 64 (x − mean) / deviation, over all values of a picture
def evened(pixels: Tensor) -> Tensor:
    """[N, 3, H, W] in [0, 255] -> floats at one brightness and contrast; a picture of one value becomes grey."""
    x = pixels.float()
    spread = x.std(dim=[1, 2, 3], keepdim=True).clamp_min(1)
    return 128 + 64 * (x - x.mean(dim=[1, 2, 3], keepdim=True)) / spread


class Labelled:
    """Photos and their labels -> a head on `network` -> scores of samples."""

    def __init__(
        self,
        *,
        network: FeatureNetwork,
        photos: str,
        column: str,
        labels: str | None = None,
        value: str | None = None,
        at_least: float | None = None,
        grey: bool = False,
        even: bool = False,
        region: Box | None = None,
        frame: Box | None = None,
    ) -> None:
        """`photos`: a folder or zip. `labels`: a CSV, its first column the photos' file names, -9, nan or nothing where
        a label is not known; None: labels.csv among the photos. `column`: the attribute's. `value`: the attribute is
        there where the column holds this text; `at_least`: where it holds this number or more; neither: the numbers
        are degrees. `grey`: photos and samples are looked at without colour, for photos that have none.
        `even`: what is looked at is brought to one brightness and contrast (`evened`), so that light is no cue; the
        network must take floats, as those with a method `graded` do.
        `region`: the part of the photos that is looked at, [top, left, bottom, right] as shares of the side; None: all.
        `frame`: the part of the samples that shows what `region` does of the photos; None: the same.
        """
        if value is not None and at_least is not None:
            raise InputError("scores: value and at_least exclude each other; leave one of them out")
        if not os.path.exists(os.path.expanduser(photos)) or is_single(photos):
            raise InputError(f"scores.photos: {photos!r} is no folder and no zip of photos")
        if even and not hasattr(network, "graded"):
            raise InputError(
                f"scores.even: {network.title} takes whole numbers alone (it has no `graded`); leave it out"
            )
        for key, box in (("region", region), ("frame", frame)):
            if box is not None:
                expect_box(box, f"scores.{key}")
        self.region, self.frame = region, region if frame is None else frame
        self.network, self.photos, self.column = network, photos, column
        self.labels, self.value, self.at_least, self.grey, self.even = labels, value, at_least, grey, even

    def __call__(self, *, prior: Prior, samples: Samples) -> Scores:
        """A score for each sample. Raises InputError."""
        generator = prior.generator
        self.network.to(generator.mapping.w_avg.device)
        found = self.on_pictures(resolution=generator.img_resolution)
        batches = pictures(generator, samples.truncated(generator.mapping.w_avg))
        return Scores(torch.cat([found.score(batch) for batch in batches]), found.made)

    def on_pictures(self, *, resolution: int) -> OnPictures:
        """The network with the head that is trained on it, for pictures of that resolution. Raises InputError."""
        head, graded = self.head(resolution=resolution), getattr(self.network, "graded", None)
        return OnPictures(
            lambda pixels: head(self.network(self._seen(pixels, self.frame))),
            {"from": "labelled", **head.made},
            graded and (lambda pixels: head(graded(self._seen(pixels, self.frame)))),
        )

    def _seen(self, pixels: Tensor, box: Box | None) -> Tensor:
        """What the network is shown.  # [N, 3, R, R] -> [N, 3, h, w]"""
        part = pixels if box is None else crop(pixels, box)
        part = rgb_to_grayscale(part, num_output_channels=3) if self.grey else part
        return evened(part) if self.even else part

    def head(self, *, resolution: int) -> Head:
        """Trained on the photos as the generator of that resolution would show them. Raises InputError."""
        taken: list[tuple[float, str]] = []
        batches = self._batches(self.read_labels(), taken, resolution)
        features = collect(self.network, (self._seen(batch, self.region) for batch in batches))
        head = train(features, torch.tensor([label for label, _ in taken]), name=self.column)
        head.made.update(
            column=self.column,
            grey=self.grey,
            even=self.even,
            trunk=trunk_of(self.network),
            photos=sorted(mark for _, mark in taken),
        )
        head.made.update({key: list(box) for key, box in (("region", self.region), ("frame", self.frame)) if box})
        for measure, least in WEAK.items():
            if head.made.get(measure, least) < least:
                log.warning(
                    "%s: the head is weak, %s %.2f on held-out photos", self.column, measure, head.made[measure]
                )
        return head

    def _batches(self, by_file: dict[str, float], taken: list[tuple[float, str]], resolution: int) -> Iterator[Tensor]:
        """The photos that can be read, uint8 [≤ BATCH, 3, R, R]; their labels and marks are added to `taken`."""
        batch: list[Tensor] = []
        for key, pixels in read_pictures(self.photos, self._keys(by_file), resolution=resolution):
            if isinstance(pixels, Unreadable):
                log.warning("%s: %s %s; left out", self.photos, key, pixels)
                continue
            taken.append((by_file[PurePosixPath(key).name], mark_of(pixels)))
            batch.append(pixels)
            if len(batch) == BATCH:
                yield torch.stack(batch)
                batch = []
        if not taken:
            raise InputError(f"scores: no photo of {self.photos} that has a label can be read; name others")
        if batch:
            yield torch.stack(batch)

    def read_labels(self) -> dict[str, float]:
        """Labels by file name, unknown ones left out. Raises InputError."""
        rows = self._rows()
        file = next(iter(rows[0]))
        known = {row[file]: row[self.column] for row in rows if row[self.column].strip().lower() not in UNKNOWN}
        if self.value is not None:
            return self._expect_both(
                {name: float(text == self.value) for name, text in known.items()}, set(known.values())
            )
        try:
            numbers = {name: float(text) for name, text in known.items()}
        except ValueError as error:
            kinds = ", ".join(sorted(set(known.values()))[:6])
            raise InputError(
                f"scores: the column {self.column} holds texts ({kinds}); name the one that counts with scores.value"
            ) from error
        if endless := next((name for name, number in numbers.items() if not math.isfinite(number)), None):
            raise InputError(f"scores: {self.column} of {endless} is {known[endless]!r}; a label is a finite number")
        if self.at_least is None:
            return numbers
        least = self.at_least
        return {name: float(number >= least) for name, number in numbers.items()}

    def _expect_both(self, labels: dict[str, float], kinds: set[str]) -> dict[str, float]:
        if self.value not in kinds:
            raise InputError(
                f"scores.value: {self.value!r} is never in {self.column}; it holds {', '.join(sorted(kinds))}"
            )
        return labels

    def _rows(self) -> list[dict[str, str]]:
        if self.labels is not None:
            return read_table(Path(self.labels).expanduser(), columns=(self.column,))
        with opened(self.photos) as read:
            try:
                text = read(INSIDE).decode("utf-8-sig")
            except (Unreadable, KeyError, UnicodeDecodeError) as error:
                raise InputError(f"scores: {self.photos} has no {INSIDE}; name the table with scores.labels") from error
        return parse_table(io.StringIO(text), Path(self.photos, INSIDE), (self.column,))

    def _keys(self, by_file: dict[str, float]) -> list[str]:
        keys = [key for key in list_pictures(self.photos) if PurePosixPath(key).name in by_file]
        if not keys:
            raise InputError(f"scores: no photo of {self.photos} has a label; the table's first column names the files")
        return keys
