"""A tiny encoder in training: helpers of the tests that need one."""

import warnings
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganinv.dataset.pixels import to_uint8
from ganinv.generator.checkpoint import Prior
from ganinv.inverter.networks.encoder import Architecture, Encoder
from ganinv.training.encoder import EncoderSchedule, EncoderTraining
from ganinv.training.encoder_loss import EncoderObjective

E4E: dict[str, Any] = {"in_channels": 3, "deltas": True}
ALL: dict[str, Any] = {"latent": 0.1, "w_norm": 0.01, "delta_norm": 0.01, "adversarial": 0.1}


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
