"""The embedded directions: each belongs to the embedded prior, says how it was made, and changes pictures."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from ganinv.edit.apply import Step, edited, render
from ganinv.edit.direction import Direction
from ganinv.edit.known import PACKAGED, find
from ganinv.edit.samples import draw
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.inverter.latent import Latent

CONF = Path(__file__).parents[2] / "conf" / "edit"
FILES = sorted(PACKAGED.glob("*/*.safetensors"))


@pytest.fixture(scope="module")
def embedded() -> Prior:
    return load_prior("package:ffhq64b.safetensors")


def test_those_that_the_pages_name_are_there() -> None:
    held = {"held_angry", "held_glasses", "held_smile"}
    assert {"angry", "beard", "glasses", "smile", "yaw"} | held == {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_belongs_to_the_embedded_prior(file: Path, embedded: Prior) -> None:
    direction = Direction.load(file)
    direction.fits(embedded)
    assert file.parent.name == embedded.name == direction.prior and direction.licence == embedded.licence
    assert direction.made["finder"] in ("gradient", "interfacegan", "stylespace") and direction.made["samples"] >= 6000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_edit_names_it(file: Path, embedded: Prior) -> None:
    choice = OmegaConf.load(CONF / f"{file.stem}.yaml").directions[file.stem]
    assert find(choice.direction, embedded).name == file.stem


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_at_its_strength_it_moves_the_picture_and_not_wholly(file: Path, embedded: Prior) -> None:
    direction, generator = Direction.load(file), embedded.generator
    w = draw(generator, count=2, seed=5, psi=0.7).truncated(generator.mapping.w_avg)
    latent = Latent(ws=w[:, None].expand(-1, generator.num_ws, -1).contiguous(), space="w")
    with torch.no_grad():
        before = render(generator, edited(generator, latent, []))
        after = render(generator, edited(generator, latent, [Step(direction, [direction.strength])]))
    moved = (after - before).square().mean(dim=[1, 2, 3])  # of images on [-1, 1]
    other = (before - before.flip(0)).square().mean(dim=[1, 2, 3])
    assert bool((moved > 0.005).all()) and bool((moved < 2 * other).all())
