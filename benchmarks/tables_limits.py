"""The tables of docs/results.md on what limits the last decibels: root of the pyramid, momentum, more steps."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, RESULTS, Line, Rows, by_image, differs, fixed, rows, short

from ganinv.report.paired import paired

COLUMNS = {"psnr": 1, "exact_pixels": 4, "drift_mse": 4, "frechet_ratio": 3}
EXACT = ("row=exact", "row=closest tuner.steps=10000 tuner.muon_momentum=0.995")  # the same, but for the stop
NOW, BEFORE = "row=closest", "row=closest tuner.muon_momentum=0.95"
HARM = ("drift, MSE", "ratio", "at α .25", "at α .5")
NEAR = {"frechet_ratio_near_0.25": 3, "frechet_ratio_near_0.5": 3}


def limits(folder: Path) -> Iterator[Line]:
    """A line a run: settings, photo, steps, figures of the picture, what it did to the rest, seconds."""
    yield ["setting", "photo", "steps", "PSNR, dB", "exact", *HARM, "s"]
    for row in rows("limits", folder):
        is_typed = all("=" in word for word in row["setting"].split())
        setting = f"`{row['setting']}`" if is_typed else row["setting"]
        cells = [fixed(row[column], places) for column, places in (COLUMNS | NEAR).items()]
        yield [setting, row["image"], f"{row['steps']:,.0f}", *cells, f"{row['seconds']:.0f}"]


def exact_said(folder: Path = RESULTS) -> list[str]:
    """Phrases on the photos that had 10,000 steps and the highest momentum, the most exact first."""
    found = [row for name in EXACT for row in rows("limits", folder, setting=name)]
    found.sort(key=lambda row: -row["exact_pixels"])
    shares = ["all" if row["exact_pixels"] == 1 else short(row["exact_pixels"], 4) for row in found]
    ratios = [f"{row['frechet_ratio']:.3f}" for row in found]
    return [f"{', '.join(each[:-1])} and {each[-1]}" for each in (shares, ratios)]


def averaging(folder: Path) -> Iterator[Line]:
    """PSNR of one photo on the way, of the weights and of their average (.95); "–" where none is stored."""
    found = rows("averaging", folder)
    steps = sorted({row["step"] for row in found})
    yield ["setting", "weights", *(f"step {step:,.0f}" for step in steps)]
    for setting in dict.fromkeys(row["setting"] for row in found):
        for column, said in (("psnr", "as they are"), ("psnr_averaged", "averaged")):
            own = {row["step"]: f"{row[column]:.1f}" for row in found if row["setting"] == setting}
            yield [f"`{setting}`" if "=" in setting else setting, said, *(own.get(step, "–") for step in steps)]


def closest(folder: Path) -> Iterator[Line]:
    """A line a photo of `row=closest`: figures of the picture, as GANInverter takes them too, and of the rest."""
    yield ["setting", "photos", "photo", "PSNR, dB", "exact", "identity", "as GANInverter: PSNR, dB", "LPIPS", *HARM]
    shown = {"psnr": 1, "exact_pixels": 3, "identity": 4, "ganinverter_psnr": 1, "ganinverter_lpips": 5}
    harm = {"drift_mse": 4, "frechet_ratio": 3}
    for row in rows("closest", folder):
        cells = [fixed(row[column], places) for column, places in (shown | harm | NEAR).items()]
        yield [f"`{row['setting']}`", DATASETS[row["dataset"]], row["image"], *cells]


def closest_said(folder: Path = RESULTS) -> list[str]:
    """From where to where the photos of each setting of `row=closest` come, and what it does to the rest."""
    everything = rows("closest", folder)
    settings = dict.fromkeys(row["setting"] for row in everything)
    own = {setting: [row for row in everything if row["setting"] == setting] for setting in settings}
    return [*map(_reached, own.values()), *_apart(own[NOW], own[BEFORE])]


def _apart(now: Rows, before: Rows) -> Iterator[str]:
    """How much closer today's `row=closest` comes than with its momentum of before on the same photos, and its harm."""
    for column, places in (("psnr", 1), ("frechet_ratio", 3)):
        yield differs(paired(by_image(now, column), by_image(before, column)), places)


def _reached(found: Rows) -> str:
    psnr, exact, ratio = ([row[column] for row in found] for column in ("psnr", "exact_pixels", "frechet_ratio"))
    near, mean = max(row[column] for row in found for column in NEAR), statistics.fmean(ratio)
    return (
        f"{fixed(min(psnr), 1)} to {fixed(max(psnr), 1)} dB and {short(min(exact), 2)} to {short(max(exact), 2)} exact"
        f" values, at a ratio of {short(min(ratio), 3)} to {short(max(ratio), 3)} ({short(mean, 3)} in the mean)"
        f" and near the photo of {short(near, 3)} at most"
    )
