"""Where a training begins: the weights of a prior, raw or averaged."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior, save_prior
from ganinv.training.start import networks_of, raw_tensors
from ganinv.training.train import TrainPrior

Make = Callable[..., TrainPrior]
Train = Callable[..., Path]


def test_it_goes_on_from_the_raw_weights_of_a_prior(make: Make, train: Train) -> None:
    latest = train(make()) / "latest.safetensors"
    stored = load_file(latest)
    networks = networks_of(str(latest))
    assert torch.equal(networks.generator.synthesis.get_parameter("b4.const"), stored["G.synthesis.b4.const"])
    assert torch.equal(networks.average.synthesis.get_parameter("b4.const"), stored["G_ema.synthesis.b4.const"])
    assert not torch.equal(stored["G.synthesis.b4.const"], stored["G_ema.synthesis.b4.const"])
    again = make(start=str(latest), resolution=None, stored="float32")
    assert again.given["ema_rampup"] is None
    training = load_prior(train(again, "again") / "prior.safetensors").training
    assert training["before"]["kimg"] == 0.032


def test_a_prior_without_raw_weights_starts_from_its_average(make: Make, train: Train) -> None:
    prior = train(make()) / "prior.safetensors"
    assert raw_tensors(str(prior)) is None and raw_tensors(str(prior.parent)) is None
    networks = networks_of(str(prior))
    assert torch.equal(
        networks.generator.synthesis.get_parameter("b4.const"), networks.average.synthesis.get_parameter("b4.const")
    )
    assert networks.generator is not networks.average


def test_the_shared_prior_starts_from_its_raw_weights(shared: Callable[[str], Path]) -> None:
    path = str(shared("priors/ffhq64.safetensors"))
    networks, raw = networks_of(path), raw_tensors(path)
    assert raw is not None and networks.before == {
        "images": 101600,
        "data": "FFHQ 00200-04999 at 64 px, horizontal flips",
    }
    assert torch.equal(
        networks.generator.synthesis.get_parameter("b64.conv1.weight"), raw["G_ema.synthesis.b64.conv1.weight"]
    )
    assert not torch.equal(
        networks.generator.synthesis.get_parameter("b64.conv1.weight"),
        networks.average.synthesis.get_parameter("b64.conv1.weight"),
    )


def test_a_start_without_discriminator_or_of_another_size_is_refused(make: Make, train: Train) -> None:
    latest = train(make()) / "latest.safetensors"
    prior = load_prior(latest)
    with pytest.raises(InputError, match="has 16 pixels, got 32"):
        train(make(start=str(latest), resolution=32), "other")
    object.__setattr__(prior, "discriminator", None)
    save_prior(latest, prior)
    with pytest.raises(InputError, match="has no discriminator"):
        networks_of(str(latest))
