"""metrics.csv: one row a photo; and its summary: mean ± standard deviation, n, and the name of the LPIPS network."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_csv, write_csv
from .artefacts import METRICS, finished_photos, read_record

Row = dict[str, Any]
COLUMNS = (
    "image",
    "initial_mse",
    "initial_psnr",
    "initial_lpips",
    "mse",
    "psnr",
    "ssim",
    "lpips",
    "exact_pixels",
    "steps",
    "seconds",
    "initial_seconds",
    "stopped",
    "drift_lpips",
    "drift_mse",
    "frechet_ratio",
)
TEXT = ("image", "stopped", "lpips_network", "frechet_network", "scored_at")


@dataclass(frozen=True)
class Aggregate:
    """One column over the photos that have a finite value there; `exact` more are infinite (PSNR of an exact image)."""

    mean: float  # infinite where all are
    std: float | None  # of a sample (n - 1); None for a single photo
    n: int
    exact: int = 0

    @property
    def count(self) -> str:
        """What the mean is of, and what it leaves out: "n = 8; 2 more exact"."""
        if self.exact and not self.n:
            return f"all {self.exact} exact"
        return f"n = {self.n}" + (f"; {self.exact} more exact" if self.exact else "")

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {figure(self.std, digits=2)}"
        return f"{figure(self.mean)}{spread} ({self.count})"


def figure(value: float | None, *, digits: int = 4) -> str:
    """A number for a reader, in significant digits; nothing for None."""
    if value is None:
        return ""
    if not math.isfinite(value) or value == 0:
        return {math.inf: "∞", 0: "0"}.get(value, str(value))
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -6 or exponent > 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def count(number: int, noun: str) -> str:
    """ "1 photo", "2 photos"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def decibels(value: float | None) -> str:
    """A PSNR for a reader; infinite is an exact picture."""
    if value is None:
        return "PSNR unknown"
    return "exact" if value == math.inf else f"{value:.1f} dB"


def records(folder: Path, *, settings_hash: str | None = None, metric_hash: str | None = None) -> list[dict[str, Any]]:
    """The records of all finished photos in a run's folder, by name; unreadable or with another hash than named: none.

    Of one photo under two names, as when a.jpg has joined a finished a.png, the record that was finished last.
    """
    return chosen(read_records(folder), settings_hash=settings_hash, metric_hash=metric_hash)


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Of every finished photo in a run's folder that can be read."""
    found = [_record(photo) for photo in finished_photos(folder)]
    return [record for record in found if record is not None]


def chosen(
    found: Sequence[dict[str, Any]], *, settings_hash: str | None, metric_hash: str | None = None
) -> list[dict[str, Any]]:
    """Those of `found` that `records` gives."""
    wanted = [r for r in found if settings_hash in (None, r["settings_hash"])]
    wanted = [r for r in wanted if metric_hash in (None, r.get("metric_hash"))]
    latest = {(r["source"], r["photo_digest"]): r for r in sorted(wanted, key=_finished)}
    return sorted(latest.values(), key=lambda record: record["image"])


def _finished(record: dict[str, Any]) -> tuple[str, int]:
    """When a photo was finished; the record has seconds alone."""
    return str(record["finished"]), (record["folder"] / METRICS).stat().st_mtime_ns


def _record(folder: Path) -> dict[str, Any] | None:
    try:
        return read_record(folder) | {"folder": folder}
    except InputError:
        return None


def row(record: dict[str, Any]) -> Row:
    """A photo's row of metrics.csv."""
    return {"image": record["image"], **record["metrics"]}


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write metrics.csv: `COLUMNS` in their order, then any others; empty where a photo has no value."""
    write_csv(path, rows, columns=COLUMNS)


def read_table(path: Path) -> list[Row]:
    """metrics.csv as it was written: floats exact, "inf" as infinity, None where empty."""
    return read_csv(path, text=TEXT)


def aggregate(rows: Sequence[Row]) -> dict[str, Aggregate]:
    """Each column of numbers that has a value, in the columns' order."""
    names = dict.fromkeys([*COLUMNS, *(key for each in rows for key in each)])
    summary = {name: _aggregate([each.get(name) for each in rows]) for name in names if name not in TEXT}
    return {name: value for name, value in summary.items() if value is not None}


def _aggregate(values: Sequence[Any]) -> Aggregate | None:
    numbers = [float(value) for value in values if isinstance(value, int | float) and not math.isnan(value)]
    finite = [value for value in numbers if math.isfinite(value)]
    if not numbers:
        return None
    if not finite:
        return Aggregate(mean=math.inf, std=None, n=0, exact=len(numbers))
    std = statistics.stdev(finite) if len(finite) > 1 else None
    return Aggregate(mean=statistics.fmean(finite), std=std, n=len(finite), exact=len(numbers) - len(finite))


def lpips_network(rows: Sequence[Row]) -> str | None:
    """The network behind the LPIPS columns; None where they are empty."""
    names = sorted({str(each["lpips_network"]) for each in rows if each.get("lpips_network")})
    return ", ".join(names) or None


def frechet_network(rows: Sequence[Row]) -> str | None:
    """What the Fréchet distance in the rows is called: "FID" of Inception alone; None where it is empty."""
    names = sorted({str(each["frechet_network"]) for each in rows if each.get("frechet_network")})
    return ", ".join(names) or None


def describe(rows: Sequence[Row]) -> list[str]:
    """The summary for a terminal, a line a column: "mse  0.00031 ± 0.00012 (n = 8)"."""
    network = lpips_network(rows)
    lines = []
    for name, value in aggregate(rows).items():
        label = f"{name} ({network})" if network and "lpips" in name else name
        lines.append(f"{label:<28} {value}")
    return lines
