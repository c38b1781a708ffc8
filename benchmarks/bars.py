"""Scores of finished photos within their black bars, whatever the bars' height: `collect.py --within-bars` takes them.

A network that learned pictures between bars paints these nearly exactly, so every mean over the square would look
better. LPIPS stays that of the square: its network needs 31 pixels each way, and some pictures have fewer rows.
"""

from pathlib import Path

from torch import Tensor

from ganinv.dataset.frame import Region
from ganinv.dataset.pixels import to_float
from ganinv.errors import InputError
from ganinv.files import read_png
from ganinv.metric.reconstruction import score

BLACK = 12  # 8-bit level that a bar's values do not exceed; JPEG leaves some above 0
LEAST = 0.25  # of the square; bars that leave less are taken for a dark picture
FIGURES = ("mse", "psnr", "ssim", "exact_pixels")


def within_bars(photo: Path) -> dict[str, float | None]:
    """A finished photo's folder -> its figures of the tuned and the initial picture, on what lies within the bars."""
    target, initial, tuned = (read_png(photo / f"{name}.png") for name in ("target", "initial", "tuned"))
    region = lit_region(target)
    if region is None:
        raise InputError(f"{photo / 'target.png'}: too dark to tell its bars; collect it without --within-bars")
    first, last = (_scored(found, target, region) for found in (initial, tuned))
    return {f"initial_{name}": first[name] for name in ("mse", "psnr")} | {name: last[name] for name in FIGURES}


def lit_region(target: Tensor) -> Region | None:
    """uint8 [3, H, W] -> what lies within the bars above and below, or else left and right, whichever leave less.

    None where that is less than `LEAST`.
    """
    lit = target.amax(dim=0) > BLACK  # [H, W]
    height, width = lit.shape
    rows, columns = (lit.any(dim=across).nonzero().flatten().tolist() for across in (1, 0))
    if not rows:
        return None
    across = Region(top=rows[0], bottom=rows[-1] + 1, left=0, right=width)
    along = Region(top=0, bottom=height, left=columns[0], right=columns[-1] + 1)
    found = min(across, along, key=lambda each: each.of(lit).numel())
    return found if found.of(lit).numel() >= LEAST * lit.numel() else None


def _scored(found: Tensor, target: Tensor, region: Region) -> dict[str, float | None]:
    a, b = (to_float(region.of(pixels))[None] for pixels in (found, target))
    return score(a, b)[0]
