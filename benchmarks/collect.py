"""Finished photos' figures into a CSV of docs/results, so that its tables come from runs and not from a hand.

    python benchmarks/collect.py docs/results/methods.csv runs/celeba/ --columns row=full dataset=celeba_hq

adds a row for each finished photo beneath the folders, with the columns that the CSV has and the run says (six digits),
with the settings' hash and the day; a photo that stands there with the same --columns is replaced.

--within-bars: MSE, PSNR, SSIM and exact values are those of what lies within the photo's black bars, by the saved
pictures; the column `scored` says so.
"""

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bars import within_bars

from ganinv.errors import InputError
from ganinv.files import write_csv
from ganinv.report.artefacts import METRICS, read_record

LABELS = ("row", "dataset", "sweep", "setting")  # columns that no run says
WITHIN = "within bars"  # in the column `scored`
KEPT = ("settings_hash", "finished")  # of the record, where each of a photo's figures comes from


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="the CSV, with its head at least")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--columns", nargs="+", default=[], metavar="NAME=VALUE", help="what every row says")
    parser.add_argument("--within-bars", action="store_true", help="score without the photos' black bars")
    given = parser.parse_args()
    if unnamed := [column for column in given.columns if "=" not in column]:
        parser.exit(2, f"--columns: NAME=VALUE for each, got {' '.join(unnamed)}\n")
    own = dict(column.split("=", 1) for column in given.columns)
    try:
        count = collect(given.table, given.runs, own=own, is_within=given.within_bars)
    except (InputError, OSError) as error:
        parser.exit(2, f"{error}\n")
    print(f"{count} photos -> {given.table}")


def collect(table: Path, runs: Iterable[Path], *, own: dict[str, str], is_within: bool = False) -> int:
    """Write the rows of the finished photos beneath `runs` into `table`; -> how many. InputError: there are none."""
    columns, before = text_of(table)
    expect_named(table, columns, own)
    if is_within and "scored" not in columns:
        raise InputError(f"{table}: has no column scored, which would tell these rows from others; add it to its head")
    photos = sorted(path.parent for run in runs for path in run.rglob(METRICS))
    if not photos:
        raise InputError(f"{', '.join(map(str, runs))}: no finished photo there")
    found = [row_of(record_of(photo, is_within=is_within), own, columns) for photo in photos]
    names = [row["image"] for row in found]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{', '.join(map(str, runs))}: holds {doubled} twice; name the folder of one run")
    new = {(*own.values(), name) for name in names}
    kept = [row for row in before if (*(row[key] for key in own), row["image"]) not in new]
    write_csv(table, [*kept, *found], columns=[*columns, *KEPT])
    return len(found)


def expect_named(table: Path, columns: Sequence[str], own: dict[str, str]) -> None:
    """InputError: a column that the table has not, or a label of its rows that is not said."""
    if unknown := own.keys() - {*columns}:
        raise InputError(f"{table}: has no column {', '.join(sorted(unknown))}; it has {', '.join(columns)}")
    if unsaid := [column for column in columns if column in LABELS and column not in own]:
        raise InputError(f"{table}: --columns must say {', '.join(unsaid)}, by which its rows are known")


def text_of(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """A CSV's columns and its rows, every cell as it stands."""
    with open(table, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        rows = [*reader]
    return [*(reader.fieldnames or [])], rows


def record_of(photo: Path, *, is_within: bool) -> dict[str, Any]:
    """metrics.json of a finished photo; `is_within`: with figures within its bars in the place of the square's.

    InputError: its run has left bars out already, or reduced the picture.
    """
    record = read_record(photo)
    if not is_within:
        return record
    if record.get("valid") is not None or "scored_at" in record["metrics"]:
        raise InputError(f"{photo / METRICS}: its run has scored it without bars, or reduced; leave --within-bars out")
    return record | {"metrics": record["metrics"] | within_bars(photo) | {"scored": WITHIN}}


def row_of(record: dict[str, Any], own: dict[str, str], columns: Iterable[str]) -> dict[str, str]:
    """The figures of metrics.json that have a column, as text."""
    where = {"image": record["image"], "settings_hash": record["settings_hash"], "finished": record["finished"][:10]}
    known = record["metrics"] | where | own
    return {name: digits(known[name]) for name in dict.fromkeys([*columns, *KEPT]) if known.get(name) is not None}


def digits(value: object) -> str:
    """A figure with six digits, a word as it is."""
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    main()
