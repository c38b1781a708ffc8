"""MS-SSIM against the formula written out, and where it is empty."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganinv.dataset.frame import Region
from ganinv.dataset.pixels import to_float
from ganinv.metric.multiscale import LEAST, MultiScale

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003


def pictures(side: int = LEAST) -> tuple[Tensor, Tensor]:
    target = torch.randint(40, 216, (1, 3, side, side), dtype=torch.uint8)
    image = (target.float() + 20 * torch.randn(target.shape)).clamp(0, 255).round().to(torch.uint8)
    return to_float(image), to_float(target)


def filtered(x: Tensor) -> Tensor:
    """A Gaussian of 11 taps, sigma 1.5, where it fits."""
    taps = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / 4.5)
    taps = taps / taps.sum()
    return F.conv2d(x.flatten(0, 1)[:, None], (taps[:, None] * taps)[None, None]).unflatten(0, x.shape[:2])


# Π_j c_j^w_j · l_5^w_5, with c = (2 σ_xy + C₂) / (σ_x² + σ_y² + C₂), l = (2 μ_x μ_y + C₁) / (μ_x² + μ_y² + C₁).
def reference(x: Tensor, y: Tensor) -> float:
    total, c1, c2 = 1.0, 0.01**2, 0.03**2
    for scale, weight in enumerate(WEIGHTS):
        a, b = filtered(x), filtered(y)
        aa, bb, ab = filtered(x * x) - a * a, filtered(y * y) - b * b, filtered(x * y) - a * b
        similar = (2 * ab + c2) / (aa + bb + c2)
        if scale == 4:
            similar = similar * (2 * a * b + c1) / (a * a + b * b + c1)
        total *= float(similar.mean()) ** weight
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return total


def test_it_is_the_published_formula() -> None:
    image, target = pictures()
    (row,) = MultiScale()(image, target)
    found = row["ms_ssim"]
    assert found == pytest.approx(reference((image.double() + 1) / 2, (target.double() + 1) / 2), abs=2e-3)
    assert found is not None and 0.5 < found < 0.999


def test_an_exact_picture_has_one_and_each_has_its_own() -> None:
    image, target = pictures()
    rows = MultiScale()(torch.cat([target, image]), torch.cat([target, target]))
    assert rows[0]["ms_ssim"] == pytest.approx(1) and rows[1] == MultiScale()(image, target)[0]


def test_it_is_empty_where_the_fifth_scale_is_too_small() -> None:
    small, large = torch.zeros(2, 3, LEAST - 1, LEAST - 1), torch.zeros(1, 3, LEAST, LEAST)
    assert MultiScale()(small, small) == [{"ms_ssim": None}] * 2
    assert MultiScale()(large, large)[0]["ms_ssim"] == pytest.approx(1)


def test_only_what_is_scored_counts() -> None:
    image, target = pictures(LEAST + 16)
    spoilt, valid = image.clone(), Region(top=16, bottom=LEAST + 16, left=0, right=LEAST + 16)
    spoilt[:, :, :16] = 1
    assert MultiScale()(spoilt, target, valid=valid) == MultiScale()(image, target, valid=valid)
    assert MultiScale()(image, target, size=128) == [{"ms_ssim": None}]
