"""Augmentation: exact maps, gradients, and how its probability moves."""

import logging
import math

import pytest
import torch

from ganinv.training import augment
from ganinv.training.augment import Adaptive, Augment, Colour, Geometry


def warped(images: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    geometry = Geometry()
    return geometry.apply_transform(images, {}, {}, geometry.compute_transformation(images, {"map": matrix}, {}))


def test_nothing_happens_at_0_and_hardly_anything_just_above() -> None:
    images = torch.randn(8, 3, 16, 16)
    assert Augment()(images, 0.0) is images
    assert torch.allclose(Augment()(images, 1e-9), images, atol=1e-4)


def test_all_shapes_stay_and_each_image_has_its_own_map() -> None:
    images = torch.rand(1, 3, 16, 16).repeat(6, 1, 1, 1)
    seen = Augment()(images, 1.0)
    assert seen.shape == images.shape and seen.dtype == torch.float32 and seen.isfinite().all()
    assert len({round(float(image.mean()), 5) for image in seen}) == 6


def test_p_is_the_share_of_the_images_that_are_changed() -> None:
    torch.manual_seed(1)
    colour = Colour()
    colour.chance = 0.3
    changed = colour.generate_parameters((4000, 3, 4, 4))["offset"].abs().sum(dim=1) > 0
    assert 0.27 < changed.float().mean() < 0.33


def test_flip_quarter_turn_and_shift_move_pixels_exactly() -> None:
    images = torch.randn(2, 3, 8, 8)
    flip = augment._scaling(torch.full([2], -1.0), torch.ones(2))
    assert torch.allclose(warped(images, flip), images.flip(3), atol=1e-5)
    quarter = augment._rotation(torch.full([2], math.pi / 2))
    assert torch.allclose(warped(images, quarter), images.rot90(-1, [2, 3]), atol=1e-5)
    right = augment._shift(torch.tensor([[0.25, 0.0]] * 2))
    assert torch.allclose(warped(images, right)[..., 2:], images[..., :-2], atol=1e-5)


def test_colours_turn_around_grey_and_are_not_clamped() -> None:
    hue = augment._hue(torch.tensor([2 * math.pi / 3]))[0]
    assert torch.allclose(hue @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6)  # red to green
    assert torch.allclose(hue @ torch.ones(3), torch.ones(3), atol=1e-6)
    colour = Colour()
    params = {"matrix": 3 * torch.eye(3)[None], "offset": torch.ones(1, 3)}
    assert torch.allclose(colour.apply_transform(torch.full([1, 3, 2, 2], 2.0), params, {}), torch.tensor(7.0))


def test_gradients_reach_pixels_outside_the_range() -> None:
    images = (5 * torch.randn(4, 3, 8, 8)).requires_grad_(True)
    Augment()(images, 0.5).square().sum().backward()
    assert images.grad is not None and (images.grad.abs().sum(dim=[1, 2, 3]) > 0).all()


def test_gradients_are_those_of_differences() -> None:
    images = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)

    def seen(images: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(2)
        return Augment()(images, 0.9)

    assert torch.autograd.gradcheck(seen, images, eps=1e-5, atol=1e-4)


def test_p_rises_above_the_target_falls_below_and_stays_in_range() -> None:
    adaptive = Adaptive(target=0.6, kimg=500)
    assert adaptive.next_p(0.2, 0.7, 128) == pytest.approx(0.2 + 128 / 500_000)
    assert adaptive.next_p(0.2, 0.5, 128) == pytest.approx(0.2 - 128 / 500_000)
    assert adaptive.next_p(0.0, 0.5, 128) == 0 and adaptive.next_p(1.0, 0.9, 128) == 1


def test_auto_is_for_small_sets_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="ganinv")
    assert Adaptive().is_on(9_999) and not Adaptive().is_on(10_000)
    assert caplog.messages == [
        "augmentation on: fewer than 10000 images (training.augment.mode)",
        "augmentation off: no fewer than 10000 images (training.augment.mode)",
    ]
    assert Adaptive(mode="on").is_on(10**6) and not Adaptive(mode="off").is_on(1)
