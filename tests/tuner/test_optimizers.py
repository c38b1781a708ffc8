"""Which optimiser moves what, the pull towards the prior, and the samples near the photo."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint
from ganinv.inverter.latent import Latent
from ganinv.loss.objective import Objective
from ganinv.loss.pyramid import LaplacianPyramid
from ganinv.tuner.manifold import sample_manifold
from ganinv.tuner.muon import Muon
from ganinv.tuner.near import sample_near
from ganinv.tuner.optimizers import discriminator_optimizer, generator_optimizers
from ganinv.tuner.parameters import moving
from ganinv.tuner.tuned import Tuned
from ganinv.tuner.tuner import Tune

from .conftest import ARCHITECTURE

QUICK: dict[str, Any] = {"steps": 10, "lr": 0.01, "betas": [0.9, 0.99], "batch": 2, "progress": False}


def tuner(**settings: Any) -> Tune:
    weights: dict[str, Any] = {"adversarial_local": 0, "adversarial_global": 0, "locality": 0.1}
    return Tune(objective=Objective(pyramid=LaplacianPyramid(norm="l2"), **weights), **(QUICK | settings))


def tune(prior: Prior, **settings: Any) -> Tuned:
    random = torch.Generator().manual_seed(1)
    w, other = prior.generator.mapping(torch.randn(2, 8, generator=random)).split(1)
    photo = prior.generator.synthesis(other)[0].clamp(-1, 1)
    return tuner(**settings)(prior=prior, image=photo, latent=Latent(ws=w, space="w"), seed=0)


def distance(prior: Prior, tuned: Tuned) -> float:
    start = prior.generator.state_dict()
    return sum((value - start[name]).square().sum().item() for name, value in tuned.moved.items())


def test_muon_takes_the_kernels_and_adam_the_rest(prior: Prior) -> None:
    weights = moving(prior.generator, moves="synthesis")
    muon, adam = generator_optimizers(weights, tuner(optimizer="muon", muon_lr=0.02).schedule, whitenings={})
    assert isinstance(muon, Muon) and isinstance(adam, torch.optim.Adam)
    by_muon, by_adam = ({id(p) for p in o.param_groups[0]["params"]} for o in (muon, adam))
    kernels = {id(value) for name, value in weights.items() if ".conv" in name and name.endswith("weight")}
    kernels -= {id(value) for name, value in weights.items() if ".affine." in name}
    assert by_muon == kernels and by_adam == {id(value) for value in weights.values()} - kernels
    assert muon.param_groups[0]["lr"] == 0.02 and adam.param_groups[0]["lr"] == 0.01


def test_adam_takes_all(prior: Prior) -> None:
    weights = moving(prior.generator, moves="synthesis")
    (adam,) = generator_optimizers(weights, tuner(optimizer="adam").schedule, whitenings={})
    assert len(adam.param_groups[0]["params"]) == len(weights)


def test_rate_of_the_discriminator(prior: Prior) -> None:
    assert prior.discriminator is not None
    adam = discriminator_optimizer(prior.discriminator, tuner(discriminator_lr=0.03).schedule)
    assert adam.param_groups[0]["lr"] == 0.03
    assert all(value.requires_grad for value in prior.discriminator.parameters())


def test_muon_reaches_a_photo(prior: Prior) -> None:
    tuned = tune(prior, optimizer="muon", muon_lr=0.02, steps=100)
    first, last = tuned.curve[0]["mse"], tuned.curve[-1]["mse"]
    assert last < 0.1 * first
    again = tune(prior, optimizer="muon", muon_lr=0.02, steps=100)
    assert all(torch.equal(tuned.moved[name], again.moved[name]) for name in tuned.moved)


def test_the_pull_leaves_weights_nearer_to_the_prior(prior: Prior) -> None:
    free, pulled = tune(prior, steps=60), tune(prior, steps=60, pull=0.1)
    assert 0 < distance(prior, pulled) < 0.8 * distance(prior, free)
    nothing = tune(prior, steps=60, pull=0.0)
    assert all(torch.equal(free.moved[name], nothing.moved[name]) for name in free.moved)


@pytest.mark.parametrize(("share", "batch"), [(0.125, 2), (0.5, 3), (0.0, 2), (1.0, 2), (1 / 3, 3)])
def test_share_of_samples_near_the_photo(share: float, batch: int) -> None:
    schedule = replace(tuner().schedule, near_share=share, locality_batch=batch)
    counts = [schedule.near(step) for step in range(240)]
    assert all(0 <= count <= batch for count in counts)
    assert sum(counts) == round(240 * share * batch)


def test_samples_near_the_photo(prior: Prior) -> None:
    generator = prior.generator
    manifold = sample_manifold(generator, count=16, seed=0)
    ws = generator.mapping(torch.randn(1, 8))
    near = sample_near(manifold, generator, ws=ws, count=40, least=0.25, random=torch.Generator().manual_seed(0))
    assert near.ws.shape == (40, 6, 8) and near.images.shape == (40, 3, 16, 16)
    assert torch.allclose(near.images[7:8], generator.synthesis(near.ws[7:8]), atol=1e-5)
    chosen = [int((manifold.z == z).all(dim=1).nonzero()[0, 0]) for z in near.z]
    share = ((near.ws - ws) / (manifold.ws[chosen] - ws)).median(dim=2).values[:, 0]  # α
    assert 0.25 <= share.min() < 0.4 and 0.85 < share.max() <= 1


def test_a_step_without_gradient_still_runs_its_closure() -> None:
    weight, calls = nn.Parameter(torch.ones(2, 2, 3, 3)), []
    Muon([weight], lr=0.1, momentum=0.9).step(lambda: calls.append(torch.is_grad_enabled()))
    assert calls == [True] and torch.equal(weight.detach(), torch.ones(2, 2, 3, 3))


def test_a_budget_of_seconds_warms_up_in_seconds() -> None:
    schedule = replace(tuner(warmup=0.1, steps=100_000).schedule, max_seconds=10.0)
    assert schedule.factor(5, seconds=0.5) == pytest.approx(0.5, abs=0.01)  # half of the warm-up
    assert schedule.factor(10, seconds=1) > 0.95 and schedule.factor(99, seconds=10) == pytest.approx(0, abs=1e-6)


def test_a_discriminator_with_labels_is_refused() -> None:
    architecture = ARCHITECTURE | {"c_dim": 3}
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    labelled = Prior(generator, discriminator, fingerprint(generator), architecture, "labelled")
    loss = Objective(pyramid=LaplacianPyramid(), adversarial_global=1)
    with pytest.raises(InputError, match="labelled: its discriminator needs the photo's label"):
        Tune(objective=loss, **QUICK).fits(labelled)


def test_locality_without_samples_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="tuner.locality_batch: 0"):
        tuner(locality_batch=0).fits(prior)


def test_a_discriminator_that_diverges_stops_the_tuning(prior: Prior, caplog: pytest.LogCaptureFixture) -> None:
    loss = Objective(pyramid=LaplacianPyramid(norm="l2"), adversarial_local=0, adversarial_global=1e-3)
    settings = QUICK | {"steps": 20, "interval": 1, "optimizer": "muon", "r1_gamma": float("inf"), "r1_interval": 1}
    w = prior.generator.mapping(torch.randn(1, 8))
    photo = prior.generator.synthesis(w)[0].clamp(-1, 1)
    tuned = Tune(objective=loss, **settings)(prior=prior, image=photo, latent=Latent(ws=w, space="w"), seed=0)
    assert tuned.stopped == "not finite" and tuned.steps == 1
    assert "lower tuner.lr or tuner.muon_lr or tuner.discriminator_lr" in caplog.text


@pytest.mark.parametrize("wrong", [{"muon_lr": 0}, {"pull": 1.0}, {"near_share": 1.5}, {"optimizer": "sgd"}])
def test_wrong_settings_are_named(wrong: dict[str, Any]) -> None:
    from ganinv.config import SettingsError, check, read

    (key, value), *_ = wrong.items()
    with pytest.raises(SettingsError, match=f"tuner.{key}"):
        check(read([f"tuner.{key}={value}"]))
