"""A tiny prior of random weights, a photo and the latent that its tuning starts from."""

from typing import Any

import pytest
import torch

from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint
from ganinv.inverter.latent import Latent

ARCHITECTURE: dict[str, Any] = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "mapping_layers": 2,
    "channel_base": 128,
    "channel_max": 8,
    "mbstd_group_size": 2,
}


@pytest.fixture
def prior() -> Prior:
    generator = build_generator(ARCHITECTURE).requires_grad_(False)
    discriminator = build_discriminator(ARCHITECTURE).requires_grad_(False)
    return Prior(generator, discriminator, fingerprint(generator), ARCHITECTURE, "tiny")


@pytest.fixture
def latent(prior: Prior) -> Latent:
    return Latent(ws=prior.generator.mapping(torch.randn(1, 8)), space="w")


@pytest.fixture
def photo(prior: Prior) -> torch.Tensor:
    """An image of another latent: the initial one is far from it, and some weights reach it."""
    return prior.generator.synthesis(prior.generator.mapping(torch.randn(1, 8)))[0].clamp(-1, 1)
