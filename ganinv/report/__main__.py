"""Runs side by side: `python -m ganinv.report FOLDER…` writes one table, a row a setting, and a plot."""

import argparse
import sys
from pathlib import Path

from ..mistakes import telling
from ..unread import heard


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, or 2 after a mistake, which is told in a sentence."""
    options = parse(arguments)
    from .comparison import compare

    folders = [Path(folder).expanduser() for folder in options.folders]
    columns = options.columns.split(",") if options.columns else None
    out = Path(options.out).expanduser() if options.out else folders[0]
    return telling(lambda: print(compare(folders, out=out, baseline=options.baseline, columns=columns).told))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ganinv.report", description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="of a run, of a sweep, or above several of them")
    parser.add_argument(
        "--baseline", help='row that the others are compared with (default: "full", "default" or the first)'
    )
    parser.add_argument("--columns", help="of metrics.csv, by commas, for Markdown and LaTeX; the CSV has all")
    parser.add_argument("--out", help="folder for table.csv, .md, .tex and fidelity_drift.svg (default: the first)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(heard(main))
