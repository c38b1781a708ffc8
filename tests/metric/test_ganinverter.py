"""The figures of another toolbox: their numbers by hand, and that they differ from the right ones as is told."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganinv.dataset.frame import Region
from ganinv.loss.feature import LPIPS
from ganinv.metric.ganinverter import GANInverter
from ganinv.metric.reconstruction import score


@pytest.fixture
def metric(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GANInverter:
    for name in ("GANINV_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    return GANInverter()


def grey(value: float, side: int) -> Tensor:
    return torch.full([1, 3, side, side], value / 127.5 - 1)


def test_psnr_is_three_decibels_below_the_definition(metric: GANInverter) -> None:
    (row,), (right,) = metric(grey(110, 256), grey(100, 256)), score(grey(110, 256), grey(100, 256))
    assert row["ganinverter_mse"] == pytest.approx((20 / 255) ** 2, rel=1e-5) == pytest.approx(right["mse"], rel=1e-5)
    assert right["psnr"] is not None and row["ganinverter_psnr"] == pytest.approx(right["psnr"] - 10 * math.log10(2))
    assert row["ganinverter_lpips"] is None
    assert metric(grey(9, 256), grey(9, 256))[0]["ganinverter_psnr"] == math.inf


@pytest.mark.parametrize("side", [64, 512])
def test_both_pictures_stand_at_256_pixels(side: int, metric: GANInverter) -> None:
    # Stripes of one pixel: at 512 they are averaged away, at 64 they stay.
    image = grey(100, side).clone()
    image[..., ::2] = grey(120, side)[..., ::2]
    found = metric(image, grey(110, side))[0]["ganinverter_mse"]
    right = score(image, grey(110, side))[0]["mse"]
    assert found is not None and right is not None
    assert found < 0.1 * right if side == 512 else 0.2 * right < found <= right


def test_the_photo_is_rounded_after_the_resize_and_the_result_is_not(metric: GANInverter) -> None:
    image = grey(100, 512).clone()
    image[..., 1::2] = grey(101, 512)[..., 1::2]  # 100.5 on average
    other = metric(grey(100, 512), image)[0]["ganinverter_mse"]
    found = metric(image, grey(100, 512))[0]["ganinverter_mse"]
    assert found == pytest.approx((1 / 255) ** 2, rel=0.02)  # half a level of 2 / 255
    assert other is not None and (other < 1e-6 or other > 1.5 * (1 / 255) ** 2)


def test_only_what_is_scored_counts(metric: GANInverter) -> None:
    image, target = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    spoilt, valid = image.clone(), Region(top=8, bottom=56, left=0, right=64)
    spoilt[:, :, :8] = 1
    assert metric(spoilt, target, valid=valid) == metric(image, target, valid=valid) != metric(spoilt, target)


def test_lpips_is_alexnets_at_256(shared: Callable[[str], Path]) -> None:
    weights = str(shared("weights/lpips_alexnet_features.safetensors"))
    image, target = torch.rand(2, 2, 3, 256, 256) * 2 - 1
    rows = GANInverter(weights=weights)(image, target)
    wanted = LPIPS(weights=weights)(
        ((image + 1) * 127.5).round() / 127.5 - 1, ((target + 1) * 127.5).round() / 127.5 - 1
    )
    assert [row["ganinverter_lpips"] for row in rows] == pytest.approx(wanted.tolist(), abs=1e-5)
