"""The published figures (Feng et al. 2022) beside this project's: reconstruction on four datasets, and the ablation."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, RESULTS, Line, Rows, by_image, figures, heads, rows, short, spread
from tables_methods import apart

from ganinv.files import read_csv

PHOTOS = DATASETS | {"cars": "Stanford Cars", "afhq_wild": "AFHQ-Wild", "lsun_horse": "LSUN-Horse"}
METHODS = {
    "full": "the method",
    "projector": "projection, here the projector in W+",
    "restyle": "ReStyle",
    "bdinvert": "BDInvert",
    "hfgi": "HFGI",
    "ensemble": "ensemble",
}
ROWS = {
    "full": "full",
    "without_recon": "without L_recon",
    "without_adv_local": "without L_adv_local",
    "without_global": "without L_global",
}
LAST = {"without_recon": "without_recon_last"}  # what the ablation's file calls the row of today's setting
COLUMNS = {"mse": 5, "psnr": 1, "lpips": 5, "exact_pixels": 3, "frechet_ratio": 3}
NEAR = {"frechet_ratio_near_0.25": "at α .25", "frechet_ratio_near_0.5": "at α .5"}
AS_WRITTEN = ("table", "dataset", "row", "mse", "mse_std", "lpips", "lpips_std", "fid")


def of_paper(folder: Path, table: str) -> Rows:
    """Rows of a table of the paper, each figure with the digits that it has there."""
    return [row for row in read_csv(folder / "published.csv", text=AS_WRITTEN) if row["table"] == table]


def published(folder: Path) -> Iterator[Line]:
    """MSE and LPIPS as published and here; a dash where there is no prior of that kind, or no such method."""
    yield ["photos", "setting", "published: MSE", "LPIPS", "here: n", "MSE", "LPIPS (alex)"]
    for row in of_paper(folder, "reconstruction"):
        found = rows("methods", folder, dataset=row["dataset"], row=row["row"])
        here = [str(len(found)), *figures(found, {"mse": 5, "lpips": 5})] if found else ["–"] * 3
        theirs = [f"{row[name]} ± {row[f'{name}_std']}" for name in ("mse", "lpips")]
        yield [PHOTOS[row["dataset"]], METHODS[row["row"]], *theirs, *here]


def published_ablation(folder: Path) -> Iterator[Line]:
    """MSE and harm of the four rows: as published, with an earlier default, and with today's."""
    here = [f"{default} default: {head}" for default in ("earlier", "today's") for head in ("n", "MSE", "ratio")]
    yield ["row", "published: MSE", "FID", *here]
    for row in of_paper(folder, "ablation"):
        name = str(row["row"])
        sets = rows("ablation", folder, row=LAST.get(name, name)), rows("ablation_today", folder, row=name)
        cells = [cell for own in sets for cell in (str(len(own)), *figures(own, {"mse": 5, "frechet_ratio": 3}))]
        yield [ROWS[name], row["mse"], row["fid"], *cells]


def ablation_today(folder: Path) -> Iterator[Line]:
    """The four rows with today's default, near the photo too, and how they differ from full's on the same photos."""
    yield ["row", "n", *heads(COLUMNS), *NEAR.values(), "PSNR, difference", "ratio, difference"]
    full = rows("ablation_today", folder, row="full")
    for name, said in ROWS.items():
        found = rows("ablation_today", folder, row=name)
        near = [spread([row[column] for row in found], 3) for column in NEAR]
        yield [said, str(len(found)), *figures(found, COLUMNS), *near, *apart(found, full)]


def today_said(folder: Path = RESULTS) -> list[str]:
    """Phrases on the rows with today's default: what is lost without a term, drift, what another machine changes."""
    found = {name: rows("ablation_today", folder, row=name) for name in ROWS}
    mse, ratio = (mean_of(found, column) for column in ("mse", "frechet_ratio"))
    excess = (ratio["without_global"] - 1) / (ratio["full"] - 1)
    moved = [row["drift_mse"] for row in found["full"]]
    lost = [row["frechet_ratio"] for row in found["without_global"]]
    differing = [elsewhere(found["full"], folder, *of) for of in (("psnr", 2), ("frechet_ratio", 3))]
    return [
        f"the error is {mse['without_recon'] / mse['full']:.0f} times as large, and without L_global the ratio's excess"
        f" {excess:.0f} times",
        f"{short(statistics.fmean(moved), 4)} on average and {short(max(moved), 4)} at most",
        f"the largest is {max(row['frechet_ratio_near_0.25'] for row in found['full']):.3f}",
        f"at ratios of {min(lost):.1f} to {max(lost):.1f}",
        f"by {differing[0]} dB and {differing[1]} of the ratio at most",
    ]


def mean_of(found: dict[str, Rows], column: str) -> dict[str, float]:
    """Row -> its mean."""
    return {name: statistics.fmean(row[column] for row in own) for name, own in found.items()}


def elsewhere(own: Rows, folder: Path, column: str, places: int) -> str:
    """The largest difference to the same photos' default in the methods' file, which ran on another machine."""
    there = by_image(rows("methods", folder, row="full", dataset="ffhq"), column)
    return short(max(abs(row[column] - there[row["image"]]) for row in own), places)
