"""The Laplacian pyramid loss: closed forms, limits, gradient, wrong input."""

import pytest
import torch
from kornia.geometry.transform import build_laplacian_pyramid

from ganinv.loss.pyramid import LaplacianPyramid


@pytest.mark.parametrize(("norm", "expected"), [("l1", 0.5), ("l2", 0.25), ("root", 0.5)])
def test_a_constant_difference_lies_in_the_low_pass_rest_alone(norm, expected: float) -> None:
    image = torch.rand(2, 3, 32, 32)
    loss = LaplacianPyramid(norm=norm)(image, image + 0.5)
    assert torch.allclose(loss, torch.full([2], expected), atol=1e-5)


def test_one_level_is_the_plain_distance() -> None:
    a, b = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    plain = (a - b).abs().mean(dim=[1, 2, 3])
    assert torch.allclose(LaplacianPyramid(min_size=16)(a, b), plain)


def test_bands_end_at_min_size_and_are_kornias() -> None:
    a, b = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    loss = LaplacianPyramid(norm="l1", level_weights=[4, 2, 1])
    assert [band.shape[2] for band in loss.bands(a)] == [64, 32, 16, 8]
    pairs = zip([4, 2, 1, 1], build_laplacian_pyramid(a, 4), build_laplacian_pyramid(b, 4), strict=True)
    expected = sum(weight * (p - q).abs().mean() for weight, p, q in pairs)
    assert torch.allclose(loss(a, b), torch.as_tensor(expected), rtol=1e-5)


def test_one_value_per_image() -> None:
    a = torch.rand(3, 3, 16, 16)
    b = a.clone()
    b[1] += 0.1
    loss = LaplacianPyramid()(a, b)
    assert loss.shape == (3,) and loss[0] == 0 and loss[2] == 0 and loss[1] > 0


@pytest.mark.parametrize("norm", ["l1", "l2", "root"])
def test_gradient(norm) -> None:
    a, b = (torch.rand(1, 1, 16, 16, dtype=torch.float64) for _ in range(2))
    loss = LaplacianPyramid(norm=norm, level_weights=[3, 1])
    assert torch.autograd.gradcheck(lambda x: loss(x, b), [a.requires_grad_(True)], fast_mode=True)


def test_the_roots_gradient_does_not_fade_and_is_finite_at_the_photo() -> None:
    target, apart = torch.rand(1, 3, 16, 16), torch.randn(1, 3, 16, 16)
    loss = LaplacianPyramid(norm="root", level_weights=[96, 12])
    lengths = []
    for scale in (0.5, 0.05, 0):
        image = (target + scale * apart).requires_grad_(True)
        value = loss(image, target)
        lengths.append(torch.autograd.grad(value.sum(), image)[0].norm().item())
    assert (
        lengths[0] == pytest.approx(lengths[1], rel=1e-3)
        and lengths[2] == 0
        and value.item() == pytest.approx(0, abs=1e-9)
    )
    squared = LaplacianPyramid(norm="l2", level_weights=[96, 12])(target + apart, target)
    assert torch.allclose(loss(target + apart, target), squared.sqrt(), atol=2e-5)


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="level_weights: give at least one weight"):
        LaplacianPyramid(level_weights=[])
    with pytest.raises(ValueError, match=r"got \[1, 3, 8, 8\] and \[1, 3, 16, 16\]"):
        LaplacianPyramid()(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16))
