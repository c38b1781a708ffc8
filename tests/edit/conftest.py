"""A tiny prior of random weights, samples and latents on it."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganinv.dataset.images import Photo, digest
from ganinv.dataset.pixels import to_float
from ganinv.edit.direction import Direction
from ganinv.edit.samples import Samples, draw
from ganinv.generator.checkpoint import Prior, build_generator, fingerprint
from ganinv.inverter.latent import Latent
from ganinv.report.artefacts import save_photo
from ganinv.tuner.tuned import Tuned

MOVED = "synthesis.b8.conv1.weight"

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
def samples(prior: Prior) -> Samples:
    return draw(prior.generator, count=6, seed=0, psi=0.7)


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


@pytest.fixture
def run(prior: Prior, latent: Latent, tmp_path: Path) -> Path:
    """A run's folder with the photos "a" and "b", tuned by hand."""
    for name in ("a", "b"):
        generator = copy.deepcopy(prior.generator)
        weight = generator.get_parameter(MOVED)
        weight.add_(torch.randn_like(weight) / 3)
        tuned = Tuned(generator, {MOVED: weight.clone()}, [{"step": 0.0, "total": 1.0}], 1, 1.0, "budget")
        pixels = torch.randint(256, [3, 16, 16], dtype=torch.uint8)
        photo = Photo(name, to_float(pixels), f"{name}.png", digest(pixels))
        images = {"initial": prior.generator.synthesis(latent.ws)[0], "tuned_image": generator.synthesis(latent.ws)[0]}
        more = {"tuned": tuned, "prior": prior, "metrics": {"psnr": 40.0}, "settings_hash": "0"}
        save_photo(tmp_path / "run" / name, photo=photo, latent=replace(latent, space="w"), **images, **more)
    return tmp_path / "run"
