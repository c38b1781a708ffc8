"""Figures of docs/results/*.csv as cells of a table."""

import math
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ganinv.files import read_csv
from ganinv.report.paired import Difference

RESULTS = Path(__file__).parents[1] / "docs" / "results"
TEXT = ("image", "stopped", "photo", "noise", "alpha", "dataset", "noise_share", "method", "start")
TEXT += ("row", "setting", "edit", "sweep", "learned_on", "settings_hash", "finished", "scored")
TUNED = {"mse": 5, "psnr": 1, "ssim": 4, "lpips": 5, "exact_pixels": 3}  # column -> decimals
ROUGH = {"mse": 4, "psnr": 1, "ssim": 4, "lpips": 3, "exact_pixels": 3}
HEADS = {
    "mse": "MSE",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "lpips": "LPIPS (alex)",
    "exact_pixels": "exact 8-bit values",
    "frechet_ratio": "ratio",
}
WHERE = {"global": "everywhere", "0.25": "near, α .25", "0.5": "near, α .5"}
NOISE = {"const": "constant", "random": "random"}
DATASETS = {"ffhq": "FFHQ", "celeba_hq": "CelebA-HQ"}

Rows = list[dict[str, Any]]
Line = list[str]  # cells; a table's first line is its head


def rows(name: str, folder: Path = RESULTS, **wanted: str) -> Rows:
    """Those of a CSV in which the columns `wanted` say so."""
    found = read_csv(folder / f"{name}.csv", text=TEXT)
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def spread(values: Sequence[float], places: int) -> str:
    """Mean ± standard deviation of a sample, which one value has not; infinite ones, of exact photos, are counted.

    A mean that `places` would leave with less than two digits has more of them.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "∞"
    if mean := abs(statistics.fmean(finite)):
        places = max(places, 1 - math.floor(math.log10(mean)))
    deviation = f" ± {statistics.stdev(finite):.{places}f}" if len(finite) > 1 else ""
    exact = f"; {len(values) - len(finite)} exact" if len(finite) < len(values) else ""
    return f"{statistics.fmean(finite):.{places}f}{deviation}{exact}"


def fixed(value: float, places: int) -> str:
    """A figure with `places` decimals; the PSNR of an exact photo is ∞."""
    return f"{value:.{places}f}" if math.isfinite(value) else "∞"


def figures(found: Rows, decimals: dict[str, int], *, prefix: str = "") -> Line:
    """A cell for each column; a dash where the file has none."""
    known = [column if prefix + column in found[0] else None for column in decimals]
    cells = [(column, decimals[column]) if column else None for column in known]
    return ["–" if cell is None else spread([row[prefix + cell[0]] for row in found], cell[1]) for cell in cells]


def heads(decimals: dict[str, int]) -> Line:
    """The head over the cells of `figures`."""
    return [HEADS[column] for column in decimals]


def ratio(found: Rows) -> Line:
    """n, untouched, tuned, ratio, largest."""
    ratios = [row["ratio"] for row in found]
    means = [f"{statistics.fmean(row[f'frechet_{of}'] for row in found):.1f}" for of in ("untouched", "tuned")]
    return [str(len(found)), *means, spread(ratios, 3), f"{max(ratios):.3f}"]


def drift(name: str, folder: Path) -> Iterator[Line]:
    """A line for each α and noise of a file."""
    yield ["where", "noise", "n", "untouched", "tuned", "ratio, mean ± sd", "largest"]
    for alpha, where in WHERE.items():
        for noise, said in NOISE.items():
            if found := rows(name, folder, alpha=alpha, noise=noise):
                yield [where, said, *ratio(found)]


def first_ratio(found: Rows) -> Iterator[Line]:
    """Of photos, as the run itself took it: n, ratio, largest."""
    ratios = [row["frechet_ratio"] for row in found]
    yield ["where", "noise", "n", "ratio, mean ± sd", "largest"]
    yield ["everywhere", "constant", str(len(ratios)), spread(ratios, 3), f"{max(ratios):.3f}"]


def by_image(found: Rows, column: str) -> dict[str, float]:
    """Photo -> figure."""
    return {row["image"]: row[column] for row in found}


def differs(apart: Difference | None, places: int = 3) -> str:
    """A paired difference with its interval."""
    if apart is None or apart.low is None or apart.high is None:
        return "–"
    shown = [f"{value:+.{places}f}" for value in (apart.mean, apart.low, apart.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]".replace("-", "−")


def short(value: float, places: int) -> str:
    """Without the zero before the point."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{places}f}").replace("-", "−")
