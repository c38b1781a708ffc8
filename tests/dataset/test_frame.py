"""A photo in the generator's square: what is cut, what is stretched, where the bars lie."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv.dataset.decode import decode
from ganinv.dataset.frame import SQUARE, Frame, Region
from ganinv.dataset.images import Images, Photo, digest
from ganinv.dataset.pixels import to_uint8
from ganinv.dataset.real import RealImages

CAR = Frame(fit="stretch", aspect=4 / 3)


def noise(width, height):
    values = np.random.default_rng(0).integers(1, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def decoded(image, frame, resolution):
    file = io.BytesIO()
    image.save(file, "PNG")
    pixels, notes = decode(file.getvalue(), resolution=resolution, frame=frame)
    return pixels.permute(1, 2, 0).numpy(), notes


def only(images):
    (photo,) = images
    assert isinstance(photo, Photo)
    return photo


@pytest.mark.parametrize(
    ("resolution", "aspect", "region"),
    [
        (512, 4 / 3, Region(64, 448, 0, 512)),
        (256, 4 / 3, Region(32, 224, 0, 256)),
        (64, 4 / 3, Region(8, 56, 0, 64)),
        (512, 3 / 4, Region(0, 512, 64, 448)),
        (16, 2.0, Region(4, 12, 0, 16)),
        (512, None, None),
        (512, 1.0, None),
    ],
)
def test_region(resolution, aspect, region):
    assert Frame(aspect=aspect).region(resolution) == region


def test_bars_are_equal_at_every_resolution():
    for resolution in (16, 32, 64, 128, 256, 512, 1024):
        for aspect in np.linspace(0.5, 2, 31):
            width, height = Frame(aspect=float(aspect)).size(resolution)
            assert max(width, height) == resolution and width % 2 == height % 2 == 0
            assert abs(width / height - aspect) <= 4 * aspect / resolution * max(aspect, 1)


def test_region_of_images():
    images = torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.equal(Region(1, 3, 0, 4).of(images), images[..., 1:3, :])


def test_a_photo_of_the_aspect_is_untouched_between_black_bars():
    image = noise(64, 48)
    found, notes = decoded(image, CAR, 64)
    np.testing.assert_array_equal(found[8:56], image)
    assert not found[:8].any() and not found[56:].any() and notes == []


def test_stretch_takes_all_of_the_photo():
    image = noise(96, 50)
    found, notes = decoded(image, CAR, 64)
    np.testing.assert_array_equal(found[8:56], image.resize((64, 48), Image.Resampling.LANCZOS))
    assert notes == ["not of the aspect 1.333: stretched to it"]


@pytest.mark.parametrize(("size", "box"), [((100, 60), (10, 0, 90, 60)), ((80, 70), (0, 5, 80, 65))])
def test_crop_keeps_the_middle(size, box):
    image = noise(*size)
    found, notes = decoded(image, Frame(aspect=4 / 3), 64)
    np.testing.assert_array_equal(found[8:56], image.crop(box).resize((64, 48), Image.Resampling.LANCZOS))
    assert notes == ["not of the aspect 1.333: its middle is used"]


def test_bars_beside_an_upright_photo():
    found, _ = decoded(noise(48, 64), Frame(aspect=3 / 4), 64)
    assert found[:, 8:56].all() and not found[:, :8].any() and not found[:, 56:].any()


def test_stretched_to_the_square():
    image = noise(40, 32)
    found, notes = decoded(image, Frame(fit="stretch"), 32)
    np.testing.assert_array_equal(found, image.resize((32, 32), Image.Resampling.LANCZOS))
    assert notes == ["not square: stretched to it"]


def test_a_small_photo_is_enlarged_with_a_word():
    found, notes = decoded(noise(64, 48), CAR, 128)
    assert found.shape == (128, 128, 3) and notes == ["smaller than the generator's 128 x 96 pixels: enlarged"]


@pytest.mark.parametrize("size", [(32, 32), (47, 32), (33, 48)])
def test_the_square_is_the_middle_one(size):
    image, side = noise(*size), min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    expected = image.crop((left, top, left + side, top + side)).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(decoded(image, SQUARE, 16)[0], expected)


def test_photos_carry_their_region_and_the_digest_is_of_the_whole_square(tmp_path):
    noise(64, 48).save(tmp_path / "a.png")
    photo = only(Images(path=str(tmp_path), resolution=64, fit="stretch", aspect=4 / 3))
    assert photo.valid == Region(8, 56, 0, 64)
    assert (photo.image[:, :8] == -1).all() and (photo.image[:, 56:] == -1).all(), "black"
    assert photo.digest == digest(to_uint8(photo.image))
    square = only(Images(path=str(tmp_path), resolution=64))
    assert square.valid is None and square.digest != photo.digest


def test_real_images_have_the_same_bars(tmp_path):
    noise(64, 48).save(tmp_path / "a.png")
    photo = only(Images(path=str(tmp_path), resolution=64, aspect=4 / 3))
    reals = RealImages(path=str(tmp_path), resolution=64, aspect=4 / 3)
    assert torch.equal(reals.images[0], to_uint8(photo.image))


@pytest.mark.parametrize("frame", [CAR, Frame(aspect=4 / 3)], ids=["stretch", "crop"])
@pytest.mark.parametrize("side", [64, 128])
def test_a_square_that_has_the_bars_already_is_taken_as_it_is(frame, side):
    square = Image.new("RGB", (side, side))
    square.paste(noise(side, side * 3 // 4), (0, side // 8))
    found, notes = decoded(square, frame, 64)
    np.testing.assert_array_equal(found, square.resize((64, 64), Image.Resampling.LANCZOS))
    assert notes == []


def test_bars_that_jpeg_has_touched_are_bars():
    square, file = Image.new("RGB", (90, 90)), io.BytesIO()
    square.paste(noise(90, 68), (0, 11))  # no multiple of JPEG's blocks
    square.save(file, "JPEG", quality=85)
    assert np.array(Image.open(file).convert("L"))[:11].max() > 2
    found, _ = decode(file.getvalue(), resolution=64, frame=CAR)
    assert (found.permute(1, 2, 0).numpy()[8:56].mean(axis=(1, 2)) > 30).all()


def test_a_square_with_one_dark_edge_is_a_photo():
    square = noise(64, 64)
    square.paste(0, (0, 0, 64, 8))
    found, notes = decoded(square, CAR, 64)
    assert not found[:8].any() and not found[56:].any() and notes == ["not of the aspect 1.333: stretched to it"]


def test_transparent_and_deep_squares_are_framed_as_others():
    for mode in ("RGBA", "I;16", "L", "P"):
        found, _ = decoded(Image.new(mode, (64, 64), 60000 if mode == "I;16" else 200), CAR, 64)
        assert not found[:8].any() and not found[56:].any()
