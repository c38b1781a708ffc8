"""An encoder's training: it overfits, its terms by hand, and a cut training goes on to the same weights."""

import warnings
from dataclasses import replace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganinv.dataset.pixels import to_uint8
from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.encoder import encode
from ganinv.inverter.networks.encoder import Architecture, Encoder
from ganinv.training.encoder import EncoderSchedule, EncoderTraining
from ganinv.training.encoder_loss import EncoderObjective


@pytest.fixture(scope="module")
def prior() -> Prior:
    """A random generator of 16 pixels with 6 layers."""
    torch.manual_seed(1)
    generator = Generator(z_dim=8, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8)
    generator.mapping.w_avg.copy_(generator.mapping(torch.randn(500, 8))[:, 0].detach().mean(dim=0))
    return Prior(generator.requires_grad_(False).eval(), None, fingerprint(generator), {}, "tiny")


def encoder(**changes: Any) -> Encoder:
    tiny = Architecture(
        num_ws=6,
        w_dim=8,
        trunk="resnet",
        units=(1, 1, 1, 1),
        width=4,
        head="last",
        deltas=False,
        style_width=8,
        in_channels=6,
        in_size=16,
        in_rows=16,
    )
    torch.manual_seed(0)
    return Encoder(architecture=replace(tiny, **changes))


def objective(**settings: Any) -> EncoderObjective:
    given: dict[str, Any] = {"lpips_weight": 0.0} | settings
    return EncoderObjective(**given)


def samples(prior: Prior, count: int = 2) -> Tensor:
    """uint8 [count, 3, 16, 16]"""
    return to_uint8(prior.generator(torch.randn(count, 8, generator=torch.Generator().manual_seed(2))))


def train(module: EncoderTraining, batch: Tensor, *, steps: int) -> EncoderTraining:
    settings: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, enable_model_summary=False, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, DataLoader([batch] * steps, batch_size=None))  # pyright: ignore[reportArgumentType]
    return module


def training(prior: Prior, network: Encoder, terms: EncoderObjective, **settings: Any) -> EncoderTraining:
    given: dict[str, Any] = {"steps": 60, "refinements": 2, "sampled": 0.0, "lr": 0.01, "decay": 0.5} | settings
    schedule = EncoderSchedule(**given)
    return EncoderTraining(encoder=network, prior=prior, objective=terms, schedule=schedule, seed=0)


def error(prior: Prior, network: Encoder, images: Tensor, *, steps: int) -> Tensor:
    start = prior.generator.mapping.w_avg.expand(1, 6, -1)
    ws = encode(network, prior.generator, images, start=start, steps=steps)
    return (prior.generator.synthesis(ws, noise_mode="const") - images).square().mean()


@pytest.mark.parametrize(("channels", "deltas"), [(6, False), (6, True), (3, True)])
def test_overfits_two_images(prior: Prior, channels: int, deltas: bool) -> None:
    batch = samples(prior)
    images = batch.float() / 127.5 - 1
    module = training(prior, encoder(in_channels=channels, deltas=deltas), objective())
    train(module, batch, steps=60)
    start = prior.generator.synthesis(prior.generator.mapping.w_avg.expand(2, 6, -1), noise_mode="const")
    at_mean = (start - images).square().mean()
    with torch.no_grad():
        # In training mode: what it has learnt, without the running statistics, which sixty steps leave rough.
        assert 5 * error(prior, module.encoder.train(), images, steps=2) < at_mean
