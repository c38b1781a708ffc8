"""A folder of small pictures, a small training of a prior, and a tiny prior for encoders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganinv.dataset.frame import SQUARE
from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.stylegan2 import Generator
from ganinv.report.dashboard import NoDashboard
from ganinv.training.architecture import Network
from ganinv.training.augment import Adaptive
from ganinv.training.train import TrainPrior


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """12 pictures of 16 pixels, of one red each (20 · number) and random otherwise."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8)
        pixels[:, :, 0] = 20 * number
        Image.fromarray(pixels.numpy()).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture
def make() -> Callable[..., TrainPrior]:
    """A training of 8 steps in batches of 4 on a tiny network, reported and kept every 4, changed as asked."""

    def make(**changes: Any) -> TrainPrior:
        widths: dict[str, Any] = {"channel_base": 64, "channel_max": 8, "z_dim": 8, "mapping_layers": 2}
        tiny = Network(**({} if "start" in changes else widths))
        few = {"kimg": 0.032, "batch": 4, "tick_kimg": 0.016, "save_kimg": 0.016, "num_workers": 0, "progress": False}
        return TrainPrior(**{"network": tiny, "augment": Adaptive(mode="off"), "resolution": 16, **few, **changes})

    return make


@pytest.fixture
def train(pictures: Path) -> Callable[..., Path]:
    """Runs a training on the pictures in a folder beside them; -> that folder."""

    def train(training: TrainPrior, name: str = "run", *, path: Path = pictures, board: Any = None) -> Path:
        folder = pictures.parent / name
        training(
            path=str(path),
            limit=None,
            frame=SQUARE,
            folder=folder,
            device=torch.device("cpu"),
            seed=0,
            board=board or NoDashboard(),
        )
        return folder

    return train


@pytest.fixture(scope="module")
def prior() -> Prior:
    """A random generator of 16 pixels with 6 layers."""
    torch.manual_seed(1)
    generator = Generator(z_dim=8, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8)
    generator.mapping.w_avg.copy_(generator.mapping(torch.randn(500, 8))[:, 0].detach().mean(dim=0))
    return Prior(generator.requires_grad_(False).eval(), None, fingerprint(generator), {}, "tiny")
