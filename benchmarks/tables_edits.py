"""The tables of edits in docs/: how tuned photos keep them, and what holds and teaches them."""

from collections.abc import Iterator
from pathlib import Path

from cells import Line, rows

from ganinv.metric.editability_table import interval


def edited(folder: Path) -> Iterator[Line]:
    """Edits of tuned photos, as `python -m ganinv.metric` judged them."""
    head = ["edit", "setting", "ψ", "n", "PSNR, dB", "strength", "flipped"]
    yield [*head, "transfer", "transfer, lacking", "transfer, same w", "identity", "outside"]
    for row in rows("editability", folder):
        cells = [f"{row['psi']:g}", f"{row['photos']:.0f}", f"{row['psnr']:.1f}", f"{row['strength']:.2f}"]
        flipped = f"{row['flipped']:.2f} ({row['flipped_samples']:.2f})"
        transfers = [interval(row, key) for key in ("transfer", "transfer_lacking", "transfer_same_w")]
        identity = f"{row['identity']:.2f} ({row['identity_samples']:.2f})"
        outside = f"{row['outside']:.3f} ({row['outside_samples']:.3f})" if row.get("outside") is not None else "–"
        yield [row["edit"], row["setting"], *cells, flipped, *transfers, identity, outside]


def held(folder: Path) -> Iterator[Line]:
    """Edits of photos that were tuned with `row=held_edits`, beside the default where it was judged on the same."""
    yield ["edit", "photos", "setting", "strength", "transfer, lacking", "identity"]
    for row in rows("held_edits", folder):
        figure = f"{row['transfer_lacking']:.2f}" if row["transfer_lacking"] is not None else "–"
        identity = f"{row['identity']:.2f} ({row['identity_samples']:.2f})"
        yield [row["edit"], row["photo"], row["setting"], f"{row['strength']:.2f}", figure, identity]


def held_trials(folder: Path) -> Iterator[Line]:
    """Settings that hold edits, photo by photo."""
    yield ["setting", "photo", "initial MSE", "PSNR, dB", "exact", "ratio everywhere"]
    for row in rows("held_trials", folder):
        cells = [f"{row['initial_mse']:.3f}", f"{row['psnr']:.1f}", f"{row['exact_pixels']:.3f}"]
        yield [row["setting"], row["image"], *cells, f"{row['frechet_ratio']:.3f}"]


def learned(folder: Path) -> Iterator[Line]:
    """Directions learned on photos tuned with the default or with `row=held_edits`, judged on photos of the latter."""
    yield ["edit", "learned on", "photos", "strength", "flipped", "transfer", "lacking", "identity"]
    for row in rows("held_learned", folder):
        cells = [
            f"{row['share'] * row['batch']:.0f} of {row['batch']:.0f}",
            f"{row['strength']:.2f}",
            f"{row['flipped_samples']:.2f}",
        ]
        transfers = [interval(row, key) for key in ("transfer", "transfer_lacking")]
        identity = f"{row['identity']:.2f} ({row['identity_samples']:.2f})"
        yield [row["edit"], row["learned_on"], *cells, *transfers, identity]
