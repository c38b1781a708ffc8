"""Whitening: its closed form, Muon in its coordinates, and a tuning with it."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn

from ganinv.config import plain, read
from ganinv.generator.checkpoint import Prior, build_generator, fingerprint
from ganinv.inverter.latent import Latent
from ganinv.loss.objective import Objective
from ganinv.loss.pyramid import LaplacianPyramid
from ganinv.tuner.muon import Muon
from ganinv.tuner.optimizers import generator_optimizers
from ganinv.tuner.parameters import is_matrix, moving
from ganinv.tuner.tuned import Tuned
from ganinv.tuner.tuner import Tune
from ganinv.tuner.whitening import Whitening, _whitening, whitenings

from ..test_run_stylegan3 import ARCHITECTURE as STYLEGAN3
from ..test_run_stylegan3 import RADIAL

QUICK: dict[str, Any] = {"steps": 60, "lr": 0.003, "betas": [0.9, 0.99], "batch": 2, "progress": False}


def positive(n: int) -> torch.Tensor:
    matrix = torch.randn(n, 2 * n, dtype=torch.float64)
    return matrix @ matrix.t() / n


def of(prior: Prior, **settings: Any) -> dict[str, Whitening]:
    return whitenings(prior.generator, **({"count": 256, "damping": 1e-3, "noise_share": 0.5, "seed": 0} | settings))


def tuner(**settings: Any) -> Tune:
    weights: dict[str, Any] = {"adversarial_local": 0, "adversarial_global": 0, "locality": 0.1}
    return Tune(objective=Objective(pyramid=LaplacianPyramid(norm="l2"), **weights), **(QUICK | settings))


def tune(prior: Prior, tuner: Tune) -> Tuned:
    random = torch.Generator().manual_seed(1)
    w, other = prior.generator.mapping(torch.randn(2, 8, generator=random)).split(1)
    photo = prior.generator.synthesis(other)[0].clamp(-1, 1)
    return tuner(prior=prior, image=photo, latent=Latent(ws=w, space="w"), seed=0)


def test_gradients_of_a_kronecker_metric_become_white() -> None:
    # D with rows of covariance A and columns of covariance B: E vec D vec Dᵀ = A ⊗ B
    a, b = positive(3), positive(5)
    whitening = _whitening(a * b.trace(), b * a.trace(), damping=0)
    roots = [torch.linalg.cholesky(matrix) for matrix in (a, b)]
    d = roots[0] @ torch.randn(40_000, 3, 5, dtype=torch.float64) @ roots[1].t()
    white = (whitening.left @ d @ whitening.right).flatten(1)
    assert torch.allclose(white.t() @ white / len(d), torch.eye(15, dtype=torch.float64), atol=0.06)


def test_damping_bounds_what_no_sample_feels() -> None:
    left = torch.diag(torch.tensor([1.0, 0.0]))
    assert _whitening(left, torch.eye(3), damping=0.01).left.isfinite().all()
    assert _whitening(left, torch.eye(3), damping=0.04).left[1, 1] == pytest.approx((0.04 / 2) ** -0.5, rel=1e-4)
    silent = _whitening(torch.zeros(2, 2), torch.zeros(3, 3), damping=0.01)
    assert not silent.left.any() and not silent.right.any()  # not felt at all: it does not move


def test_a_unit_step_changes_the_values_of_a_sampled_image_by_about_one(prior: Prior) -> None:
    felt = {}
    ws = prior.generator.mapping(torch.randn(32, 8))
    for name, whitening in of(prior, count=600, damping=0.01).items():
        weight = prior.generator.get_parameter(name).detach()
        squares = []
        for _ in range(8):
            a = torch.randn(weight.flatten(1).shape)
            step = whitening(a / a.norm()).view_as(weight)

            def images(value: torch.Tensor, name: str = name) -> torch.Tensor:
                tensors = {name.removeprefix("synthesis."): value}
                return torch.func.functional_call(prior.generator.synthesis, tensors, (ws,))

            change = (images(weight + 0.01 * step) - images(weight)) / 0.01
            squares.append(change.square().mean())
        felt[name] = torch.stack(squares).mean().item()
    assert len(felt) == 5  # one at 4 pixels, two at 8 and at 16
    # Kronecker's form is an approximation; the layers' weights differ in what is felt of them by orders of magnitude
    assert all(0.2 < value < 5 for value in felt.values()), felt


def test_every_kernel_has_one_and_the_prior_stays(prior: Prior) -> None:
    before = fingerprint(prior.generator)
    found = of(prior, count=8)
    kernels = {name for name, value in moving(prior.generator, moves="synthesis").items() if is_matrix(value)}
    assert set(found) == kernels
    assert fingerprint(prior.generator) == before
    assert not any(value.requires_grad or value.grad is not None for value in prior.generator.parameters())
    again, other = of(prior, count=8), of(prior, count=8, seed=1)
    assert all(torch.equal(found[name].left, again[name].left) for name in found)
    assert not any(torch.equal(found[name].left, other[name].left) for name in found)


def test_muon_steps_in_the_white_coordinates() -> None:
    weight = nn.Parameter(torch.randn(4, 3, 3, 3, dtype=torch.float64))
    whitening = Whitening(positive(4), positive(27))
    inside = nn.Parameter(torch.zeros(4, 27, dtype=torch.float64))  # W = W₀ + left · A · right
    start = weight.detach().clone().flatten(1)
    one = Muon([weight], lr=0.1, momentum=0.9, refresh=1, whitenings={weight: whitening})
    two = Muon([inside], lr=0.1 / (4 * 27) ** 0.5, momentum=0.9, refresh=1)  # root mean square for a norm of .1
    for _ in range(3):
        gradient = torch.randn(4, 27, dtype=torch.float64)
        weight.grad, inside.grad = gradient.view_as(weight), whitening(gradient)
        one.step()
        two.step()
    assert torch.allclose(weight.detach().flatten(1) - start, whitening(inside.detach()), atol=1e-9)


def test_rates(prior: Prior) -> None:
    weights, schedule = moving(prior.generator, moves="synthesis"), tuner(optimizer="whitened_muon").schedule
    muon, adam = generator_optimizers(weights, schedule, whitenings=of(prior, count=8))
    assert muon.param_groups[0]["lr"] == schedule.whitened_lr
    assert adam.param_groups[0]["lr"] == schedule.lr


def photo_alone(**settings: Any) -> Tune:
    alone = Objective(pyramid=LaplacianPyramid(norm="l2"), adversarial_local=0, adversarial_global=0, locality=0)
    return Tune(objective=alone, **(QUICK | settings))


def test_it_comes_closer_than_muon_in_as_many_steps(prior: Prior) -> None:
    plain = [tune(prior, photo_alone(optimizer="muon", muon_lr=lr)).curve[-1]["mse"] for lr in (0.004, 0.02, 0.1)]
    rates = (0.005, 0.01, 0.03)
    white = [tune(prior, photo_alone(optimizer="whitened_muon", whitened_lr=lr)).curve[-1]["mse"] for lr in rates]
    assert min(white) < 0.85 * min(plain)


def test_made_once_a_run(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr("ganinv.tuner.tuner.whitenings", lambda g, **k: made.append(k) or whitenings(g, **k))
    own = tuner(optimizer="whitened_muon", steps=6, metric_samples=8, micro_batch=1)
    first, second = tune(prior, own), tune(prior, own)
    assert len(made) == 1 and made[0]["count"] == 8 and made[0]["batch"] == 1
    assert all(torch.equal(first.moved[name], second.moved[name]) for name in first.moved)


def test_kernels_of_one_pixel_stay_with_adam() -> None:
    generator = build_generator(STYLEGAN3 | RADIAL).requires_grad_(False)
    assert whitenings(generator, count=4, damping=0.01, noise_share=0.5, seed=0) == {}
    (adam,) = generator_optimizers(
        moving(generator, moves="synthesis"), tuner(optimizer="whitened_muon").schedule, whitenings={}
    )
    assert isinstance(adam, torch.optim.Adam)


def test_what_python_leaves_out_is_as_in_conf() -> None:
    written = plain(read([]))["tuner"]
    signature = inspect.signature(Tune.__init__).parameters
    for name in (
        "whitened_lr",
        "metric_samples",
        "damping",
        "locality_batch",
        "near_share",
        "near_alpha",
        "noise_share",
    ):
        assert signature[name].default == written[name], name
