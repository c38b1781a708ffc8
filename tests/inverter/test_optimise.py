from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.latent import Latent
from ganinv.inverter.mean import Mean
from ganinv.inverter.optimise import Optimise
from ganinv.weights import MissingWeights

SPACES = ["z", "w", "w+"]


def samples(prior: Prior, count: int = 3) -> Tensor:
    """Images that the generator makes itself.  # [count, 3, 16, 16]"""
    return prior.generator(torch.randn(count, 8, generator=torch.Generator().manual_seed(2)))


def render(prior: Prior, latent: Latent) -> Tensor:
    maps = {name: value[:, None] for name, value in (latent.noise or {}).items()}
    return torch.func.functional_call(prior.generator.synthesis, maps, (latent.ws,))


def optimise(prior: Prior, images: Tensor, *, seed: int = 0, **settings: Any) -> Latent:
    settings = {"steps": 20, "num_samples": 500} | settings
    return Optimise(**settings)(prior=prior, images=images, seed=seed)


def error(prior: Prior, latent: Latent, images: Tensor) -> Tensor:
    return (render(prior, latent) - images).square().mean(dim=[1, 2, 3])


@pytest.mark.parametrize(("space", "factor"), [("z", 3), ("w", 5), ("w+", 5)])
def test_finds_the_generators_own_images(prior: Prior, space: str, factor: float) -> None:
    images = samples(prior)
    mean = Mean()(prior=prior, images=images, seed=0)
    found = optimise(prior, images, space=space, steps=60)
    assert found.space == space and found.ws.shape == (3, 6, 8) and found.noise is None
    assert error(prior, found, images).mean() * factor < error(prior, mean, images).mean()


def test_w_is_one_vector_and_w_plus_is_not(prior: Prior) -> None:
    images = samples(prior)
    assert (optimise(prior, images, space="w").ws.diff(dim=1) == 0).all()
    assert (optimise(prior, images, space="w+").ws.diff(dim=1).abs() > 0).any()


