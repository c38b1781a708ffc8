"""The tables of labels by which the embedded edits were found and are judged: every other row for either.

    python benchmarks/labels.py ffhq_attributes.csv expressions128.zip --out .

find.csv and judge.csv: the first, third, … and the second, fourth, … row of the table of photos. find_anger.csv and
judge_anger.csv: likewise, of the rows of the zip's labels.csv whose expression is anger or neutral.
"""

import argparse
import sys
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from command import ended

from ganinv.edit.labelled import INSIDE
from ganinv.edit.scores import parse_table, read_table
from ganinv.errors import InputError
from ganinv.files import write_csv

TOLD_APART = ("anger", "neutral")


def split(attributes: Path, expressions: Path, out: Path) -> None:
    """Write the four tables into `out`. Raises InputError."""
    faces = [row for row in of_zip(expressions) if row["expression"] in TOLD_APART]
    for rows, suffix in ((read_table(attributes, columns=("file",)), ""), (faces, "_anger")):
        for start, name in enumerate(("find", "judge")):
            write_csv(out / f"{name}{suffix}.csv", rows[start::2])
            print(f"{len(rows[start::2])} rows -> {out / f'{name}{suffix}.csv'}")


def of_zip(path: Path) -> list[dict[str, str]]:
    """The rows of the zip's labels.csv. Raises InputError."""
    try:
        with ZipFile(path) as archive:
            text = archive.read(INSIDE).decode("utf-8-sig")
    except (OSError, BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no {INSIDE} can be read there ({error}); give a zip of photos with one") from error
    return parse_table(text.splitlines(), path / INSIDE, ("file", "expression"))


def main() -> int:
    """The exit code is 1 after a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attributes", type=Path, help="CSV, its first column the photos' file names")
    parser.add_argument("expressions", type=Path, help=f"zip with a {INSIDE}")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    return ended(lambda: split(options.attributes, options.expressions, options.out))


if __name__ == "__main__":
    sys.exit(main())
