"""The table of docs/results.md on what limits the last decibels: one photo, more steps, and the root of the pyramid."""

from collections.abc import Iterator
from pathlib import Path

from cells import Line, rows

COLUMNS = {"psnr": 1, "exact_pixels": 3, "drift_mse": 4, "frechet_ratio": 3}
NEAR = {"frechet_ratio_near_0.25": 3, "frechet_ratio_near_0.5": 3}


def limits(folder: Path) -> Iterator[Line]:
    """A line a run: settings, photo, steps, figures of the picture, what it did to the rest, seconds."""
    yield ["setting", "photo", "steps", "PSNR, dB", "exact", "drift, MSE", "ratio", "at α .25", "at α .5", "s"]
    for row in rows("limits", folder):
        setting = f"`{row['setting']}`" if "=" in row["setting"] else row["setting"]
        cells = [f"{row[column]:.{places}f}" for column, places in (COLUMNS | NEAR).items()]
        yield [setting, row["image"], f"{row['steps']:,.0f}", *cells, f"{row['seconds']:.0f}"]
