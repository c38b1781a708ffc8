"""A tiny prior and its file in rosinality's form."""

import pytest

from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint

ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "c_dim": 0,
    "img_resolution": 16,
    "img_channels": 3,
    "mapping_layers": 3,
    "channel_base": 96,
    "channel_max": 12,
    "mbstd_group_size": 4,
}


def build(**changes) -> Prior:
    architecture = ARCHITECTURE | changes
    generator = build_generator(architecture)
    generator.mapping.w_avg.normal_()
    return Prior(
        generator=generator.requires_grad_(False).eval(),
        discriminator=build_discriminator(architecture).requires_grad_(False).eval(),
        fingerprint=fingerprint(generator),
        architecture=architecture,
        name="tiny",
    )


@pytest.fixture
def prior() -> Prior:
    return build()
