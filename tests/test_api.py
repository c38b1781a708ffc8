"""A photo from Python in any form: file, PIL image, array, tensor, or the one that dataset.path names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganinv
from ganinv.api import take
from ganinv.dataset.pixels import to_uint8
from ganinv.edit.direction import Direction
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


@pytest.fixture
def tiny(array: np.ndarray, tmp_path: Path) -> list[str]:
    """Settings of a run of a second at 16 pixels, on me.png."""
    architecture = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 8}
    architecture["mapping_layers"] = 1
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    prior = Prior(generator, discriminator, fingerprint(generator), architecture, name="tiny")
    save_prior(tmp_path / "tiny.safetensors", prior)
    Image.fromarray(array).save(tmp_path / "me.png")
    paths = [f"generator.path={tmp_path / 'tiny.safetensors'}", f"dataset.path={tmp_path / 'me.png'}"]
    return ["inverter=mean", "tuner.steps=1", *paths]


def test_dataset_path_names_the_photo_and_the_figures_are_those_of_a_run(tiny: list[str], tmp_path: Path) -> None:
    found = ganinv.invert(overrides=[*tiny, "metric=[reconstruction]", "metric.reconstruction.lpips=null"])
    expected = take(tmp_path / "me.png", resolution=16, name="")
    assert found.name == "me" and torch.equal(found.target, expected.image)
    assert found.metrics["steps"] == 1 and found.metrics["stopped"] == "budget" and found.metrics["seconds"] > 0


def test_a_prior_below_the_least_side_of_lpips_has_no_lpips_anywhere(
    tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(torch.nn.Module):
        def __init__(self, **_: object) -> None:
            super().__init__()

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            raise ValueError("LPIPS: alex needs images of at least 31 pixels, got 16")

    monkeypatch.setattr("ganinv.metric.reconstruction.LPIPS", Refusing)
    found = ganinv.invert(overrides=[*tiny, "metric=[reconstruction,drift]", "metric.drift.samples=2"]).metrics
    empty = ("initial_lpips", "lpips", "lpips_network", "drift_lpips", "drift_lpips_near_0.25")
    assert [found[name] for name in empty] == [None] * 5 and found["drift_mse"] is not None


def test_edits_are_not_for_overrides(tiny: list[str]) -> None:
    for given in (["edit=[smile]"], ["edit=[own]", "edit.directions.own.direction=x"], ["+edit.strength=2"]):
        with pytest.raises(
            InputError, match=r"^edit: overrides of ganinv.invert take none; .* call edit\({'smile': 4}"
        ):
            ganinv.invert(overrides=[*tiny, *given])


def test_what_is_inverted_takes_edits(tiny: list[str]) -> None:
    found = ganinv.invert(overrides=[*tiny, "metric=[reconstruction]", "metric.reconstruction.lpips=null"])
    parts = {"name": "x", "space": "w", "values": {"w": torch.ones(8)}, "unit": "one", "prior": "tiny"}
    direction = Direction(fingerprint=found.fingerprint, strength=2, **parts)
    expected = found.render(found.latent.ws + 2)
    torch.testing.assert_close(found.edit({direction: None}), expected)
    pictures = found.edit({direction: [0, 2]})
    torch.testing.assert_close(pictures, torch.cat([found.render(), expected]))
    with pytest.raises(InputError, match="^smile: found on the generator ffhq64b .* which is not tiny"):
        found.edit({"smile": 4})
    with pytest.raises(InputError, match="^edit: takes strengths by direction, as {'smile': 4}, got None"):
        found.edit(None)  # pyright: ignore
    for strength in ("10", [], [True], torch.tensor(2.0), [None]):
        with pytest.raises(InputError, match="a strength is a number, or several, one for each picture; got"):
            found.edit({direction: strength})  # pyright: ignore
    torch.testing.assert_close(found.edit({direction: np.float32(2)}), expected)  # pyright: ignore
