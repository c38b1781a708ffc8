"""A photo from Python in any form: file, PIL image, array, tensor, or the one that dataset.path names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganinv
from ganinv.api import take
from ganinv.dataset.pixels import to_uint8
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior

ORIENTATION = 0x0112


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def pixels(photo) -> np.ndarray:
    """uint8 [32, 32, 3] of what the run takes."""
    return to_uint8(take(photo, resolution=32, name="me").image).permute(1, 2, 0).numpy()


def test_an_open_picture_is_turned_as_its_file_says(array: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(array).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    with Image.open(tmp_path / "turned.jpg") as image:
        found = pixels(image)
        upright = np.rot90(np.asarray(image), -1)
    np.testing.assert_array_equal(found, upright)
    np.testing.assert_array_equal(found, pixels(tmp_path / "turned.jpg"))


def test_flipped_and_foreign_ordered_arrays(array: np.ndarray) -> None:
    np.testing.assert_array_equal(pixels(array[:, ::-1]), array[:, ::-1])
    np.testing.assert_array_equal(pixels(array[..., ::-1].transpose(2, 0, 1)), array[..., ::-1])
    np.testing.assert_array_equal(pixels((array / 127.5 - 1).astype(">f4")), array)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "RGBX"])
def test_the_modes_of_an_open_picture(mode: str) -> None:
    assert (pixels(Image.new("RGB", (32, 32), "white").convert(mode)) >= 250).all()


@pytest.mark.parametrize("mode", ["F", "LAB", "La"])
def test_modes_without_a_way_to_rgb_are_refused(mode: str) -> None:
    with pytest.raises(InputError, match=f"^photo: has pixels of the kind '{mode}'; save it as"):
        pixels(Image.new(mode, (32, 32)))


@pytest.mark.parametrize("photo", [np.zeros((32, 32, 3), complex), np.full((32, 32, 3), None), np.zeros((0, 32, 3))])
def test_arrays_that_are_no_picture_are_refused(photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="^photo: must (be uint8 or float|have the shape)"):
        pixels(photo)


def test_a_picture_cut_short_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(array).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    with Image.open(path) as image, pytest.raises(InputError, match="^photo: is damaged or cut short"):
        pixels(image)


def test_dataset_path_names_the_photo_and_the_figures_are_those_of_a_run(array: np.ndarray, tmp_path: Path) -> None:
    architecture = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 8}
    architecture["mapping_layers"] = 1
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    tiny = Prior(generator, discriminator, fingerprint(generator), architecture, name="tiny")
    save_prior(tmp_path / "tiny.safetensors", tiny)
    Image.fromarray(array).save(tmp_path / "me.png")
    overrides = ["inverter=mean", "tuner.steps=1", "metric=[reconstruction]", "metric.reconstruction.lpips=null"]
    overrides += [f"generator.path={tmp_path / 'tiny.safetensors'}", f"dataset.path={tmp_path / 'me.png'}"]
    found = ganinv.invert(overrides=overrides)
    expected = take(tmp_path / "me.png", resolution=16, name="")
    assert found.name == "me" and torch.equal(found.target, expected.image)
    assert found.metrics["steps"] == 1 and found.metrics["stopped"] == "budget" and found.metrics["seconds"] > 0
