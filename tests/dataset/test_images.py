"""A file, a folder, a zip; shards; bad photos among good ones."""

import hashlib
import logging
import os
import zipfile
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv.dataset.images import BadPhoto, Images, Photo
from ganinv.dataset.pixels import to_float, to_uint8
from ganinv.errors import InputError


def save(path, shade=100, size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 0, 255)).save(path)
    return path


def zipped(folder, names):
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for shade, name in enumerate(names):
            archive.write(save(folder / "loose.png", shade), name)
    return folder / "photos.zip"


def photos_in(path, **settings: Any):
    arguments: dict[str, Any] = {"resolution": 16} | settings
    photos = list(Images(path=str(path), **arguments))
    assert all(isinstance(photo, Photo) for photo in photos)
    return cast(list[Photo], photos)


def names_of(path, **settings):
    return [photo.name for photo in photos_in(path, **settings)]


def warnings_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_one_photo(tmp_path):
    path = save(tmp_path / "me.png")
    (photo,) = photos_in(path)
    assert (photo.name, photo.source) == ("me", str(path))
    assert photo.image.shape == (3, 16, 16) and photo.image.dtype == torch.float32
    assert to_uint8(photo.image)[:, 0, 0].tolist() == [100, 0, 255]
    assert torch.equal(photo.image, to_float(to_uint8(photo.image)))


def test_digest_is_of_shape_and_pixels(tmp_path):
    (photo,) = photos_in(save(tmp_path / "a.png"))
    pixels = np.broadcast_to(np.array([100, 0, 255], np.uint8)[:, None, None], (3, 16, 16))
    assert photo.digest == hashlib.sha256(b"3x16x16:" + pixels.tobytes()).hexdigest()
    (same,) = photos_in(save(tmp_path / "b.tiff"))
    (other,) = photos_in(save(tmp_path / "c.png", shade=101))
    assert same.digest == photo.digest != other.digest


def test_demo_photo_without_a_path():
    images = Images(path=None, resolution=64)
    (photo,) = images
    assert isinstance(photo, Photo) and images.is_demo and len(images) == 1
    assert (photo.name, photo.source) == ("demo", "the embedded demo photo")
    assert photo.image.shape == (3, 64, 64)
    assert to_uint8(photo.image).float().std() > 40  # a picture, not a flat field


def test_folder_is_flat_and_sorted(tmp_path):
    for name in ("b.png", "a.jpg", "C.PNG", "sub/d.png", "sub.png/e.png", ".hidden.png", "._a.jpg"):
        save(tmp_path / name)
    assert names_of(tmp_path) == ["C", "a", "b"]


def test_other_files_are_left_out_with_a_word(tmp_path, caplog):
    save(tmp_path / "a.png")
    for name in ("notes.txt", "b.heic"):
        (tmp_path / name).write_text("x")
    assert names_of(tmp_path) == ["a"]
    assert warnings_in(caplog) == [f"{tmp_path}: left out 2 that are no pictures by their ending: b.heic, notes.txt"]


def test_names_with_spaces_and_unicode(tmp_path):
    for name in ("my photo.png", "小川é.png"):
        save(tmp_path / name)
    assert names_of(tmp_path) == ["my photo", "小川é"]


def test_two_photos_of_one_stem(tmp_path):
    for shade, name in enumerate(("a.bmp", "a.png", "b.png")):
        save(tmp_path / name, shade)
    photos = photos_in(tmp_path)
    assert [(photo.name, to_uint8(photo.image)[0, 0, 0].item()) for photo in photos] == [
        ("a_bmp", 0),
        ("a_png", 1),
        ("b", 2),
    ]
    assert names_of(tmp_path, shard=1, num_shards=3) == ["a_png"]
    assert names_of(tmp_path, limit=1) == ["a_bmp"]


def test_zip_with_folders(tmp_path):
    path = zipped(tmp_path, ["2/x.png", "1/x.png", "y.png", "__MACOSX/z.png", "labels.csv"])
    photos = photos_in(path)
    assert [photo.name for photo in photos] == ["1_x_png", "2_x_png", "y"]
    assert [to_uint8(photo.image)[0, 0, 0].item() for photo in photos] == [1, 0, 2]
    assert photos[0].source == os.path.join(str(path), "1/x.png")


