"""Many photos with a few steps each: seconds and memory as they grow, in one process.

    python benchmarks/many.py faces.zip --photos 1000 --out many.csv

writes a row every `--every` photos and one at the end, when the report is written: photos, seconds since the start,
and the process's memory. The run is `ganinv.run` itself; `--set` hands settings on.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from command import Row

from ganinv import photos, run
from ganinv.files import write_csv

FEW = (
    "inverter=mean",
    "tuner.steps=4",
    "tuner.interval=4",
    "metric=[reconstruction]",
    "metric.reconstruction.lpips=null",
)
STATUS = Path("/proc/self/status")


@contextmanager
def recorded(out: Path, *, every: int, memory: Callable[[], tuple[float, float]]) -> Iterator[None]:
    """A row into `out` for each `every` photos that are saved within, and one at the end."""
    start, rows, count = time.perf_counter(), list[Row](), 0
    save = photos.save_photo

    def row() -> None:
        now, most = memory()
        seconds = round(time.perf_counter() - start, 1)
        rows.append({"photos": count, "seconds": seconds, "memory_mib": round(now), "peak_mib": round(most)})
        write_csv(out, rows)

    def counted(*args: object, **named: object) -> None:
        nonlocal count
        save(*args, **named)  # pyright: ignore
        count += 1
        if count % every == 0:
            row()

    with patch("ganinv.photos.save_photo", counted):
        yield
    row()


def resident() -> tuple[float, float]:
    """Memory of this process now, and its peak, MiB (Linux)."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="a folder or zip")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True, help="the CSV")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of ganinv.run")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run, and write the rows as they come."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as place:
        given = f"dataset.path='{options.images}'", f"dataset.limit={options.photos}", f"folder={place}/run"
        sys.argv = [sys.argv[0], "dataset=folder", *given, *FEW, "tuner.progress=false", *options.set]
        with recorded(options.out, every=options.every, memory=resident):
            run.main()


if __name__ == "__main__":
    main()
