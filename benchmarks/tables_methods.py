"""The table of docs/results.md on the default beside other methods, and what its prose says by the same file."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, RESULTS, TUNED, Line, Rows, by_image, figures, heads, rows, short, spread

from ganinv.report.paired import Difference, paired

METHODS = {
    "full": "the method, default",
    "closest": "the method, `row=closest`",
    "held_edits": "the method, `row=held_edits`",
    "projector": "projector in W+, 1,000 steps, MSE + LPIPS",
    "pti": "pivotal tuning (PTI), with its stop at LPIPS .06",
    "pti_long": "pivotal tuning (PTI) without its stop, 2,300 steps",
    "mean_start": "the method, from the mean latent",
}
CARS = {"cars": "cars"}  # on a prior of their own
BEHIND = {"pti_long": 2, "mean_start": 2, "held_edits": 3}  # row -> decimals of its ratio's difference
AIM = 1.1  # of the ratio, at most
USUAL = 165  # s; what took longer had more beside it
LOOKED_AT = 28  # FFHQ photos, the first, that had been seen when the rate was chosen


def methods(folder: Path) -> Iterator[Line]:
    """The default beside others on the same photos: figures of the picture, and the ratio."""
    yield ["photos", "setting", "n", *heads(TUNED), "ratio", "largest"]
    for dataset, photos in (DATASETS | CARS).items():
        for name, said in METHODS.items():
            if found := rows("methods", folder, row=name, dataset=dataset):
                ratios = [row["frechet_ratio"] for row in found if row["frechet_ratio"] is not None]
                harm = [spread(ratios, 3), f"{max(ratios):.3f}"] if ratios else ["–", "–"]
                cells = [*figures(found, TUNED), *harm]
                yield [photos, said, str(len(found)), *cells]


def methods_said(folder: Path = RESULTS) -> list[str]:
    """Phrases: how far others lie behind the default, how many photos above the aim, the last photos, and seconds."""
    row = {name: rows("methods", folder, row=name) for name in METHODS}
    return [*behind(row), *ahead(row), *above(row), unseen(row["full"]), *times(row)]


def behind(row: dict[str, Rows]) -> Iterator[str]:
    """By how much less close, and at how much larger a ratio, than the default on the same photos of either dataset."""
    for name, places in BEHIND.items():
        for dataset in DATASETS:
            own, full = ([each for each in row[key] if each["dataset"] == dataset] for key in (name, "full"))
            yield interval(paired(by_image(full, "psnr"), by_image(own, "psnr")), 1, unit=" dB")
            yield interval(paired(by_image(own, "frechet_ratio"), by_image(full, "frechet_ratio")), places)


def ahead(row: dict[str, Rows]) -> Iterator[str]:
    """By how much closer `row=closest` comes than the default on the same photos, and by how much its ratio differs."""
    own, full = ([each for each in row[key] if each["dataset"] in DATASETS] for key in ("closest", "full"))
    yield interval(paired(by_image(own, "psnr"), by_image(full, "psnr")), 1, unit=" dB")
    yield interval(paired(by_image(own, "frechet_ratio"), by_image(full, "frechet_ratio")), 3)


def interval(apart: Difference | None, places: int, *, unit: str = "") -> str:
    """A paired difference as prose has it."""
    if apart is None or apart.low is None or apart.high is None:
        raise ValueError("no two photos to compare")
    low, mean, high = (short(value, places) for value in (apart.low, apart.mean, apart.high))
    return f"{mean}{unit} [{low}, {high}]"


def above(row: dict[str, Rows]) -> Iterator[str]:
    """How many photos have a larger ratio than is aimed at."""
    for dataset, said in DATASETS.items():
        over = [each["frechet_ratio"] > AIM for each in row["full"] if each["dataset"] == dataset]
        yield f"{sum(over)} of the {len(over)} {said} photos"
    held = [each["frechet_ratio"] > AIM for each in row["held_edits"]]
    yield f"{sum(held)} of its {len(held)} photos lie above {AIM:.2f}"


def unseen(full: Rows) -> str:
    """The FFHQ photos on which nothing had been chosen."""
    found = [each for each in full if each["dataset"] == "ffhq"][LOOKED_AT:]
    mse, psnr, ratio = (statistics.fmean(each[key] for each in found) for key in ("mse", "psnr", "frechet_ratio"))
    return f"an MSE of {short(mse, 6)} ({psnr:.1f} dB) at a ratio of {ratio:.3f}"


def times(row: dict[str, Rows]) -> Iterator[str]:
    """Seconds of tuning a photo."""
    spent = {name: [each["seconds"] for each in found if each["dataset"] in DATASETS] for name, found in row.items()}
    full, usual = spent["full"], sum(seconds <= USUAL for seconds in spent["full"])
    yield f"{usual} of the {len(full)} photos took {min(full):.0f} to {USUAL} s"
    yield f"the rest up to {max(full):.0f}"
    for name in ("pti_long", "held_edits"):
        yield f"{min(spent[name]):.0f} to {max(spent[name]):.0f} s"
    yield f"half of them within {statistics.median(spent['held_edits']):.0f}"
