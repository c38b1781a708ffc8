"""Path lengths, the average of the generator and the rates of lazy regularisation against hand-made numbers."""

import math

import pytest
import torch
from torch import nn

from ganinv.generator.stylegan2 import Generator
from ganinv.training import ema
from ganinv.training.prior import lazy_adam
from ganinv.training.regularise import path_lengths, path_penalty


def generator() -> Generator:
    return Generator(z_dim=4, w_dim=4, img_resolution=8, mapping_layers=1, channel_base=32, channel_max=4)


def test_path_lengths_of_a_linear_map_are_the_norm_of_its_transpose_at_the_noise() -> None:
    matrix, ws = torch.randn(3 * 16, 5, dtype=torch.float64), torch.randn(2, 1, 5, dtype=torch.float64)
    ws.requires_grad_(True)
    images, noise = (ws[:, 0] @ matrix.t()).view(2, 3, 4, 4), torch.randn(2, 3, 4, 4, dtype=torch.float64)
    expected = (noise.view(2, -1) @ matrix / 4).norm(dim=1)  # 4: the root of 4 · 4 pixels
    assert torch.allclose(path_lengths(images, ws, noise), expected)


def test_path_lengths_are_a_root_of_the_mean_over_layers() -> None:
    ws = torch.randn(1, 2, 3, requires_grad=True)
    images = (ws.sum() * torch.ones(1, 3, 2, 2)) / 3
    # Each w has the gradient Σ noise / 3 / 2 in each of its three entries; both layers the same.
    lengths = path_lengths(images, ws, torch.ones(1, 3, 2, 2))
    assert lengths.item() == pytest.approx(math.sqrt(3 * (12 / 3 / 2) ** 2))


def test_the_penalty_reaches_the_weights() -> None:
    weight = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    ws, noise = torch.randn(1, 1, 3, dtype=torch.float64), torch.randn(1, 3, 2, 2, dtype=torch.float64)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        leaf = ws.clone().requires_grad_(True)
        images = torch.tanh(leaf[:, 0] @ weight.t()).view(1, 3, 2, 2)
        return path_penalty(path_lengths(images, leaf, noise), torch.tensor(0.3, dtype=torch.float64)).sum()

    assert torch.autograd.gradcheck(penalty, weight)


@pytest.mark.parametrize(
    ("images", "rampup", "expected"),
    [(10**9, 0.05, 0.5 ** (32 / 10_000)), (64_000, 0.05, 0.5 ** (32 / 3200)), (0, None, 0.5 ** (32 / 10_000))],
)
def test_the_averages_share_by_half_life_and_ramp(images: int, rampup: float | None, expected: float) -> None:
    assert ema.decay(images=images, batch=32, kimg=10, rampup=rampup) == pytest.approx(expected)
    assert ema.decay(images=0, batch=32, kimg=10, rampup=0.05) == 0  # the first step is taken over


def test_the_average_moves_by_its_share_and_copies_buffers() -> None:
    mean, current = generator(), generator()
    current.mapping.w_avg.fill_(7)
    before = [p.detach().clone() for p in mean.parameters()]
    ema.average(mean, current, decay=0.75)
    for old, new, now in zip(before, mean.parameters(), current.parameters(), strict=True):
        assert torch.allclose(new, 0.75 * old + 0.25 * now, atol=1e-6)
    assert torch.equal(mean.mapping.w_avg, current.mapping.w_avg)
    assert torch.equal(
        mean.synthesis.get_buffer("b8.conv1.noise_const"), current.synthesis.get_buffer("b8.conv1.noise_const")
    )


def test_lazy_adam_slows_down_by_the_steps_that_it_takes_more() -> None:
    network = nn.Linear(2, 2)
    group = lazy_adam(network, lr=0.0025, betas=(0.0, 0.99), interval=4).param_groups[0]
    assert group["lr"] == pytest.approx(0.002)
    assert group["betas"] == (0.0, pytest.approx(0.99**0.8))
    assert lazy_adam(network, lr=0.0025, betas=(0.0, 0.99), interval=None).param_groups[0]["lr"] == 0.0025
