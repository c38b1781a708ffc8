"""A tiny prior of random weights, and latents on it."""

import pytest
import torch

from ganinv.edit.direction import Direction
from ganinv.generator.checkpoint import Prior, build_generator, fingerprint
from ganinv.inverter.latent import Latent

ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "channel_base": 64,
    "channel_max": 8,
    "mapping_layers": 2,
}


def make_prior(seed: int = 0, **changes) -> Prior:
    torch.manual_seed(seed)
    architecture = ARCHITECTURE | changes
    generator = build_generator(architecture).requires_grad_(False).eval()
    return Prior(generator, None, fingerprint(generator), architecture, name=f"tiny{seed}", licence="public domain")


@pytest.fixture
def prior() -> Prior:
    return make_prior()


@pytest.fixture
def other() -> Prior:
    return make_prior(1)


@pytest.fixture
def latent(prior: Prior) -> Latent:
    z = torch.randn(1, 8)
    return Latent(ws=prior.generator.mapping(z), space="z", z=z)


@pytest.fixture
def direction(prior: Prior) -> Direction:
    """In W, of length 2, with an origin."""
    value = torch.randn(8)
    return Direction(
        name="smile",
        space="w",
        values={"w": 2 * value / value.norm()},
        unit="one standard deviation",
        fingerprint=prior.fingerprint,
        prior=prior.name,
        origin=0.25,
        licence="free",
        made={"finder": "hand", "samples": 3},
    )
