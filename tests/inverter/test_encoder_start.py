"""The projector that starts where an encoder, or any other inverter, has led."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganinv.config import read
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.inverter.latent import Latent
from ganinv.inverter.mean import Mean
from ganinv.inverter.optimise import Optimise

IMAGES = torch.zeros(2, 3, 16, 16)
WS = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(5))


class Given:
    """An encoder that always says the same, of one generator."""

    def fits(self, prior: Prior) -> None:
        if prior.name == "other":
            raise InputError("of another generator")

    def __call__(self, *, prior: Prior, images: Tensor, seed: int, names: list[str] | None = None) -> Latent:
        assert (seed, names) == (3, ["a", "b"])
        return Latent(ws=WS, space="w+")


def run(prior: Prior, **changes: Any) -> Latent:
    still: dict[str, Any] = {"steps": 1, "num_samples": 10, "lr": 1e-9, "initial_noise": 0.0}
    return Optimise(**still | changes)(prior=prior, images=IMAGES, seed=3, names=["a", "b"])


def test_each_photo_starts_where_the_encoder_has_led(prior: Prior) -> None:
    before = WS.clone()
    found = run(prior, space="w+", start=Given())
    assert found.space == "w+" and torch.allclose(found.ws, WS, atol=1e-6)
    run(prior, space="w+", start=Given(), lr=0.1)
    assert torch.equal(WS, before)


def test_in_w_it_starts_at_the_layers_mean(prior: Prior) -> None:
    found = run(prior, space="w", start=Given())
    assert found.space == "w" and torch.allclose(found.ws, WS.mean(dim=1, keepdim=True).expand(2, 6, 8), atol=1e-6)


def test_without_steps_the_start_is_the_latent(prior: Prior) -> None:
    assert torch.equal(run(prior, space="w+", start=Given(), steps=0).ws, WS)


def test_a_good_start_is_worth_many_steps(prior: Prior) -> None:
    known = prior.generator.mapping(torch.randn(2, 8, generator=torch.Generator().manual_seed(2)))
    images = prior.generator.synthesis(known, noise_mode="const")

    class Near:
        def __call__(self, **_: Any) -> Latent:
            return Latent(ws=known + 0.02 * WS, space="w+")

    def error(start: Any) -> float:
        inverter = Optimise(space="w+", steps=5, num_samples=100, initial_noise=0.0, start=start)
        ws = inverter(prior=prior, images=images, seed=0).ws
        return (prior.generator.synthesis(ws, noise_mode="const") - images).square().mean().item()

    assert 3 * error(Near()) < error(Mean())


def test_z_has_no_such_start() -> None:
    with pytest.raises(InputError, match="start: an inverter gives w, from which no z is known; set space to w or w"):
        Optimise(space="z", start=Given())


def test_settings_that_choose_it(tmp_path: Path) -> None:
    cfg = read(["inverter=w_plus", "inverter/start=encoder", f"inverter.start.path={tmp_path}"])
    assert cfg.inverter.space == "w+" and cfg.inverter.start["_target_"] == "ganinv.inverter.encoder.Encode"
    assert "start" not in read(["inverter=w_plus"]).inverter


def test_a_start_of_another_generator_is_told(prior: Prior) -> None:
    Optimise(space="w", start=Given()).fits(prior)
    Optimise(space="w").fits(replace(prior, name="other"))
    with pytest.raises(InputError, match="of another generator"):
        Optimise(space="w", start=Given()).fits(replace(prior, name="other"))
