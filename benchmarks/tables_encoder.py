"""The tables of docs/results.md on the encoder, for benchmarks/tables.py."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, RESULTS, Line, figures, heads, rows

STARTS = {"mean": "mean latent", "restyle": "encoder"}
SHARE = ("passes: 3", "w, 50 steps")


def encoders(folder: Path) -> Iterator[Line]:
    """The embedded encoder beside the projector, on every photo; the full projector on the first."""
    everything, columns = rows("encoder", folder), {"mse": 4, "psnr": 1, "lpips": 3}
    yield ["photos", "method", "n", *heads(columns), "s a photo"]
    for dataset, said in DATASETS.items():
        for method in dict.fromkeys(row["method"] for row in everything):
            if found := [row for row in everything if (row["dataset"], row["method"]) == (dataset, method)]:
                cells = figures(found, columns)
                seconds = statistics.fmean(row["seconds"] for row in found)
                yield [said, method, str(len(found)), *cells, f"{seconds:.2f}"]


def share_of_projector(folder: Path = RESULTS) -> str:
    """The mean error of three passes over that of the projector's 50 steps in W, all photos."""
    errors = [statistics.fmean(row["mse"] for row in rows("encoder", folder, method=method)) for method in SHARE]
    return (
        f"{errors[0]:.4f} where the projector's 50 steps in W leave {errors[1]:.4f}: {errors[0] / errors[1]:.2f} of it"
    )


def warm_start(folder: Path) -> Iterator[Line]:
    """The same photos tuned from the mean latent, and from the encoder's in half the steps."""
    everything, columns = rows("warm_start", folder), {"mse": 5, "psnr": 1}
    yield ["begins at", "steps", "n", *heads(columns)]
    for start, steps in dict.fromkeys((row["start"], row["steps"]) for row in everything):
        found = [row for row in everything if (row["start"], row["steps"]) == (start, steps)]
        yield [STARTS[start], f"{steps:.0f}", str(len(found)), *figures(found, columns)]
