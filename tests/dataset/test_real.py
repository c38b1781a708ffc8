"""Real images, sampled."""

import io
import logging
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganinv.dataset import real
from ganinv.dataset.pixels import to_uint8
from ganinv.dataset.real import RealImages
from ganinv.dataset.sources import is_single, is_zip, list_pictures, read_pictures
from ganinv.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for shade in range(4):
        image = Image.new("RGB", (16, 16), (shade, 0, 255))
        image.paste((shade, 200, 255), (0, 0, 8, 16))  # left half marked in green
        image.save(tmp_path / f"{shade}.png")
    return tmp_path


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_images_by_name(folder):
    images = RealImages(path=str(folder), resolution=16).images
    assert images.shape == (4, 3, 16, 16) and images.dtype == torch.uint8
    assert images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert RealImages(path=str(folder), resolution=16, limit=2).images.shape[0] == 2


def test_sample_follows_its_generator(folder):
    images = RealImages(path=str(folder), resolution=16)
    first, second = (images.sample(64, generator=seeded()) for _ in range(2))
    assert first.shape == (64, 3, 16, 16) and first.dtype == torch.float32
    assert torch.equal(first, second)
    assert not torch.equal(first, images.sample(64, generator=seeded(1)))
    assert sorted(set(to_uint8(first)[:, 0, 0, 0].tolist())) == [0, 1, 2, 3]
    assert first.amin() == -1 and first.amax() == 1


def test_flip_mirrors_about_half(folder):
    sampled = RealImages(path=str(folder), resolution=16, flip=True).sample(200, generator=seeded())
    left, right = to_uint8(sampled)[:, 1, 0, 0], to_uint8(sampled)[:, 1, 0, 15]
    assert (left + right == 200).all()
    assert 70 < (right == 200).sum() < 130


def test_decoded_at_first_use(folder):
    images = RealImages(path=str(folder), resolution=16)
    (folder / "0.png").unlink()
    assert images.images.shape[0] == 3


def test_unusable_files_are_named(folder, caplog):
    (folder / "1.png").write_bytes(b"")
    assert RealImages(path=str(folder), resolution=16).images[:, 0, 0, 0].tolist() == [0, 2, 3]
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.getMessage() == f"{folder}: left out 1 of 4 images, first: {folder / '1.png'} is empty (0 bytes)"


def test_nothing_usable(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="holds no usable image: .*a.png is empty"):
        _ = RealImages(path=str(tmp_path), resolution=16).images
    with pytest.raises(InputError, match="does not exist"):
        RealImages(path=str(tmp_path / "gone"), resolution=16)


def test_more_than_memory_is_meant_for(folder, monkeypatch):
    monkeypatch.setattr(real, "MAX_BYTES", 3 * 16 * 16 * 3)
    with pytest.raises(InputError, match="holds 4 images; 3 fit at 16 px: set limit"):
        RealImages(path=str(folder), resolution=16)
    assert RealImages(path=str(folder), resolution=16, limit=3).images.shape[0] == 3


def test_training_zip(shared):
    images = RealImages(path=str(shared("data/ffhq128_train.zip")), resolution=64, limit=8)
    assert images.sample(4, generator=seeded()).shape == (4, 3, 64, 64)
    assert images.images.float().std() > 40


@pytest.mark.parametrize("name", ["folder", "photos.zip"])
def test_paths_in_the_home(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    picture = io.BytesIO()
    Image.new("RGB", (16, 16)).save(picture, "PNG")
    if name == "folder":
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(picture.getvalue())
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.png", picture.getvalue())
    path = f"~/{name}"
    assert list_pictures(path) == ["a.png"] and not is_single(path) and is_zip(path) == (name == "photos.zip")
    ((_, pixels),) = read_pictures(path, ["a.png"], resolution=16)
    assert isinstance(pixels, torch.Tensor)
