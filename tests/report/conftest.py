"""A tiny prior, a photo that fits it, and what a run would leave of the two."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganinv.dataset.images import Photo, digest
from ganinv.dataset.pixels import to_float
from ganinv.generator.checkpoint import Prior, build_generator, fingerprint
from ganinv.inverter.latent import Latent
from ganinv.report.artefacts import save_photo
from ganinv.tuner.tuned import Tuned

ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "channel_base": 64,
    "channel_max": 8,
    "mapping_layers": 2,
}
MOVED = "synthesis.b8.conv1.weight"


def make_prior(seed: int = 0, *, name: str = "tiny") -> Prior:
    torch.manual_seed(seed)
    generator = build_generator(ARCHITECTURE).requires_grad_(False).eval()
    mark = fingerprint(generator)
    return Prior(generator, None, mark, ARCHITECTURE, name=name, licence="public domain")


def tune(prior: Prior) -> Tuned:
    """One weight moved by an amount that no rounding to fewer bits survives."""
    generator = copy.deepcopy(prior.generator)
    weight = generator.get_parameter(MOVED)
    weight.add_(torch.randn_like(weight) / 3)
    curve = [{"step": 0.0, "total": 2.0, "mse": 0.04, "reconstruction": 0.1}]
    curve += [{"step": 10.0, "total": 1 / 3, "mse": 0.0004, "reconstruction": 0.01}]
    return Tuned(generator, {MOVED: weight.clone()}, curve, 10, 1.5, "budget")


@dataclass(frozen=True)
class Case:
    """Arguments of `save_photo` beside the folder."""

    photo: Photo
    latent: Latent
    initial: torch.Tensor
    tuned_image: torch.Tensor
    tuned: Tuned
    prior: Prior
    metrics: dict[str, Any]
    settings_hash: str = "0123456789"
    inputs: dict[str, str] | None = None
    metric_hash: str | None = None

    def save(self, folder: Path, **changes: Any) -> "Case":
        case = replace(self, **changes)
        save_photo(folder, **vars(case))
        return case

    def named(self, name: str, **metrics: Any) -> dict[str, Any]:
        """Changes that make another photo of this one."""
        return {"photo": replace(self.photo, name=name, source=f"photos/{name}.png"), "metrics": metrics}


@pytest.fixture
def other_prior() -> Prior:
    return make_prior(1, name="other")


@pytest.fixture
def case() -> Case:
    prior = make_prior()
    tuned = tune(prior)
    pixels = torch.randint(256, [3, 16, 16], dtype=torch.uint8)
    photo = Photo("face one", to_float(pixels), "photos/face one.png", digest(pixels))
    ws = prior.generator.mapping(torch.randn(1, 8))
    initial, image = prior.generator.synthesis(ws)[0], tuned.generator.synthesis(ws)[0]
    metrics = {"initial_mse": 0.04, "mse": 0.0004, "psnr": 40.0, "lpips": None, "exact_pixels": 0.5}
    return Case(photo, Latent(ws=ws, space="w"), initial, image, tuned, prior, metrics)


@pytest.fixture
def saved(case: Case, tmp_path: Path) -> Callable[..., Path]:
    """`saved("name", mse=…)`: the folder of a finished photo of that name in one run's folder."""

    def save(name: str, **metrics: Any) -> Path:
        folder = tmp_path / "run" / name
        case.save(folder, **case.named(name, **{**case.metrics, **metrics}))
        return folder

    return save
