"""The tuning of a tiny generator: it reaches its photo, moves only what it may, repeats itself."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from PIL import Image

from ganinv.dataset.pixels import to_float, to_uint8
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.synthesis import Synthesis
from ganinv.inverter.latent import Latent
from ganinv.tuner.manifold import sample_manifold
from ganinv.tuner.tuner import Tune

from .conftest import ARCHITECTURE
from .tuning import QUICK, error, objective, tune


def test_reaches_the_photo(prior: Prior, photo, latent) -> None:
    alone = objective(adversarial_local=0, adversarial_global=0, locality=0)
    tuned = tune(prior, photo, latent, loss=alone, steps=150, lr=0.05)
    assert error(tuned.generator, photo, latent) < 0.05 * error(prior.generator, photo, latent)
    assert tuned.steps == 150 and tuned.stopped == "budget" and tuned.seconds > 0


def test_moves_the_synthesis_weights_alone(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent)
    before, after = prior.generator.state_dict(), tuned.generator.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == set(tuned.moved) and changed
    assert all(name.startswith("synthesis.") and "noise_const" not in name for name in changed)
    assert all(torch.equal(tuned.moved[name], after[name]) for name in changed)
    assert fingerprint(prior.generator) == prior.fingerprint
    assert not any(value.requires_grad for value in tuned.generator.parameters())


def test_discriminator_of_the_prior_stays(prior: Prior, photo, latent) -> None:
    assert prior.discriminator is not None
    before = fingerprint(prior.discriminator)
    tune(prior, photo, latent, discriminator="joint")
    assert fingerprint(prior.discriminator) == before
    assert not any(value.requires_grad for value in prior.discriminator.parameters())


@pytest.mark.parametrize(("moves", "affine", "mapping"), [("convolutions", False, False), ("all", True, True)])
def test_which_weights_move(prior: Prior, photo, latent, moves, affine: bool, mapping: bool) -> None:
    from ganinv.tuner.parameters import moving

    names = set(moving(prior.generator, moves=moves))
    assert any(".affine." in name and "synthesis" in name for name in names) is affine
    assert any(name.startswith("mapping.") for name in names) is mapping
    moved = set(tune(prior, photo, latent, moves=moves, steps=30, lr=0.03).moved)
    assert moved <= names and any(name.startswith("mapping.") for name in moved) is mapping


def test_noise_maps_move_when_asked(prior: Prior, photo, latent) -> None:
    loss = objective(adversarial_local=0, adversarial_global=0, locality=0)
    with torch.no_grad():
        prior.generator.synthesis.get_parameter("b16.conv1.noise_strength").fill_(0.5)
    tuned = tune(prior, photo, latent, loss=loss, noise_maps=True, steps=20)
    assert "synthesis.b16.conv1.noise_const" in tuned.moved
    assert set(tuned.generator.state_dict()) == set(prior.generator.state_dict())


def test_same_seed_same_weights(prior: Prior, photo, latent) -> None:
    first, again = tune(prior, photo, latent), tune(prior, photo, latent)
    other = tune(prior, photo, latent, seed=1)
    assert all(torch.equal(value, again.moved[name]) for name, value in first.moved.items())
    assert any(not torch.equal(value, other.moved[name]) for name, value in first.moved.items())


def test_micro_batches_add_up_to_the_whole(prior: Prior, photo, latent, monkeypatch) -> None:
    whole = tune(prior, photo, latent, batch=4)
    forward, seen = Synthesis.forward, []
    monkeypatch.setattr(
        Synthesis, "forward", lambda *args, **named: seen.append(len(args[1])) or forward(*args, **named)
    )
    parts = tune(prior, photo, latent, batch=4, micro_batch=1)
    assert seen.count(1) > 6 * 4 and seen.count(4) == 0
    # Adam divides by the gradient's size, so that rounding may turn a step where the gradient is nearly 0.
    for name, value in whole.moved.items():
        before = prior.generator.state_dict()[name]
        assert (parts.moved[name] - value).norm() <= 1e-2 * (value - before).norm() + 1e-7, name


def test_place_in_the_list_does_not_matter(prior: Prior, photo, latent) -> None:
    tuner = Tune(objective=objective(), **QUICK)
    tuner(prior=prior, image=-photo, latent=latent, seed=0)
    second = tuner(prior=prior, image=photo, latent=latent, seed=0)
    alone = tune(prior, photo, latent)
    assert all(torch.equal(value, second.moved[name]) for name, value in alone.moved.items())


def test_p_zero_never_looks_at_the_photo(prior: Prior, photo, latent) -> None:
    one = tune(prior, photo, latent, loss=objective(probability=0))
    other = tune(prior, -photo, latent, loss=objective(probability=0))
    assert one.moved and all(torch.equal(value, other.moved[name]) for name, value in one.moved.items())
    assert all("reconstruction" not in row and "adversarial_local" not in row for row in one.curve)


def test_rates_that_stay() -> None:
    settings: dict[str, Any] = QUICK | {"decay": 0, "warmup": 0}
    schedule = Tune(objective=objective(), **settings).schedule
    assert {schedule.factor(step, seconds=1e9) for step in range(schedule.steps)} == {1.0}


@pytest.mark.parametrize("probability", [1.0, 0.3])
@pytest.mark.parametrize("without", ["reconstruction", "adversarial_local", "adversarial_global", "locality"])
def test_each_term_can_be_left_out(prior: Prior, photo, latent, without: str, probability: float) -> None:
    loss = objective(**{without: 0.0}, probability=probability)
    tuned = tune(prior, photo, latent, loss=loss, log_interval=1)
    assert tuned.steps == 6 and all(without not in row for row in tuned.curve)


@pytest.mark.parametrize("weight", ["reconstruction", "adversarial_local", "adversarial_global"])
def test_each_term_alone(prior: Prior, photo, latent, weight: str) -> None:
    names = ("reconstruction", "adversarial_local", "adversarial_global", "locality")
    loss = objective(**dict.fromkeys(names, 0.0) | {weight: 1.0}, probability=0.5)
    assert tune(prior, photo, latent, loss=loss).steps == 6


def test_curve_names_every_term(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent, log_interval=1)
    assert [row["step"] for row in tuned.curve] == list(range(6))
    names = {"total", "reconstruction", "adversarial_local", "adversarial_global", "locality", "mse", "psnr"}
    assert names | {"discriminator_global", "discriminator_local", "r1"} <= set(tuned.curve[0])
    assert "adversarial_global" not in tuned.curve[1]  # between two steps of the adversarial terms


def test_frozen_discriminator_takes_no_step(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent, discriminator="frozen")
    assert all("discriminator_global" not in row for row in tuned.curve)


def test_real_images_are_used(prior: Prior, photo, latent) -> None:
    asked = []

    class Reals:
        def sample(self, count: int, *, generator: torch.Generator) -> torch.Tensor:
            asked.append(count)
            return torch.zeros(count, 3, 16, 16)

    tune(prior, photo, latent, reals=Reals())
    assert asked == [2, 2, 2]


def test_real_images_from_a_folder(prior: Prior, photo, latent, tmp_path) -> None:
    with pytest.raises(InputError, match="no/such"):
        tune(prior, photo, latent, reals="no/such")
    Image.new("RGB", (32, 32), "green").save(tmp_path / "a.png")
    own, given = tune(prior, photo, latent), tune(prior, photo, latent, reals=str(tmp_path))
    assert any(not torch.equal(value, given.moved[name]) for name, value in own.moved.items())


def test_bfloat16_training(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent, precision="bfloat16", log_interval=1)
    exact = tune(prior, photo, latent, log_interval=1)
    assert all(value.dtype == torch.float32 for value in tuned.moved.values())
    assert tuned.curve[1]["reconstruction"] != exact.curve[1]["reconstruction"]
    assert tuned.curve[0]["mse"] == exact.curve[0]["mse"]  # judged in float32


def test_noise_of_the_inverter_is_the_photos_alone(prior: Prior, photo, latent) -> None:
    with torch.no_grad():
        prior.generator.synthesis.get_parameter("b16.conv1.noise_strength").fill_(0.5)
    maps = {"b16.conv1.noise_const": torch.randn(1, 16, 16)}
    own = Latent(ws=latent.ws, space="w", noise=maps)
    loss = objective(adversarial_local=0, adversarial_global=0)
    tuned = tune(prior, photo, own, loss=loss, steps=30, log_interval=1, num_samples=4)
    assert not any("noise_const" in name for name in tuned.moved)
    assert tuned.curve[0]["locality"] < 1e-9  # the sampled latents are rendered with the prior's maps
    with torch.no_grad():
        image = torch.func.functional_call(
            tuned.generator.synthesis, {"b16.conv1.noise_const": maps["b16.conv1.noise_const"][0]}, (own.ws,)
        )
    assert (to_float(to_uint8(image[0])) - photo).square().mean().item() == pytest.approx(
        tuned.curve[-1]["mse"], rel=0.2
    )


def test_noise_of_the_inverter_is_where_tuned_maps_start(prior: Prior, photo, latent) -> None:
    maps = {"b16.conv1.noise_const": torch.full([1, 16, 16], 3.0)}
    tuned = tune(prior, photo, Latent(ws=latent.ws, space="w", noise=maps), noise_maps=True, lr=1e-4)
    found = tuned.generator.state_dict()["synthesis.b16.conv1.noise_const"]
    assert (found - 3).abs().max() < 0.01


def test_a_prior_without_discriminator(prior: Prior, photo, latent) -> None:
    bare = Prior(prior.generator, None, prior.fingerprint, ARCHITECTURE, "bare")
    with pytest.raises(InputError, match="bare: this prior has no discriminator"):
        tune(bare, photo, latent)
    tune(bare, photo, latent, loss=objective(adversarial_local=0, adversarial_global=0))


def test_batch_must_fill_groups(prior: Prior, photo, latent) -> None:
    with pytest.raises(InputError, match="tuner.batch: .* a multiple of 2 is needed, got 3"):
        tune(prior, photo, latent, batch=3)


def test_manifold(prior: Prior) -> None:
    manifold = sample_manifold(prior.generator, count=20, seed=0)
    assert len(sample_manifold(prior.generator, count=3, seed=0).ws) == 3
    assert manifold.ws.shape == (20, 6, 8) and manifold.images.shape == (20, 3, 16, 16)
    assert torch.allclose(manifold.images[17:18], prior.generator.synthesis(manifold.ws[17:18]), atol=1e-5)
    again = sample_manifold(prior.generator, count=20, seed=0)
    assert torch.equal(manifold.ws, again.ws)


def test_tunes_outside_the_main_thread(prior: Prior, photo, latent) -> None:
    with ThreadPoolExecutor() as pool:
        assert pool.submit(tune, prior, photo, latent).result().steps == 6
