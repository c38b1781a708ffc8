"""The choices in conf/dataset build what they say."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from ganinv.dataset.frame import Region
from ganinv.dataset.images import Images
from ganinv.run import greet
from ganinv.weights import has_name

CONF = Path(__file__).parents[2] / "conf" / "dataset"


@pytest.mark.parametrize("choice", ["demo", "ffhq", "celeba_hq"])
def test_embedded_photo_without_a_path(choice):
    images = instantiate(OmegaConf.load(CONF / f"{choice}.yaml"), resolution=16)
    assert isinstance(images, Images) and images.is_demo and len(images) == 1


@pytest.mark.parametrize("choice", ["folder", "afhq_wild", "lsun_horse", "stanford_cars"])
def test_without_an_embedded_photo_a_path_is_needed(choice):
    assert OmegaConf.missing_keys(OmegaConf.load(CONF / f"{choice}.yaml")) == {"path"}


@pytest.mark.parametrize(
    ("choice", "resolution", "valid"),
    [
        ("ffhq", 1024, None),
        ("celeba_hq", 256, None),
        ("afhq_wild", 512, None),
        ("lsun_horse", 256, None),
        ("stanford_cars", 512, Region(top=64, bottom=448, left=0, right=512)),
        ("stanford_cars", 256, Region(top=32, bottom=224, left=0, right=256)),
    ],
)
def test_the_part_that_is_scored(choice, resolution, valid, tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    images = instantiate(OmegaConf.load(CONF / f"{choice}.yaml"), path=str(tmp_path), resolution=resolution)
    (photo,) = images
    assert photo.score_size == (256 if choice in ("celeba_hq", "afhq_wild", "stanford_cars") else None)
    assert photo.valid == valid and photo.image.shape == (3, resolution, resolution)


@pytest.mark.parametrize("choice", ["ffhq", "celeba_hq", "afhq_wild", "lsun_horse", "stanford_cars"])
def test_networks_that_suit_have_names_and_can_be_chosen(choice):
    networks = OmegaConf.load(CONF / f"{choice}.yaml").networks
    choices = {OmegaConf.load(file).path for file in (CONF.parent / "generator").glob("*.yaml") if file.stem != "file"}
    assert networks and all(has_name(name) for name in networks) and set(networks) <= choices


def test_a_network_of_something_else_is_told_for_faces_too(caplog):
    photos = instantiate(OmegaConf.load(CONF / "ffhq.yaml"), resolution=16)
    with caplog.at_level("WARNING"):
        greet(photos, Path("runs"), network="package:ffhq64.safetensors")
        assert not caplog.messages
        greet(photos, Path("runs"), network="lsun_car")
    assert caplog.messages[0].startswith("lsun_car was not trained on such photos; these were: package:ffhq64")


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.stem)
def test_first_lines_say_what_it_is_and_how_to_use_it(file):
    what, command = file.read_text().splitlines()[:2]
    assert what.startswith("# ") and what.endswith(".")
    assert command.startswith(f"#   python -m ganinv.run dataset={file.stem}")
