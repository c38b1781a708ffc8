"""What a run leaves beside its photos: metrics.csv, grid.png, report.html, and failed.json while photos fail."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..dataset.sources import is_zip
from ..errors import InputError
from ..files import alone, read_json, write_json, write_text
from .grid import write_grid
from .page import page, with_edits
from .table import Aggregate, Row, aggregate, chosen, describe, read_records, row, write_table

FAILED, REPORT = "failed.json", "report.html"
EDITS = "edits.png"  # a sheet of the edited photos, where there are any
MOST_BYTES = 2**22  # of it in the report, which is one file


@dataclass(frozen=True)
class Summary:
    """The run as it stands on disk, photos of earlier runs and other shards included."""

    rows: list[Row]
    aggregate: dict[str, Aggregate]
    lines: list[str]  # the aggregate for a terminal
    failed: dict[str, str]  # source -> why
    folders: dict[str, Path]  # of each photo, by its name
    grid: Path | None  # None without a photo
    report: Path


class Report:
    """Sums up a run's folder. rows: photos in grid.png; cards: photos with pictures in report.html."""

    def __init__(self, *, rows: Annotated[int, Field(gt=0)] = 16, cards: Annotated[int, Field(gt=0)] = 60) -> None:
        self.rows, self.cards = rows, cards

    def __call__(
        self,
        folder: Path,
        *,
        settings_hash: str,
        metric_hash: str | None = None,
        settings: str,
        failed: dict[str, str],
    ) -> Summary:
        """Read every finished photo of these settings in `folder` and write the files of the whole.

        `metric_hash`: photos that were measured otherwise are left out until they are measured so; None: all are taken.
        `settings` the resolved YAML as text, `failed` source -> why of this process's photos. Raises InputError.
        """
        with _in_turn(folder):
            return self._sum_up(folder, (settings_hash, metric_hash), settings, failed)

    def _sum_up(self, folder: Path, marks: tuple[str, str | None], settings: str, failed: dict[str, str]) -> Summary:
        settings_hash, metric_hash = marks
        read = read_records(folder)
        every = chosen(read, settings_hash=settings_hash)
        found = chosen(read, settings_hash=settings_hash, metric_hash=metric_hash)
        rows, folders = [row(record) for record in found], {record["image"]: record["folder"] for record in found}
        failed = _merge(folder / FAILED, failed, done={record["source"] for record in found})
        grid, report = folder / "grid.png", folder / REPORT
        write_table(folder / "metrics.csv", rows)
        if found:
            write_grid(grid, folders, most=self.rows)
        write_text(report, page(found, settings=settings, failed=failed, most=self.cards, edits=sheet_of(folder)))
        return Summary(
            rows=rows,
            aggregate=aggregate(rows),
            lines=[*describe(rows), *_left_out(len(every) - len(found))],
            failed=failed,
            folders=folders,
            grid=grid if found else None,
            report=report,
        )


def _left_out(count: int) -> Iterator[str]:
    """A word on the photos that were tuned so and measured otherwise."""
    if count:
        yield f"photos here that were measured otherwise: {count}; not in metrics.csv until a run measures them so"


@contextlib.contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """Shards that end together sum up one after the other, so that the last one knows of all."""
    with contextlib.ExitStack() as stack:
        # On a disk without locks all sum up at once; one that takes no file is told by what is written next.
        with contextlib.suppress(OSError, NotImplementedError):
            stack.enter_context(alone(folder / REPORT))
        yield


def renew_edits(folder: Path) -> None:
    """Put the edits' sheet into the run's report, where there is one. Raises InputError."""
    report = folder / REPORT
    if not report.is_file():
        return
    with _in_turn(folder):
        try:
            text = report.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{report}: cannot be read ({error}); the run's own command writes it anew") from error
        if (renewed := with_edits(text, sheet_of(folder))) is None:
            raise InputError(f"{report}: has no place for edits; the run's own command writes it anew")
        write_text(report, renewed)


def sheet_of(folder: Path) -> bytes | str | None:
    """The edits' sheet; where it is too large for the report, that it is; None: there is none."""
    path = folder / EDITS
    if not path.is_file():
        return None
    if path.stat().st_size > MOST_BYTES:
        return f"{EDITS}, beside this page, is too large to stand in it."
    return path.read_bytes()


def _merge(path: Path, failed: dict[str, str], *, done: set[str]) -> dict[str, str]:
    """This process's failures, and those of other shards whose files are still there and have not succeeded since."""
    try:
        before = read_json(path)
    except InputError:
        before = {}
    still = {source: why for source, why in before.items() if _is_there(source) and source not in done}
    merged = {**still, **failed}
    if merged or before:
        write_json(path, merged)
    return merged


def _is_there(source: str) -> bool:
    """Whether the file, or the zip that the photo is an entry of, still stands."""
    path = Path(source).expanduser()
    return path.exists() or any(is_zip(str(above)) for above in path.parents)
