"""Muon against torch's own for plain matrices, and against the singular value decomposition."""

import pytest
import torch
from torch import nn

from ganinv.tuner.muon import ITERATIONS, Muon, inverse_root


@pytest.mark.parametrize("shape", [(6, 3, 3, 3), (20, 1, 3, 3)])  # wide and tall as matrices
def test_step_is_that_of_torch(shape) -> None:
    ours = nn.Parameter(torch.randn(shape, dtype=torch.float64))
    theirs = nn.Parameter(ours.detach().flatten(1).clone())
    torch_muon = torch.optim.Muon(
        [theirs],
        lr=0.1,
        momentum=0.9,
        weight_decay=0,
        ns_steps=ITERATIONS,
        adjust_lr_fn="match_rms_adamw",  # root mean square .2 for exactly orthogonal rows
    )
    start = theirs.detach().clone()
    muon = Muon([ours], lr=0.02, momentum=0.9, refresh=1)
    for _ in range(3):
        gradient = torch.randn(shape, dtype=torch.float64)
        ours.grad, theirs.grad = gradient, gradient.flatten(1).clone()
        muon.step()
        torch_muon.step()
    mine, other = (ours.detach().flatten(1) - start).flatten(), (theirs.detach() - start).flatten()
    # torch iterates in bfloat16 from another norm: both end near the polar factor, and each elsewhere in the band
    assert torch.nn.functional.cosine_similarity(mine, other, dim=0) > 0.95
    assert mine.norm() / other.norm() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("shape", [(8, 30), (30, 8)])
def test_singular_values_come_near_one(shape) -> None:
    matrix = torch.randn(shape, dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    skewed = left @ torch.diag(torch.logspace(0, -2, len(values), dtype=torch.float64)) @ right
    root = inverse_root(skewed)
    change = root @ skewed if shape[0] < shape[1] else skewed @ root
    found = torch.linalg.svdvals(change)
    assert found.min() > 0.3 and found.max() < 1.3  # the quintic's band around 1
    # the singular vectors stay
    assert torch.allclose(
        left.t() @ change @ right.t(), torch.diag(torch.diagonal(left.t() @ change @ right.t())), atol=1e-9
    )


def test_lr_is_the_root_mean_square_of_a_step() -> None:
    weight = nn.Parameter(torch.zeros(4, 5, 3, 3))
    weight.grad = torch.randn(4, 5, 3, 3)
    Muon([weight], lr=0.01, momentum=0.95).step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(0.01, rel=1e-4)


def test_a_root_serves_as_many_steps_as_it_is_told() -> None:
    weight = nn.Parameter(torch.randn(4, 5, 3, 3))
    muon, roots = Muon([weight], lr=0.01, momentum=0.5, refresh=2), []
    for _ in range(4):
        weight.grad = torch.randn(4, 5, 3, 3)
        muon.step()
        roots.append(muon.state[weight]["root"])
    assert roots[0] is roots[1] and roots[2] is roots[3] and not torch.equal(roots[1], roots[2])


def test_a_zero_gradient_moves_nothing_and_none_is_skipped() -> None:
    still, skipped = nn.Parameter(torch.ones(4, 5, 3, 3)), nn.Parameter(torch.ones(4, 5, 3, 3))
    still.grad = torch.zeros(4, 5, 3, 3)
    Muon([still, skipped], lr=0.1, momentum=0.9).step()
    assert torch.equal(still.detach(), torch.ones(4, 5, 3, 3)) and torch.equal(skipped.detach(), torch.ones(4, 5, 3, 3))


def test_a_least_squares_problem_is_solved() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(4, 5, 3, 3), nn.Parameter(torch.zeros(4, 5, 3, 3))
    muon, losses = Muon([weight], lr=0.05, momentum=0.9), []
    for step in range(200):
        loss = (weight - target).square().mean()
        muon.zero_grad()
        loss.backward()
        muon.param_groups[0]["lr"] = 0.05 * (1 - step / 200)
        muon.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-3 * losses[0]
