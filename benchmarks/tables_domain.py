"""The table of docs/results.md on pictures that are no photos of faces, and what its prose says by the same files."""

from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, RESULTS, Line, heads, rows, short
from tables_edits import NAMES

FIGURES = {"mse": 5, "psnr": 1, "lpips": 5, "exact_pixels": 3, "frechet_ratio": 3}  # column -> decimals
DRIFT = {"drift_mse": "drift, MSE", "drift_mse_near_0.25": "drift at α .25", "drift_mse_near_0.5": "drift at α .5"}
PSI = 0.7  # of the samples that the prose compares with
JUDGED = "default, sketches and paintings"  # setting of editability.csv


def strangers(folder: Path) -> Iterator[Line]:
    """Pictures that are no photos of faces, tuned with the default."""
    yield ["picture", "initial MSE", *heads(FIGURES), *DRIFT.values()]
    for row in sorted(rows("out_of_domain", folder), key=lambda row: row["image"]):
        name = row["image"].replace("_", " ")
        cells = [f"{row[column]:.{places}f}" for column, places in FIGURES.items()]
        yield [name, f"{row['initial_mse']:.3f}", *cells, *(f"{row[column]:.4f}" for column in DRIFT)]


def strangers_said(folder: Path = RESULTS) -> list[str]:
    """Phrases: ratios of all but the two largest, these two, the largest LPIPS beside that of photos of faces, drift,
    and how far edits do on sketches and paintings what they do on samples.
    """
    found = rows("out_of_domain", folder)
    faces = [row for row in rows("methods", folder, row="full") if row["dataset"] in DATASETS]
    *rest, second, first = sorted(row["frechet_ratio"] for row in found)
    largest = [short(max(row["lpips"] for row in own), 5) for own in (found, faces)]
    moved = [row["drift_mse"] for row in found]
    return [
        f"{rest[0]:.2f} to {rest[-1]:.2f}",
        f"({first:.2f}, {second:.2f})",
        f"({largest[0]}; the {len(faces)} photos {largest[1]} at most)",
        f"{short(min(moved), 4)} to {short(max(moved), 4)}",
        *judged(folder),
    ]


def judged(folder: Path) -> list[str]:
    """Each edit's transfer where the attribute is lacking, with its interval."""
    found = {row["edit"]: row for row in rows("editability", folder, setting=JUDGED) if row["psi"] == PSI}
    keys = [f"transfer_lacking{end}" for end in ("", "_low", "_high")]
    cells = ((said, *(short(found[edit][key], 2) for key in keys)) for edit, said in NAMES.items())
    return [f"{said} {mean} [{low}, {high}]" for said, mean, low, high in cells]
