"""Figures as the toolbox GANInverter takes them, so that a run can be put beside its published table.

They differ from the ones of `Reconstruction`, which are the right ones: both pictures at 256 pixels, whatever the
generator makes, and PSNR = 10 log₁₀(2 / MSE), 3.01 dB below the definition with peak² = 4. LPIPS is AlexNet's.
"""

import logging
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dataset.frame import Region
from ..dataset.pixels import to_float, to_uint8
from ..loss.feature import LPIPS
from ..weights import MissingWeights

log = logging.getLogger(__name__)
SIDE = 256


class GANInverter:
    """Columns `ganinverter_mse` (on [-1, 1]), `ganinverter_psnr` and `ganinverter_lpips` (empty without its weights).

    The photo is resized as a picture of 8 bits; the result is 8-bit first and resized in floating point after. One
    difference is left: they truncate to 8 bits, and here the picture is scored that is saved, which is rounded.
    weights: file of AlexNet's trunk; None: where ganinv.weights keeps it.
    """

    def __init__(self, *, weights: str | None = None) -> None:
        self.lpips: LPIPS | None = None
        try:
            self.lpips = LPIPS(network="alex", weights=weights)
        except MissingWeights as missing:
            log.warning("ganinverter_lpips stays empty: %s", missing)

    @torch.no_grad()
    def __call__(
        self, images: Tensor, target: Tensor, *, valid: Region | None = None, size: int | None = None
    ) -> list[dict[str, float | None]]:
        """Both [N, 3, R, R] in [-1, 1] -> a row for each image. valid: what is scored, stretched to the square; size:
        not looked at, theirs being 256.
        """
        if valid is not None:
            images, target = valid.of(images), valid.of(target)
        found, wanted = (_at_256(to_float(to_uint8(pictures).cpu())) for pictures in (images, target))
        wanted = to_float(to_uint8(wanted))
        errors = (found - wanted).square().mean(dim=[1, 2, 3]).tolist()
        distances = [None] * len(errors) if self.lpips is None else self.lpips(found, wanted).tolist()
        return [
            {"ganinverter_mse": mse, "ganinverter_psnr": their_psnr(mse), "ganinverter_lpips": lpips}
            for mse, lpips in zip(errors, distances, strict=True)
        ]


def _at_256(pictures: Tensor) -> Tensor:
    if pictures.shape[-2:] == (SIDE, SIDE):
        return pictures
    return F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)


# 10 log₁₀(2 / MSE), where peak² would be 4.
def their_psnr(mse: float) -> float:
    """`mse` on [-1, 1] -> their dB; infinite for 0."""
    return 10 * math.log10(2 / mse) if mse else math.inf
