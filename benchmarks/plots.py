"""The plots of docs/results.md, fidelity against drift with a point a setting, from the CSVs that its tables come from.

    python benchmarks/plots.py

writes them beside the CSVs; tests/test_plots.py holds them to these.
"""

import sys
from pathlib import Path

from cells import RESULTS, rows

from ganinv.files import write_text
from ganinv.report.scatter import scatter
from ganinv.report.table import aggregate

PLOTS = {"sweeps": ("setting", "default"), "ablation": ("row", "full")}  # CSV -> column of names, baseline


def plot(name: str, folder: Path = RESULTS) -> str:
    """PSNR and ratio of each setting of a CSV."""
    column, baseline = PLOTS[name]
    everything = rows(name, folder)
    settings = dict.fromkeys(row[column] for row in everything)
    named = [(label(each), aggregate([row for row in everything if row[column] == each])) for each in settings]
    return scatter(named, baselines=[baseline])


def label(setting: str) -> str:
    """Without what sets of settings it is of, for which there is no room."""
    return setting.replace("tuner.", "").replace("loss.", "")


def main() -> int:
    """Write every plot."""
    for name in PLOTS:
        write_text(RESULTS / f"{name}.svg", plot(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
