"""How close an image comes to its photo: MSE, PSNR, SSIM, LPIPS, share of exact 8-bit values; one row an image.

Both images are first put on the 8-bit grid by rounding: scored is the picture that is saved.
"""

import logging
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from kornia.metrics import ssim as ssim_map
from torch import Tensor

from ..dataset.frame import Region
from ..dataset.pixels import resized, to_float, to_uint8
from ..loss.feature import LPIPS, MIN_SIDE
from ..weights import MissingWeights

logger = logging.getLogger(__name__)

Distance = Callable[[Tensor, Tensor], Tensor]
PEAK = 2.0  # width of the range [-1, 1]
WINDOW = 11  # taps of SSIM's Gaussian, sigma 1.5 (Wang et al. 2004)
CHUNK = 8  # images scored at once


def score(images: Tensor, target: Tensor, *, lpips: Distance | None = None) -> list[dict[str, float | None]]:
    """Score `images` against `target`, both [N, 3, R, R] in [-1, 1]; one row per image, in order.

    Keys: `mse` (on [-1, 1]), `psnr` (dB, infinite for an exact image), `ssim` (on [0, 1]; None below 11 pixels),
    `lpips` (None without the network), `exact_pixels` (share of equal 8-bit values, 0..1).
    """
    if images.shape != target.shape or images.ndim != 4:
        raise ValueError(f"images: expected the shape of target, {list(target.shape)}, got {list(images.shape)}")
    if not torch.isfinite(images).all():
        raise ValueError("images: some values are not finite, so there is no picture to score")
    found, wanted = to_uint8(images).cpu(), to_uint8(target).cpu()
    chunks = zip(found.split(CHUNK), wanted.split(CHUNK), strict=True)
    return [row for a, b in chunks for row in _rows(a, b, lpips)]


@torch.no_grad()
def _rows(a: Tensor, b: Tensor, lpips: Distance | None) -> list[dict[str, float | None]]:
    errors = mean_squared_error(a, b).tolist()
    similar = structural_similarity(a, b)
    distances = None if lpips is None else lpips(to_float(a), to_float(b)).tolist()
    equal = (a == b).double().mean(dim=[1, 2, 3]).tolist()
    return [
        {
            "mse": errors[i],
            "psnr": peak_signal_to_noise_ratio(errors[i]),
            "ssim": None if similar is None else similar[i],
            "lpips": None if distances is None else distances[i],
            "exact_pixels": equal[i],
        }
        for i in range(len(a))
    ]


# MSE = mean((a - b)²) on [-1, 1], where one 8-bit level is 2 / 255.
def mean_squared_error(a: Tensor, b: Tensor) -> Tensor:
    """`a`, `b` uint8 [N, 3, H, W] -> [N] float64."""
    return ((a.double() - b.double()) * (PEAK / 255)).square().mean(dim=[1, 2, 3])


# PSNR = 10 log₁₀(peak² / MSE), peak² = 4 on [-1, 1].
def peak_signal_to_noise_ratio(mse: float) -> float:
    """`mse` on [-1, 1] -> dB; infinite for 0."""
    return 10 * math.log10(PEAK**2 / mse) if mse else math.inf


# SSIM with k₁ = .01, k₂ = .03 on the range [0, 1], mean over the places where the whole window lies inside.
def structural_similarity(a: Tensor, b: Tensor) -> list[float] | None:
    """`a`, `b` uint8 [N, 3, H, W] -> one value per image; None where the window does not fit."""
    if min(a.shape[-2:]) < WINDOW:
        return None
    similar = ssim_map(a.double() / 255, b.double() / 255, WINDOW, max_val=1.0, eps=0.0, padding="valid")
    return similar.mean(dim=[1, 2, 3]).tolist()


class Reconstruction:
    """`score` with the LPIPS network of choice; where its weights are not at hand, says once how to get them.

    lpips: alex, squeeze or vgg; None leaves the column empty. weights: a file with the network's trunk; None: where
    ganinv.weights keeps it.
    """

    def __init__(self, *, lpips: Literal["alex", "squeeze", "vgg"] | None = "alex", weights: str | None = None) -> None:
        self.network: str | None = None  # name of the network whose distances are computed
        self.lpips: LPIPS | None = None
        self._is_said = False  # that the images are too small for it
        try:
            self.lpips = None if lpips is None else LPIPS(network=lpips, weights=weights)
            self.network = lpips
        except MissingWeights as missing:
            logger.warning("LPIPS stays empty: %s", missing)

    def distance(self, side: int) -> Distance | None:
        """Two [N, 3, R, R] in [-1, 1] on any device -> [N]; None without the network.

        None, too, where `side` pixels are fewer than the network takes, which is said once.
        """
        if self.lpips is None or self.network is None:
            return None
        least = MIN_SIDE[self.network]
        if side < least and not self._is_said:
            logger.warning("LPIPS stays empty: %s needs images of %d pixels, these have %d", self.network, least, side)
            self._is_said = True
        return self._on_their_device if side >= least else None

    def _on_their_device(self, a: Tensor, b: Tensor) -> Tensor:
        assert self.lpips is not None
        return self.lpips.to(a.device)(a, b)

    def __call__(
        self, images: Tensor, target: Tensor, *, valid: Region | None = None, size: int | None = None
    ) -> list[dict[str, Any]]:
        """See `score`; `lpips` is None too for images that are smaller than its network takes.

        valid: the rows and columns that are scored, all figures on them alone; None: all. size: the side of the square
        to which both pictures are reduced before, never enlarged; each row then says so in `scored_at`; None: as it is.
        """
        images, target, is_reduced = as_scored(images, target, valid=valid, size=size)
        rows = score(images, target, lpips=self.distance(min(images.shape[-2:])))
        return [row | {"scored_at": f"{size} x {size}"} for row in rows] if is_reduced else rows


def as_scored(images: Tensor, target: Tensor, *, valid: Region | None, size: int | None) -> tuple[Tensor, Tensor, bool]:
    """Both pictures as `Reconstruction` compares them, and whether they were made smaller for it."""
    if valid is not None:
        images, target = valid.of(images), valid.of(target)
    shape = list(images.shape[-2:])
    if size is None or min(shape) < size or shape == [size, size]:
        return images, target, False
    return _reduced(images, size), _reduced(target, size), True


def _reduced(images: Tensor, size: int) -> Tensor:
    """The pictures as they are saved, made smaller.  # [N, 3, H, W] -> [N, 3, size, size] in [-1, 1]"""
    if not torch.isfinite(images).all():
        return images.new_full([len(images), 3, size, size], math.nan)  # which `score` refuses
    return to_float(torch.stack([resized(pixels, size=size) for pixels in to_uint8(images)]))
