"""Drift: nothing moved gives nothing, what moved is seen everywhere and near, and each sample counts."""

import copy

import pytest
import torch
from torch import Tensor

from ganinv.dataset.pixels import to_float, to_uint8
from ganinv.generator.checkpoint import Prior
from ganinv.generator.stylegan2 import Generator, NoiseMode
from ganinv.metric.drift import Drift, latent_pair, render, sample_latents
from ganinv.tuner.manifold import sample_manifold

from .conftest import BATCH, NOISE_MODES, SAMPLES, tiny


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_untouched_generator_has_no_drift(prior: Prior, ws: Tensor, noise_mode: NoiseMode) -> None:
    drift = Drift(samples=SAMPLES, batch_size=BATCH, noise_mode=noise_mode)
    row = drift(prior=prior, tuned_generator=copy.deepcopy(prior.generator), ws=ws)
    mse = {f"drift_mse{where}" for where in ("", "_near_0.25", "_near_0.5")}
    assert row == dict.fromkeys(mse, 0.0) | {name.replace("mse", "lpips"): None for name in mse}


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_one_weight_is_seen_everywhere_and_near(
    prior: Prior, tuned: Generator, ws: Tensor, noise_mode: NoiseMode
) -> None:
    row = Drift(samples=SAMPLES, batch_size=BATCH, noise_mode=noise_mode)(prior=prior, tuned_generator=tuned, ws=ws)
    values = [value for name, value in row.items() if "mse" in name and value is not None]
    assert len(values) == 3
    assert min(values) > 1e-3


def test_drift_is_the_mean_over_every_sample_of_8_bit_images(prior: Prior, tuned: Generator, ws: Tensor) -> None:
    row = Drift(samples=SAMPLES, batch_size=BATCH, alphas=[])(prior=prior, tuned_generator=tuned, ws=ws)
    latents = sample_latents(prior.generator, samples=SAMPLES, seed=0)
    a, b = (to_float(to_uint8(g.synthesis(latents))) for g in (prior.generator, tuned))
    assert row["drift_mse"] == pytest.approx((a - b).square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("samples", [16, 40])
def test_no_latent_is_one_that_the_tuner_trains_on(prior: Prior, samples: int) -> None:
    seen = sample_manifold(prior.generator, count=40, seed=0).ws[:, 0]
    scored = sample_latents(prior.generator, samples=samples, seed=0)[:, 0]
    assert torch.cdist(scored, seen).min() > 1e-3


def test_lpips_gets_images_in_its_range_and_its_mean_takes_the_last_batch(
    prior: Prior, tuned: Generator, ws: Tensor
) -> None:
    seen: list[Tensor] = []

    def lpips(a: Tensor, b: Tensor) -> Tensor:
        seen.append(torch.stack([a, b]))
        return torch.full([len(a)], 10.0 if len(seen) == 4 else 1.0)

    row = Drift(samples=SAMPLES, batch_size=BATCH, alphas=[])(prior=prior, tuned_generator=tuned, ws=ws, lpips=lpips)
    assert [len(batch[0]) for batch in seen] == [4, 4, 4, 3]
    assert all(batch.abs().max() <= 1 and batch.dtype == torch.float32 for batch in seen)
    assert row["drift_lpips"] == pytest.approx((12 * 1 + 3 * 10) / 15)


def test_random_noise_is_fresh_in_each_batch_and_the_same_for_both(prior: Prior) -> None:
    latents = sample_latents(prior.generator, samples=1, seed=0).expand(4, -1, -1)
    once, again = (
        torch.cat(list(render(prior.generator, latents, noise_mode="random", seed=3, batch_size=2))) for _ in range(2)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once[:2], once[2:])
    other = torch.cat(list(render(prior.generator, latents, noise_mode="random", seed=4, batch_size=2)))
    assert not torch.equal(once, other)


def test_render_gives_every_latent_once_in_8_bit(prior: Prior) -> None:
    latents = sample_latents(prior.generator, samples=SAMPLES, seed=0)
    batches = list(render(prior.generator, latents, noise_mode="const", seed=0, batch_size=BATCH))
    assert [tuple(batch.shape) for batch in batches] == [(4, 3, 16, 16)] * 3 + [(3, 3, 16, 16)]
    assert all(batch.dtype == torch.uint8 for batch in batches)
    assert len(torch.cat(batches).flatten(1).unique(dim=0)) == SAMPLES


def test_latents_depend_on_the_seed_alone(prior: Prior) -> None:
    first = sample_latents(prior.generator, samples=3, seed=1)
    torch.manual_seed(99)
    assert torch.equal(first, sample_latents(prior.generator, samples=3, seed=1))
    assert not torch.equal(first, sample_latents(prior.generator, samples=3, seed=2))
    assert first.shape == (3, prior.generator.num_ws, 8)


def test_labels_are_sampled_where_the_generator_has_them() -> None:
    assert sample_latents(tiny(c_dim=3), samples=5, seed=0).shape == (5, 6, 8)


# near = w + α (w_z − w)
def test_near_latents_lie_between_photo_and_sample_and_are_shared(prior: Prior, ws: Tensor) -> None:
    moved = copy.deepcopy(prior.generator)
    moved.mapping.get_submodule("fc1").bias += 1  # pyright: ignore
    w_z = sample_latents(prior.generator, samples=3, seed=0)
    a, b = latent_pair(prior.generator, moved, ws=ws, alpha=0.25, samples=3, seed=0)
    torch.testing.assert_close(a, ws + 0.25 * (w_z - ws))
    assert torch.equal(a, b)
    a, b = latent_pair(prior.generator, moved, ws=ws, alpha=1, samples=3, seed=0)
    assert torch.equal(a, w_z)
    assert torch.equal(b, sample_latents(moved, samples=3, seed=0))
    assert not torch.equal(a, b)