def test_shards_are_a_partition(tmp_path):
    for i in range(7):
        save(tmp_path / f"{i}.png", shade=i)
    shards = [names_of(tmp_path, shard=i, num_shards=3) for i in range(3)]
    assert shards == [["0", "3", "6"], ["1", "4"], ["2", "5"]]
    assert names_of(tmp_path, limit=4, shard=1, num_shards=3) == ["1"]
    assert names_of(tmp_path, shard=8, num_shards=9) == []
    assert len(Images(path=str(tmp_path), resolution=16, shard=1, num_shards=3)) == 2


def test_photo_is_the_same_in_any_shard(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", shade=i)
    whole = {photo.name: photo.digest for photo in photos_in(tmp_path)}
    shards = [photos_in(tmp_path, shard=i, num_shards=2) for i in range(2)]
    assert whole == {photo.name: photo.digest for shard in shards for photo in shard}


def test_photos_can_be_gone_through_twice(tmp_path):
    for path in (save(tmp_path / "a.png"), tmp_path):
        images = Images(path=str(path), resolution=16)
        assert len(list(images)) == len(list(images)) == 1


def test_shard_out_of_range(tmp_path):
    with pytest.raises(InputError, match="dataset.shard: must be 0 to 1, below dataset.num_shards, got 2"):
        Images(path=str(save(tmp_path / "a.png")), resolution=16, shard=2, num_shards=2)


def test_one_bad_among_good(tmp_path):
    for name, side in (("1.png", 16), ("2.png", 1), ("4.png", 16)):
        save(tmp_path / name, size=(side, side))
    (tmp_path / "3.jpg").write_bytes(b"")
    (tmp_path / "5.png").symlink_to(tmp_path / "gone.png")
    photos = list(Images(path=str(tmp_path), resolution=16))
    assert [photo.name for photo in photos if isinstance(photo, Photo)] == ["1", "4"]
    assert [photo for photo in photos if isinstance(photo, BadPhoto)] == [
        BadPhoto(source=str(tmp_path / "2.png"), reason="is 1 x 1 pixels; each side must have at least 16"),
        BadPhoto(source=str(tmp_path / "3.jpg"), reason="is empty (0 bytes)"),
        BadPhoto(source=str(tmp_path / "5.png"), reason="is not a file, or its link leads nowhere"),
    ]


def test_damaged_entry_of_a_zip(tmp_path):
    path = zipped(tmp_path, ["a.png", "b.png"])
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 6] ^= 255
    path.write_bytes(data)
    bad, good = Images(path=str(path), resolution=16)
    assert isinstance(bad, BadPhoto) and bad.reason.startswith("cannot be taken out of the zip (Bad CRC")
    assert isinstance(good, Photo)


def test_photos_are_decoded_when_asked_for(tmp_path):
    for name in ("1.png", "2.png"):
        save(tmp_path / name)
    photos = iter(Images(path=str(tmp_path), resolution=16))
    next(photos)
    (tmp_path / "2.png").unlink()
    assert isinstance(next(photos), BadPhoto)


@pytest.mark.parametrize("data", [None, b"", b"not a picture", b"\x89PNG\r\n\x1a\n\0\0"])
def test_a_single_bad_photo_is_an_error_at_once(tmp_path, data):
    path = tmp_path / "a.png"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.png' (does not exist|is empty|is not a picture)"):
        Images(path=str(path), resolution=16)


def test_empty_path():
    with pytest.raises(InputError, match="'' does not exist"):
        Images(path="", resolution=16)


def test_empty_folder_and_zip(tmp_path):
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match="holds no picture directly in the folder"):
        Images(path=str(tmp_path), resolution=16)
    with pytest.raises(InputError, match="holds no picture in the zip"):
        Images(path=str(zipped(tmp_path, [])), resolution=16)


def test_truncated_zip(tmp_path):
    path = zipped(tmp_path, ["a.png"])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="is not a zip, or is cut short"):
        Images(path=str(path), resolution=16)


def test_unreadable_folder(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        Images(path=str(tmp_path), resolution=16)


def test_a_word_is_said_once(tmp_path, caplog):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, size=(24, 20))
    assert names_of(tmp_path) == ["a", "b"]
    note = f"{tmp_path / 'a.png'}: not square: the middle square is used (and so for every such photo; said once)"
    assert warnings_in(caplog) == [note]


def test_real_photos(shared):
    photos = photos_in(shared("data/targets/ffhq256"), resolution=64, limit=4)
    assert [photo.name for photo in photos] == ["00000", "00001", "00002", "00003"]
    with Image.open(photos[3].source) as original:
        expected = original.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(to_uint8(photos[3].image).permute(1, 2, 0), expected)
