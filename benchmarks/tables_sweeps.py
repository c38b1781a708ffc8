"""The tables of docs/results.md on the sweeps that chose the defaults, and what its prose says by the same file."""

from collections.abc import Iterator
from pathlib import Path

from cells import RESULTS, Line, by_image, differs, figures, heads, rows, short

from ganinv.report.paired import Difference, paired


def swept(folder: Path, name: str = "sweeps") -> Iterator[Line]:
    """What the sweeps of a file set, each beside the default on the same photos."""
    everything, columns = rows(name, folder), {"psnr": 1, "exact_pixels": 3, "lpips": 4, "frechet_ratio": 3}
    yield ["sweep", "setting", "n", *heads(columns), "PSNR, difference", "ratio, difference"]
    default = [row for row in everything if row["setting"] == "default"]
    for sweep, setting in dict.fromkeys((row["sweep"], row["setting"]) for row in everything):
        found = [row for row in everything if (row["sweep"], row["setting"]) == (sweep, setting)]
        cells = [str(len(found)), *figures(found, columns)]
        own = [by_image(found, column) for column in ("psnr", "frechet_ratio")]
        beside = [by_image(default, column) for column in ("psnr", "frechet_ratio")]
        apart = [None if found == default else paired(*both) for both in zip(own, beside, strict=True)]
        yield [sweep, f"`{setting}`" if "=" in setting else setting, *cells, differs(apart[0], 2), differs(apart[1], 3)]


def swept_said(folder: Path = RESULTS) -> list[str]:
    """Phrases: what the terms on samples preserve, and how much less or more close other starts and p come."""
    ratio = {row: apart(folder, f"row={row}", "frechet_ratio") for row in ("without_global", "without_locality")}
    alone = apart(folder, "row=without_adv_global", "frechet_ratio")
    behind = [apart(folder, setting, "psnr") for setting in ("inverter=mean", "loss.probability=0.25")]
    return [
        f"the ratio rises by {short(ratio['without_global'].mean, 2)}",
        f"without the locality term by {short(ratio['without_locality'].mean, 2)}",
        f"the ratio rises by {short(ratio['without_locality'].mean, 2)} without it",
        f"without the adversarial term on samples by {short(alone.mean, 3)} [{limits(alone, 3)}]",
        f"200 steps end {short(-behind[0].mean, 1)} dB behind",
        f".25 {short(-behind[1].mean, 1)} dB",
    ]


def apart(folder: Path, setting: str, column: str) -> Difference:
    """By how much a setting's photos differ from the default's of the same photos."""
    own, default = (by_image(rows("sweeps", folder, setting=name), column) for name in (setting, "default"))
    found = paired(own, default)
    assert found is not None
    return found


def limits(found: Difference, places: int) -> str:
    """Of its interval."""
    assert found.low is not None and found.high is not None
    return f"{short(found.low, places)}, {short(found.high, places)}"
