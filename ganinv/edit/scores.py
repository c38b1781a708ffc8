"""Scores of an attribute for sampled pictures: from a table, or from a classifier of one's own."""

import csv
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from .samples import Samples, pictures

INDEX = "sample"  # the table's first column


@dataclass(frozen=True, eq=False)
class Scores:
    """One a sample, higher where there is more of the attribute, and how they were got."""

    values: Tensor  # [N] float32
    made: dict[str, Any]


class Scorer(Protocol):
    """Samples -> scores."""

    def __call__(self, *, prior: Prior, samples: Samples) -> Scores: ...


@dataclass(frozen=True, eq=False)
class OnPictures:
    """A scorer as a function of any pictures, not of samples alone, and how it was got."""

    score: Callable[[Tensor], Tensor]  # uint8 [N, 3, R, R] -> [N] float32 on the CPU
    made: dict[str, Any]
    graded: Callable[[Tensor], Tensor] | None = None  # the same of float32 in about [0, 255], with a gradient


def expect_varied(scores: Tensor, name: str) -> None:
    """InputError where the scores cannot tell samples apart."""
    if not bool(scores.isfinite().all()):
        raise InputError(f"{name}: its scores hold NaN or infinite numbers; correct what gives them")
    if len(scores) and bool((scores == scores[0]).all()):
        raise InputError(
            f"{name}: all {len(scores):,} have the same score or label, {scores[0]:g}, so nothing tells them apart;"
            " give some that vary"
        )


class Table:
    """Scores from a CSV: the column `sample` counts the samples from 0, as `finder=pictures` writes them."""

    def __init__(self, *, path: str, column: str) -> None:
        self.path, self.column = Path(path).expanduser(), column

    def __call__(self, *, prior: Prior, samples: Samples) -> Scores:
        """A score for each sample. InputError where the table has none for one of them."""
        found = {index: value for index, value in self._rows()}
        missing = [index for index in range(len(samples.w)) if index not in found]
        if missing:
            raise InputError(
                f"{self.path}: has no score for {len(missing):,} of {len(samples.w):,} samples, first: {missing[0]};"
                " score them, or lower finder.samples"
            )
        values = torch.tensor([found[index] for index in range(len(samples.w))])
        return Scores(values, {"from": "table", "column": self.column})

    def _rows(self) -> list[tuple[int, float]]:
        rows = read_table(self.path, columns=(INDEX, self.column))
        try:
            return [(int(row[INDEX]), float(row[self.column])) for row in rows if row[self.column] != ""]
        except ValueError as error:
            raise InputError(f"{self.path}: the columns {INDEX} and {self.column} must be numbers ({error})") from error


class Own:
    """A classifier of one's own, by dotted path: called with uint8 [N, 3, R, R], it gives [N] numbers.

    `finder=gradient` needs its method `graded` too: float32 [N, 3, R, R] in about [0, 255] (not clamped) -> [N], with a
    gradient.
    """

    def __init__(self, *, score: str | Callable[..., Any]) -> None:
        """`score`: "package.module:function", or a class there that needs no arguments; in Python, the callable."""
        self.title = score if isinstance(score, str) else getattr(score, "__qualname__", type(score).__name__)
        self.score = resolve(score) if isinstance(score, str) else score

    def __call__(self, *, prior: Prior, samples: Samples) -> Scores:
        """A score for each sample. Raises InputError."""
        w, found = samples.truncated(prior.generator.mapping.w_avg), self.on_pictures()
        return Scores(torch.cat([found.score(batch) for batch in pictures(prior.generator, w)]), found.made)

    def on_pictures(self, *, resolution: int | None = None) -> OnPictures:
        """The classifier of pictures; `resolution` is not looked at."""
        made = {"from": "own", "classifier": self.title}
        return OnPictures(self._values, made, getattr(self.score, "graded", None))

    def _values(self, batch: Tensor) -> Tensor:
        values = self._called(batch)
        if values.shape != (len(batch),):
            raise InputError(
                f"scores: {self.title} gives the shape {list(values.shape)} for {len(batch)} pictures; it must give"
                f" [{len(batch)}]"
            )
        return values

    def _called(self, batch: Tensor) -> Tensor:
        said = f"scores: {self.title} does not give numbers for uint8 pictures {list(batch.shape)}"
        try:
            answer = self.score(batch)
        except TypeError as error:
            raise InputError(f"{said} ({error}); it must take them, and them alone") from error
        try:
            return torch.as_tensor(answer).detach().float().cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{said} ({error}); it must give [{len(batch)}]") from error


def resolve(path: str) -> Callable[..., Any]:
    """What stands at a dotted path; a class is made. Raises InputError."""
    try:
        found = pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"scores: {path!r} cannot be imported ({error}); give package.module:function") from error
    try:
        made = found() if isinstance(found, type) else found
    except TypeError as error:
        raise InputError(
            f"scores: {path!r} cannot be made without arguments ({error}); give a function of it"
        ) from error
    if not callable(made):
        raise InputError(f"scores: {path!r} is no function of pictures; give package.module:function")
    return made


def read_table(path: Path, *, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV that has `columns`. Raises InputError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return parse_table(file, path, columns)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error}); give a CSV with a line of names") from error


def parse_table(lines: Any, path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """As `read_table`, of open lines."""
    try:
        reader = csv.DictReader(lines, strict=True)
        names = list(reader.fieldnames or [])
        for column in columns:
            if column not in names:
                raise InputError(f"{path}: has no column {column!r}; its columns are {', '.join(names) or 'none'}")
        rows = [{name: (row[name] or "").strip() for name in names} for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: not a whole CSV ({error}); write it again") from error
    if not rows:
        raise InputError(f"{path}: has no rows; give a score or a label in each")
    return rows
