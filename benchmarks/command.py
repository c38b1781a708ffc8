"""What the benchmarks' commands share: how they end, and how they write rows as they come."""

import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ganinv.errors import InputError
from ganinv.files import write_csv

Row = dict[str, Any]


def ended(work: Callable[[], object]) -> int:
    """The exit code: 1 after a mistake, which is one sentence."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        work()
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write(rows: Iterable[Row], path: Path, *, columns: tuple[str, ...] = (), said: str = "") -> None:
    """The CSV, written anew after each row, of `columns` alone where there are some; `said` is filled and told."""
    done: list[Row] = []
    for row in rows:
        done.append({name: row[name] for name in columns} if columns else row)
        write_csv(path, done, columns=columns)
        if said:
            logging.getLogger("benchmark").info(said.format(**row))
