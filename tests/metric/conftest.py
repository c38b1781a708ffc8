"""A tiny prior, one tuned from it by hand, real images, and a feature network that counts."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganinv.files import write_png
from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.stylegan2 import Generator, NoiseMode

NOISE_MODES: list[NoiseMode] = ["const", "random", "none"]
SAMPLES, BATCH = 15, 4  # the last batch is not full


class Pooled:
    """Twelve features: the mean colour of each quarter; counts the images that it has seen."""

    title, num_features = "Fréchet distance (pooled)", 12

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, pixels: Tensor, /) -> Tensor:
        self.seen += len(pixels)
        return F.adaptive_avg_pool2d(pixels.float(), 2).flatten(1)

    def to(self, device: torch.device, /) -> object:
        return self


class Graded(Pooled):
    """The same of floats."""

    def graded(self, pixels: Tensor, /) -> Tensor:
        return self(pixels)


class Other(Graded):
    """Another network."""


def tiny(c_dim: int = 0) -> Generator:
    generator = Generator(
        z_dim=8, w_dim=8, c_dim=c_dim, img_resolution=16, channel_base=64, channel_max=8, mapping_layers=2
    )
    for block in generator.synthesis.blocks().values():
        for name in set(block.layers()) - {"torgb"}:
            block.get_submodule(name).noise_strength.data.fill_(0.3)  # pyright: ignore
    return generator.requires_grad_(False).eval()


@pytest.fixture
def prior() -> Prior:
    generator = tiny()
    return Prior(
        generator=generator, discriminator=None, fingerprint=fingerprint(generator), architecture={}, name="tiny"
    )


@pytest.fixture
def tuned(prior: Prior) -> Generator:
    """One weight moved: a colour of the last layer."""
    generator = copy.deepcopy(prior.generator)
    assert isinstance(generator, Generator)
    generator.synthesis.get_submodule("b16.torgb").bias[1] += 0.2  # pyright: ignore
    return generator


@pytest.fixture
def ws(prior: Prior) -> Tensor:
    return prior.generator.mapping(torch.randn(1, 8))


@pytest.fixture
def real(tmp_path: Path) -> str:
    """A folder of 20 images."""
    for i in range(20):
        write_png(tmp_path / "real" / f"{i:02}.png", torch.randint(256, (3, 16, 16), dtype=torch.uint8))
    return str(tmp_path / "real")
