"""The choices in conf/dataset build what they say."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ganinv.dataset.images import Images

CONF = Path(__file__).parents[2] / "conf" / "dataset"


@pytest.mark.parametrize("choice", ["demo", "ffhq", "celeba_hq"])
def test_embedded_photo_without_a_path(choice):
    images = instantiate(OmegaConf.load(CONF / f"{choice}.yaml"), resolution=16)
    assert isinstance(images, Images) and images.is_demo and len(images) == 1


def test_folder_needs_a_path():
    assert OmegaConf.missing_keys(OmegaConf.load(CONF / "folder.yaml")) == {"path"}


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.stem)
def test_first_lines_say_what_it_is_and_how_to_use_it(file):
    what, command = file.read_text().splitlines()[:2]
    assert what.startswith("# ") and what.endswith(".")
    assert command.startswith(f"#   python -m ganinv.run dataset={file.stem}")
