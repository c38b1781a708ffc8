"""Plain distances: one value per image, numbers by hand, gradients, wrong input, and their place in the sum."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.loss.feature import LPIPS
from ganinv.loss.objective import Images, Objective
from ganinv.loss.plain import Plain
from ganinv.loss.pyramid import LaplacianPyramid


def test_one_value_per_image_by_hand() -> None:
    a, b = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    b[1, 0] = 0.5  # a third of the values
    assert Plain(l1=1)(a, b).tolist() == pytest.approx([0, 0.5 / 3])
    assert Plain(l1=2, l2=96)(a, b).tolist() == pytest.approx([0, 2 * 0.5 / 3 + 96 * 0.25 / 3])


def test_a_pyramid_of_one_level_is_the_same() -> None:
    a, b = torch.randn(2, 3, 16, 16), torch.randn(2, 3, 16, 16)
    l1 = LaplacianPyramid(norm="l1", min_size=16, level_weights=[3])
    l2 = LaplacianPyramid(norm="l2", min_size=16, level_weights=[3])
    assert torch.allclose(Plain(l1=3)(a, b), l1(a, b)) and torch.allclose(Plain(l2=3)(a, b), l2(a, b))


def test_its_gradient_is_that_of_the_square() -> None:
    a = torch.randn(1, 3, 4, 4, requires_grad=True)
    Plain(l2=2)(a, torch.zeros_like(a)).sum().backward()
    assert a.grad is not None and torch.allclose(a.grad, 2 * 2 * a.detach() / a.numel())


def test_lpips_counts_by_its_weight(shared: Callable[[str], Path]) -> None:
    lpips = LPIPS(weights=str(shared("weights/lpips_alexnet_features.safetensors")))
    a, b = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    found = Plain(l2=0.1, perceptual=0.1, lpips=lpips)(a, b)
    assert torch.allclose(found, 0.1 * (a - b).square().mean(dim=[1, 2, 3]) + 0.1 * lpips(a, b))
    assert Plain(l2=1, lpips=lpips).lpips is None, "a term of weight 0 is not computed"
    plain = Plain(perceptual=1, lpips=lpips)
    for loss in (
        Objective(pyramid=plain),
        Objective(pyramid=LaplacianPyramid(), locality_pyramid=plain),
    ):
        loss.fits(64)
        with pytest.raises(InputError, match=r"loss\.lpips: alex needs images of at least 31 pixels"):
            loss.fits(16)


def test_it_takes_the_pyramids_place_in_the_objective() -> None:
    loss = Objective(
        pyramid=Plain(l1=1), locality_pyramid=Plain(l2=1), locality=1, adversarial_local=0, adversarial_global=0
    )
    a, b = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5)
    terms = loss.generator_terms(Images(photo=a, reconstruction=b, generated=b, untouched=a), None)
    assert {name: term.tolist() for name, term in terms.items()} == {"reconstruction": [0.5], "locality": [0.25]}


def test_what_measures_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="l1, l2, perceptual: all are 0"):
        Plain()
    with pytest.raises(ValueError, match="perceptual: a weight above 0 needs the network"):
        Plain(perceptual=1)
    with pytest.raises(ValueError, match=r"two batches \[N, C, H, W\], got \[3, 4, 4\]"):
        Plain(l1=1)(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4))
