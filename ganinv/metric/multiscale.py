"""Structural similarity over five scales (Wang, Simoncelli & Bovik 2003)."""

import torch
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from ..dataset.frame import Region
from ..dataset.pixels import to_uint8
from .reconstruction import as_scored

LEAST = 176  # pixels of the shorter side: at the fifth scale the window of 11 must fit


class MultiScale:
    """MS-SSIM of the 8-bit pictures on [0, 1], with the five published weights; column `ms_ssim`."""

    @torch.no_grad()
    def __call__(
        self, images: Tensor, target: Tensor, *, valid: Region | None = None, size: int | None = None
    ) -> list[dict[str, float | None]]:
        """Both [N, 3, R, R] in [-1, 1] -> a row for each image; None below `LEAST` pixels. valid, size: `as_scored`."""
        images, target, _ = as_scored(images, target, valid=valid, size=size)
        if min(images.shape[-2:]) < LEAST:
            return [{"ms_ssim": None}] * len(images)
        a, b = (to_uint8(pictures).double() / 255 for pictures in (images, target))
        values = multiscale_structural_similarity_index_measure(a, b, data_range=1.0, reduction="none")
        assert isinstance(values, Tensor)
        return [{"ms_ssim": value} for value in values.reshape(-1).tolist()]
