"""The plots of docs/results.md, fidelity against drift with a point a setting, from the CSVs that its tables come from.

    python benchmarks/plots.py

writes them beside the CSVs; tests/test_plots.py holds them to these.
"""

import re
import sys
from pathlib import Path
from typing import Any

from cells import RESULTS, rows

from ganinv.files import write_text
from ganinv.report.scatter import scatter
from ganinv.report.table import aggregate

# CSV -> column of names, baseline, and of which of its rows
PLOTS = {
    "sweeps": ("setting", "default", {}),
    "ablation": ("row", "full", {}),
    "methods": ("row", "full", {"dataset": "ffhq"}),
}
FAR_OFF = ("loss=paper, tuner.keep=last",)
SHORT = {
    "full": "default",
    "closest": "row=closest",
    "held_edits": "row=held_edits",
    "pti": "PTI, with its stop",
    "pti_long": "PTI without its stop",
    "mean_start": "from the mean latent",
}  # rows of the methods; the projector, which tunes nothing, has no drift


def plot(name: str, folder: Path = RESULTS) -> str:
    """PSNR and ratio of each setting of a CSV."""
    column, baseline, wanted = PLOTS[name]
    everything = [row for row in rows(name, folder, **wanted) if is_shown(row, column)]
    settings = dict.fromkeys(row[column] for row in everything)
    named = [(label(each, name), aggregate([row for row in everything if row[column] == each])) for each in settings]
    return scatter(named, baselines=[label(baseline, name)])


def is_shown(row: dict[str, Any], column: str) -> bool:
    """Whether it has its place: it has drift, and is none of the settings that would push the rest together."""
    return row["frechet_ratio"] is not None and row[column] not in FAR_OFF


def label(setting: str, plot: str) -> str:
    """Without what sets of settings it is of, for which there is no room; a row of the methods as their table says."""
    if plot == "methods":
        return SHORT[setting]
    return re.sub(r"tuner\.|(?<=, )loss\.form=|loss\.(pyramid\.)?|(?<=, tuner\.)discriminator=", "", setting).replace(
        "adversarial", "adv"
    )


def main() -> int:
    """Write every plot."""
    for name in PLOTS:
        write_text(RESULTS / f"{name}.svg", plot(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
