"""The same in Python, where nothing is written."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganinv
from ganinv.errors import InputError

from .running import TINY, Command


def test_python_takes_a_car_in_the_place_of_dataset_path(tiny: Path) -> None:
    pixels = torch.randint(1, 256, (30, 44, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).numpy()
    found = ganinv.invert(pixels, overrides=["dataset=stanford_cars", f"generator.path={tiny}", *TINY])
    assert (found.target[:, :2] == -1).all() and (found.target[:, 2:14] > -1).all()


def test_python_gives_what_the_command_gives(command: Command, photos: Path, tiny: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", "folder=run")
    saved = ganinv.load(tmp_path / "run" / "anna")
    pixels = Image.open(photos / "anna.png")
    for photo in (photos / "anna.png", pixels, np.array(pixels)):
        found = ganinv.invert(photo, overrides=[f"generator.path={tiny}", *TINY])
        assert torch.equal(found.image, saved.image) and torch.equal(found.target, saved.target)
        ours, theirs = found.generator.state_dict(), saved.generator.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert json.dumps(found.metrics["mse"]) == json.dumps(saved.metrics["mse"])


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        ("no/such.png", "'no/such.png' does not exist"),
        (".", "is a folder or a zip; name one photo"),
        (torch.zeros(16, 16), r"must have the shape \[H, W, 3\] or \[3, H, W\], got \[16, 16\]"),
        (torch.full((3, 16, 16), 2.0), r"floats must lie in \[-1, 1\], got 2 to 2"),
        (torch.zeros(3, 16, 16, dtype=torch.int64), "must be uint8 or float, got torch.int64"),
        (torch.zeros(3, 16, 1), "each side must have at least 16"),
    ],
)
def test_python_refuses_what_is_no_photo(photo: object, told: str, tiny: Path) -> None:
    with pytest.raises(InputError, match=told):
        ganinv.invert(photo, overrides=[f"generator.path={tiny}", *TINY])  # pyright: ignore


def test_python_tells_a_wrong_setting(tiny: Path) -> None:
    with pytest.raises(InputError, match="^tuner.stepss: no such setting; did you mean tuner.steps"):
        ganinv.invert(overrides=["tuner.stepss=1"])
