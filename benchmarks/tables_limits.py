"""The tables of docs/results.md on what limits the last decibels: the root of the pyramid, and more steps."""

from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, Line, rows

COLUMNS = {"psnr": 1, "exact_pixels": 3, "drift_mse": 4, "frechet_ratio": 3}
HARM = ("drift, MSE", "ratio", "at α .25", "at α .5")
NEAR = {"frechet_ratio_near_0.25": 3, "frechet_ratio_near_0.5": 3}


def limits(folder: Path) -> Iterator[Line]:
    """A line a run: settings, photo, steps, figures of the picture, what it did to the rest, seconds."""
    yield ["setting", "photo", "steps", "PSNR, dB", "exact", *HARM, "s"]
    for row in rows("limits", folder):
        setting = (
            f"`{row['setting']}`" if "=" in row["setting"] and "not built in" not in row["setting"] else row["setting"]
        )
        cells = [f"{row[column]:.{places}f}" for column, places in (COLUMNS | NEAR).items()]
        yield [setting, row["image"], f"{row['steps']:,.0f}", *cells, f"{row['seconds']:.0f}"]


def closest(folder: Path) -> Iterator[Line]:
    """A line a photo of `row=closest`: figures of the picture, as GANInverter takes them too, and of the rest."""
    yield ["photos", "photo", "PSNR, dB", "exact", "identity", "as GANInverter: PSNR, dB", "LPIPS", *HARM]
    shown = {"psnr": 1, "exact_pixels": 3, "identity": 4, "ganinverter_psnr": 1, "ganinverter_lpips": 5}
    harm = {"drift_mse": 4, "frechet_ratio": 3}
    for row in rows("closest", folder):
        cells = [f"{row[column]:.{places}f}" for column, places in (shown | harm | NEAR).items()]
        yield [DATASETS[row["dataset"]], row["image"], *cells]
