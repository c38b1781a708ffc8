"""Reconstruction figures against numbers worked out by hand and scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from ganinv.dataset.frame import Region
from ganinv.dataset.pixels import resized, to_float, to_uint8
from ganinv.metric.reconstruction import CHUNK, Reconstruction, score
from ganinv.weights import MissingWeights


def grey(value: float, side: int = 16) -> Tensor:
    return torch.full([1, 3, side, side], value / 127.5 - 1)


def test_mse_and_psnr_by_hand() -> None:
    row = score(grey(110), grey(100))[0]
    # 10 levels of 2 / 255 each; peak² = 4
    assert row["mse"] == pytest.approx((20 / 255) ** 2, rel=1e-12)
    assert row["psnr"] == pytest.approx(10 * math.log10(4 / (20 / 255) ** 2), rel=1e-12)
    assert row["exact_pixels"] == 0


def test_the_image_is_rounded_not_truncated() -> None:
    assert score(grey(100.7), grey(101))[0]["mse"] == 0
    assert score(grey(100.4), grey(100))[0]["mse"] == 0


def test_what_lies_outside_the_range_is_scored_as_it_is_saved() -> None:
    assert score(grey(400), grey(255))[0]["exact_pixels"] == 1


def test_an_exact_image() -> None:
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    assert score(image, image)[0] == {"mse": 0, "psnr": math.inf, "ssim": 1, "lpips": None, "exact_pixels": 1}


def test_the_share_of_exact_values() -> None:
    image = grey(100)
    image[0, 0, 0, :6] = grey(130)[0, 0, 0, :6]
    assert score(image, grey(100))[0]["exact_pixels"] == 1 - 6 / (3 * 16 * 16)


def test_ssim_equals_scikit_image() -> None:
    target = to_uint8(torch.rand(2, 3, 24, 24) * 2 - 1)
    image = (target.float() + 20 * torch.randn(target.shape)).clamp(0, 255).round().to(torch.uint8)
    for a, b, row in zip(image, target, score(to_float(image), to_float(target)), strict=True):
        reference = structural_similarity(
            np.float64(a), np.float64(b), channel_axis=0, data_range=255.0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        assert row["ssim"] == pytest.approx(reference, abs=1e-9)


def test_ssim_is_empty_where_its_window_does_not_fit() -> None:
    assert score(grey(1, side=8), grey(1, side=8))[0]["ssim"] is None


def test_every_image_is_scored_in_order_the_last_batch_too() -> None:
    values = torch.arange(2 * CHUNK + 1).float()
    images = (values / 127.5 - 1).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    rows = score(images, grey(0, side=4).expand_as(images), lpips=lambda a, b: (a - b).mean(dim=[1, 2, 3]))
    assert [row["mse"] for row in rows] == pytest.approx([(k * 2 / 255) ** 2 for k in values.tolist()])
    assert [row["lpips"] for row in rows] == pytest.approx([k / 127.5 for k in values.tolist()], abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (2, 3, 16, 16), (3, 16, 16)])
def test_shapes_that_differ_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images: expected the shape of target, \[1, 3, 16, 16\]"):
        score(torch.zeros(shape), grey(0))


def test_an_image_that_is_not_finite_has_no_score() -> None:
    with pytest.raises(ValueError, match="not finite"):
        score(grey(math.nan), grey(0))


def test_lpips_of_the_saved_picture(shared) -> None:
    metric = Reconstruction(lpips="squeeze", weights=str(shared("weights/lpips_squeezenet1_1_features.safetensors")))
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    near = image + 0.4 / 127.5  # rounds to the same picture, but for values on the edge of two levels
    distance = metric.distance(32)
    assert metric.network == "squeeze" and distance is not None
    row = metric(image, near)[0]
    assert row["lpips"] == distance(to_float(to_uint8(image)), to_float(to_uint8(near))).item()
    assert metric(grey(1, side=32), grey(1, side=32))[0]["lpips"] == 0
    assert metric(grey(1, side=16), grey(1, side=16))[0]["lpips"] is None, "too small for the network"


def test_without_the_lpips_network_its_column_stays_empty_and_this_is_said_once(caplog, monkeypatch) -> None:
    def missing(**_: object) -> None:
        raise MissingWeights("alex is not at hand; run this to get it")

    monkeypatch.setattr("ganinv.metric.reconstruction.LPIPS", missing)
    metric = Reconstruction(lpips="alex")
    assert [metric(grey(1), grey(1))[0]["lpips"] for _ in range(2)] == [None, None]
    assert metric.network is None
    assert caplog.messages == ["LPIPS stays empty: alex is not at hand; run this to get it"]


class Small(torch.nn.Module):
    """In the place of LPIPS: as its class, it refuses images below its least side."""

    def __init__(self, **_: object) -> None:
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        if a.shape[-1] < 31:
            raise ValueError("LPIPS: alex needs images of at least 31 pixels")
        return (a - b).abs().mean(dim=[1, 2, 3])


def test_images_below_the_least_side_have_no_lpips_and_this_is_said_once(caplog, monkeypatch) -> None:
    monkeypatch.setattr("ganinv.metric.reconstruction.LPIPS", Small)
    metric = Reconstruction(lpips="alex")
    assert metric(grey(1, side=31), grey(1, side=31))[0]["lpips"] == 0 and caplog.messages == []
    assert metric.distance(30) is None and metric.distance(31) is not None
    assert metric(grey(1), grey(1))[0]["lpips"] is None
    assert caplog.messages == ["LPIPS stays empty: alex needs images of 31 pixels, these have 30"]


def test_figures_are_of_the_valid_rows_alone(monkeypatch) -> None:
    monkeypatch.setattr("ganinv.metric.reconstruction.LPIPS", Small)
    metric, valid = Reconstruction(lpips="alex"), Region(top=6, bottom=42, left=0, right=48)
    image, target = torch.rand(2, 1, 3, 48, 48) * 2 - 1
    rows = metric(image, target, valid=valid)
    assert rows == metric(image[..., 6:42, :], target[..., 6:42, :]) and rows[0]["ssim"] is not None
    spoilt = image.clone()
    spoilt[..., :6, :], spoilt[..., 42:, :] = 1, -1
    assert metric(spoilt, target, valid=valid) == rows != metric(spoilt, target)


def test_figures_are_of_both_pictures_reduced_and_say_so(monkeypatch) -> None:
    monkeypatch.setattr("ganinv.metric.reconstruction.LPIPS", Small)
    metric, valid = Reconstruction(lpips="alex"), Region(top=8, bottom=56, left=0, right=64)
    image, target = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    (row,) = metric(image, target, valid=valid, size=32)
    a, b = (to_float(resized(to_uint8(valid.of(x)[0]), size=32))[None] for x in (image, target))
    assert row == metric(a, b)[0] | {"scored_at": "32 x 32"} and row["mse"] < metric(image, target)[0]["mse"] / 2


def test_nothing_is_enlarged_for_its_figures() -> None:
    image, target = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    metric = Reconstruction(lpips=None)
    assert metric(image, target, size=64) == metric(image, target, size=32) == metric(image, target)
    with pytest.raises(ValueError, match="not finite"):
        metric(image * math.nan, target, size=16)


def test_without_padding_the_figures_are_the_same_to_the_bit() -> None:
    image, target = torch.rand(2, 2, 3, 16, 16) * 2 - 1
    whole = Region(top=0, bottom=16, left=0, right=16)
    metric = Reconstruction(lpips=None)
    assert metric(image, target) == metric(image, target, valid=whole) == score(image, target)


def test_lpips_can_be_left_out_without_a_word(caplog) -> None:
    assert Reconstruction(lpips=None)(grey(1), grey(2))[0]["lpips"] is None
    assert caplog.messages == []
