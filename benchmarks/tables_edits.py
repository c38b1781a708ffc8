"""The tables of edits in docs/: how tuned photos keep them, and what holds and teaches them."""

from collections.abc import Iterator
from pathlib import Path

from cells import RESULTS, Line, Rows, rows, short

from ganinv.metric.editability_table import interval

NAMES = {"glasses": "glasses", "smile": "smile", "angry": "anger", "yaw": "turn", "beard": "beard"}
HELD = "`row=held_edits`, `held_*`"
ALL = (HELD, f"{HELD}, the other 19")  # the 59 photos and the 19, judged apart beside the same samples
UNSEEN = (f"{HELD}, the last 36", f"{HELD}, the other 19")  # on which nothing was chosen


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


def identities(folder: Path) -> Iterator[Line]:
    """How much more an edit takes from who a tuned photo shows than from who a sample does, all photos."""
    yield ["identity beyond that on samples", "ψ", *NAMES.values()]
    found = [row for row in rows("editability", folder) if row["setting"] in ("default", "`row=held_edits`")]
    for setting, psi in dict.fromkeys((row["setting"], row["psi"]) for row in found):
        own = {row["edit"]: row for row in found if (row["setting"], row["psi"]) == (setting, psi)}
        yield [setting, f"{psi:g}", *(short(own[edit]["identity_difference"], 2) for edit in NAMES)]


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


def edits_said(folder: Path = RESULTS) -> list[str]:
    """What the directions of held edits do on all photos, and on those that chose nothing, as sentences have it."""
    found = {(psi, names): together(folder, names, psi=psi) for psi in (0.7, 1.0) for names in (ALL, UNSEEN)}
    said = []
    for psi in (0.7, 1.0):
        own = found[psi, ALL]
        said += [listed(own, "transfer_lacking"), listed(own, "transfer")]
        said.append(", ".join(short(-row["identity_difference"], 2) for row in own.values()))
    return [*said, listed(found[0.7, UNSEEN], "transfer_lacking")]


def together(folder: Path, names: tuple[str, ...], *, psi: float) -> dict[str, dict[str, float]]:
    """Edit -> its figures on the photos of all settings `names`: means over photos beside one mean of samples."""
    found = [row for row in rows("editability", folder) if row["setting"] in names and row["psi"] == psi]
    by_edit = {edit: [row for row in found if row["edit"] == edit] for edit in NAMES}
    return {edit: weighed(parts) for edit, parts in by_edit.items() if len(parts) == len(names)}


def weighed(parts: Rows) -> dict[str, float]:
    """Of disjoint photos, judged at one strength. ValueError: at several."""
    if len({row["strength"] for row in parts}) > 1:
        raise ValueError(f"{parts[0]['edit']}: judged at several strengths")
    weights = {"transfer": "photos", "identity_difference": "photos", "transfer_lacking": "photos_lacking"}
    return {
        key: sum(row[key] * row[count] for row in parts) / sum(row[count] for row in parts)
        for key, count in weights.items()
    }


def listed(found: dict[str, dict[str, float]], key: str) -> str:
    """ "glasses .97, smile .92"."""
    return ", ".join(f"{NAMES[edit]} {short(row[key], 2)}" for edit, row in found.items())
