"""A run in this process on a tiny prior: fixtures and helpers of the tests that need one."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior
from ganinv.run import main

ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "channel_base": 128,
    "channel_max": 8,
    "mapping_layers": 1,
}


# A run of a second: the tiny prior, no search for the latent, two steps, hardly any samples.
TINY = [
    "inverter=mean",
    "tuner.steps=2",
    "metric.reconstruction.lpips=null",
    "metric.drift.samples=2",
]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    generator, discriminator = build_generator(ARCHITECTURE), build_discriminator(ARCHITECTURE)
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    save_prior(path, Prior(generator, discriminator, fingerprint(generator), ARCHITECTURE, name="tiny"))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(("anna", "böb smith", "carl")):
        pixels = torch.randint(256, (16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(i))
        Image.fromarray(pixels.numpy()).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def command(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`ganinv …` in this process, in an empty folder, on the tiny prior."""
    monkeypatch.chdir(tmp_path)
    root, own = logging.getLogger(), logging.getLogger("ganinv")
    before = root.handlers[:], root.level, own.level

    def run(*arguments: str) -> Ended:
        flags = [a for a in arguments if a.startswith("--")]
        overrides = [f"generator.path={tiny}", *TINY, *(a for a in arguments if not a.startswith("--"))]
        monkeypatch.setattr(sys, "argv", ["ganinv", *flags, *overrides])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    yield run
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def run_folder(tmp_path: Path) -> Path:
    """The only run's folder."""
    (folder,) = tmp_path.glob("runs/*/*/config.yaml")
    return folder.parent


def results(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Of each photo in a run's folder: the tuned picture and the fingerprint of the tuned generator."""
    found = {path.parent.name: path.parent for path in folder.glob("*/metrics.json")}
    return {name: ((place / "tuned.png").read_bytes(), mark(place)) for name, place in found.items()}


def mark(place: Path) -> str:
    with safe_open(place / "generator.safetensors", framework="pt") as file:
        return file.metadata()["tuned_fingerprint"]
