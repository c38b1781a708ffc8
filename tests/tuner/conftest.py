"""A tiny prior of random weights."""

from typing import Any

import pytest

from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint

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