def test_z_is_what_the_ws_come_from(prior: Prior) -> None:
    found = optimise(prior, samples(prior), space="z")
    assert found.z is not None and found.z.shape == (3, 8)
    assert torch.allclose(found.z.square().mean(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(prior.generator.mapping(found.z), found.ws, atol=1e-5)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("optimise_noise", [False, True])
def test_a_photos_latent_does_not_depend_on_the_others(prior: Prior, space: str, optimise_noise: bool) -> None:
    images = samples(prior)
    settings = {"space": space, "optimise_noise": optimise_noise}
    together = optimise(prior, images.flip(0), **settings)
    alone = optimise(prior, images[:1], **settings)
    assert torch.allclose(together.ws[2], alone.ws[0], atol=1e-4)
    for name, value in (alone.noise or {}).items():
        assert together.noise is not None and torch.allclose(together.noise[name][2], value[0], atol=1e-4)


def test_noise_maps_are_kept_and_help(prior: Prior) -> None:
    images = samples(prior) + 0.3 * torch.randn(3, 3, 16, 16)
    plain = optimise(prior, images, steps=40)
    found = optimise(prior, images, steps=40, optimise_noise=True, noise_regularisation=0.0)
    assert (error(prior, found, images) < 0.97 * error(prior, plain, images)).all()
    assert found.noise is not None and len(found.noise) == 5
    name, value = next(reversed(found.noise.items()))
    assert name == "b16.conv1.noise_const" and value.shape == (3, 16, 16)
    assert not torch.equal(value[0], value[1])
    assert torch.allclose(value.mean(dim=[1, 2]), torch.zeros(3), atol=1e-5)
    assert torch.allclose(value.var(dim=[1, 2], unbiased=False), torch.ones(3), atol=1e-4)


def test_regularised_maps_stay_white(prior: Prior) -> None:
    def correlation(latent: Latent) -> float:
        assert latent.noise is not None
        value = latent.noise["b16.conv1.noise_const"]
        return (value * value.roll(1, dims=2)).mean(dim=[1, 2]).abs().mean().item()

    images = torch.linspace(-1, 1, 16).expand(2, 3, 16, 16).clone()
    free = optimise(prior, images, optimise_noise=True, noise_regularisation=0.0)
    held = optimise(prior, images, optimise_noise=True)
    assert 3 * correlation(held) < correlation(free)


@pytest.mark.parametrize("space", SPACES)
def test_no_steps_give_the_mean(prior: Prior, space: str) -> None:
    images = samples(prior)
    found = optimise(prior, images, space=space, steps=0, optimise_noise=True)
    assert torch.equal(found.ws, Mean()(prior=prior, images=images, seed=0).ws) and found.noise is None


def test_seed_decides(prior: Prior) -> None:
    images = samples(prior, 1)
    torch.manual_seed(3)
    first = optimise(prior, images)
    torch.manual_seed(4)
    assert torch.equal(first.ws, optimise(prior, images).ws)
    assert not torch.equal(first.ws, optimise(prior, images, seed=1).ws)


def test_prior_is_left_as_it_was(prior: Prior) -> None:
    prior.generator.requires_grad_(True)
    before = {name: value.clone() for name, value in prior.generator.state_dict().items()}
    with torch.no_grad():
        optimise(prior, samples(prior, 1), optimise_noise=True)
    assert all(torch.equal(value, before[name]) for name, value in prior.generator.state_dict().items())
    assert all(parameter.grad is None for parameter in prior.generator.parameters())


def test_first_step_by_hand(prior: Prior) -> None:
    # Adam's first move is the learning rate against the gradient's sign, in every coordinate.
    images = samples(prior, 1)
    settings = {"steps": 1, "lr_rampup": 0.0, "lr_rampdown": 0.0, "initial_noise": 0.0, "mse_weight": 1.0}
    found = optimise(prior, images, space="w+", l1_weight=0.0, lr=0.2, **settings)
    start = Mean()(prior=prior, images=images, seed=0).ws.requires_grad_()
    (prior.generator.synthesis(start) - images).square().mean().backward()
    assert start.grad is not None
    assert torch.allclose(found.ws, start - 0.2 * start.grad.sign(), atol=1e-3)


def test_progress_is_told(prior: Prior) -> None:
    said = []
    inverter = Optimise(steps=4, num_samples=10)
    inverter(prior=prior, images=samples(prior, 1), seed=0, callback=lambda *state: said.append(state))
    assert [(step, count) for step, count, _ in said] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(isinstance(loss, float) and loss > 0 for *_, loss in said)


class Brightness(nn.Module):
    """Stands for LPIPS: one value per image."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.mean(dim=[1, 2, 3]) - b.mean(dim=[1, 2, 3])).square()


def test_perceptual_term_counts(prior: Prior) -> None:
    images = samples(prior, 2)
    lpips: Any = Brightness()
    found = optimise(prior, images, l1_weight=0.0, lpips_weight=1.0, lpips=lpips, steps=40)
    mean = Mean()(prior=prior, images=images, seed=0)
    assert (10 * lpips(render(prior, found), images) < lpips(render(prior, mean), images)).all()


def test_perceptual_term_without_its_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GANINV_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    with pytest.raises(MissingWeights, match="lpips_alexnet_features"):
        Optimise(lpips_weight=1.0)


def test_bfloat16_comes_close_to_float32(prior: Prior) -> None:
    images = samples(prior, 1)
    exact, fast = (optimise(prior, images, steps=3, dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert fast.ws.dtype == torch.float32 and not torch.equal(exact.ws, fast.ws)
    assert torch.allclose(exact.ws, fast.ws, atol=0.05)


def test_large_images_are_compared_at_256_pixels(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    # Reduced to 2 pixels here: a pattern that averages out leaves nothing to optimise.
    monkeypatch.setattr("ganinv.inverter.criterion.LOSS_SIDE", 2)
    start = Mean()(prior=prior, images=torch.zeros(1, 3, 16, 16), seed=0)
    checks = 0.5 * torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)
    plain = render(prior, start)
    assert torch.allclose(optimise(prior, plain + checks, initial_noise=0.0, lr=1e-6).ws, start.ws, atol=1e-4)
    reached = optimise(prior, plain + checks)
    assert torch.allclose(reached.ws, optimise(prior, plain).ws, atol=1e-3)


def test_labels(prior: Prior) -> None:
    torch.manual_seed(0)
    generator = Generator(z_dim=8, w_dim=8, c_dim=3, img_resolution=16, mapping_layers=2, channel_base=64)
    labelled = Prior(generator.requires_grad_(False), None, "sha256:0", {}, "labelled")
    images = torch.zeros(1, 3, 16, 16)
    assert optimise(labelled, images, steps=2).ws.isfinite().all()
    with pytest.raises(InputError, match="use w or w\\+"):
        optimise(labelled, images, space="z")


def test_wrong_input(prior: Prior) -> None:
    with pytest.raises(InputError, match=r"expected \[N, 3, 16, 16\].*got \[1, 3, 32, 32\]"):
        optimise(prior, torch.zeros(1, 3, 32, 32))
    with pytest.raises(InputError, match="lr: the latent is not finite any more with lr=1e\\+30"):
        optimise(prior, samples(prior, 1), lr=1e30, mse_weight=1e30)
    with pytest.raises(InputError, match="set one above 0"):
        Optimise(l1_weight=0.0)
