"""Training images: where they lie, what is left out, in memory and in turn."""

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from ganinv.errors import InputError
from ganinv.training.data import Crop, Decoded, Places, expect_batch, workers
from ganinv.training.images import Images, open_images
from ganinv.training.judge import Judge
from ganinv.training.order import Order
from ganinv.training.schedule import automatic_resolution
from ganinv.training.sources import source_at


def opened(path: Path, *, crop: Crop = "centre", cache_mb: float = 10, num_workers: int = 0) -> Images:
    decoded = Decoded(source=source_at(str(path), limit=None), resolution=16, crop=crop)
    return open_images(decoded, path=str(path), num_workers=num_workers, cache_mb=cache_mb)


def batches(images: Images, *, first: int = 0) -> list[Tensor]:
    order = Order(count=images.count, seed=0, flip=True)
    return list(images.loader(order, Places(first=first, last=9, batch=4)))


def test_a_folder_is_read_with_its_sub_folders_by_name(pictures: Path) -> None:
    (pictures / "00000").mkdir()
    (pictures / "05.png").rename(pictures / "00000" / "img05.png")
    (pictures / "dataset.json").write_text("{}")
    (pictures / ".hidden.png").write_bytes(b"")
    source = source_at(str(pictures), limit=None)
    assert source.keys[:2] == ["00.png", "00000/img05.png"] and len(source.keys) == 12
    assert source_at(str(pictures), limit=3).keys == source.keys[:3]
    assert opened(pictures).pixels[1, 0, 0, 0] == 100  # pyright: ignore


def test_a_zip_as_dataset_tool_writes_it_and_shards_hold_the_same(pictures: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    files = sorted(pictures.iterdir())
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for number, file in enumerate(files):
            archive.write(file, f"00000/img{number:08}.png")
        archive.writestr("dataset.json", json.dumps({"labels": None}))
    for shard in range(2):
        with tarfile.open(shards / f"set-{shard:06}.tar", "w") as tar:
            for file in files[6 * shard : 6 * shard + 6]:
                tar.add(file, file.name)
                label = tarfile.TarInfo(f"{file.stem}.cls")
                label.size = 1
                tar.addfile(label, io.BytesIO(b"3"))
    expected = opened(pictures).pixels
    assert expected is not None and expected.shape == (12, 3, 16, 16) and expected[:, 0, 0, 0].tolist()[3] == 60
    for path in (tmp_path / "set.zip", shards):
        assert torch.equal(opened(path).pixels, expected)  # pyright: ignore
    assert opened(shards / "set-000001.tar").count == 6


def test_processes_that_decode_give_the_same_as_none(pictures: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", pictures)
    for cache_mb in (10, 0):
        alone, helped = (opened(Path(archive), cache_mb=cache_mb, num_workers=n) for n in (0, 1))
        assert all(map(torch.equal, batches(alone), batches(helped)))


def test_images_in_turn_come_in_the_same_order_as_from_memory(pictures: Path) -> None:
    held, turn = opened(pictures), opened(pictures, cache_mb=0)
    assert held.pixels is not None and turn.pixels is None and turn.count == 12
    there = batches(held)
    assert len(there) == 9 and there[0].shape == (4, 3, 16, 16) and there[0].dtype == torch.uint8
    assert all(map(torch.equal, there, batches(turn)))
    assert all(map(torch.equal, there[5:], batches(turn, first=5)))
    assert torch.equal(torch.cat(list(held.batches([3, 1], 1))), torch.cat(list(turn.batches([3, 1], 2))))


def spoil(pictures: Path) -> None:
    (pictures / "03.png").write_bytes((pictures / "03.png").read_bytes()[:100])
    (pictures / "07.png").write_bytes(b"")


def test_unreadable_images_are_named_and_counted(pictures: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoil(pictures)
    images = opened(pictures)
    assert images.pixels is not None and sorted(images.pixels[:, 0, 0, 0].tolist())[2:4] == [40, 80]
    [line] = caplog.messages
    assert line.startswith(f"{pictures}: left out 2 of 12 images: 03.png is damaged or cut short (")
    assert line.endswith("; 07.png is empty (0 bytes)")


def test_in_turn_the_next_one_stands_in_and_each_is_named_once(
    pictures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(pictures)
    shown = torch.cat(batches(opened(pictures, cache_mb=0)))[:, 0, 0, 0]
    assert sorted(shown[:12].tolist()) == [0, 20, 40, 80, 80, 100, 120, 160, 160, 180, 200, 220]
    said = [message for message in caplog.messages if "left out" in message]
    assert len(said) == 2 and "1 left out so far, another in its place: " in said[0] and "2 left out" in said[1]
    assert sum(len(part) for part in opened(pictures, cache_mb=0).batches(list(range(12)), 5)) == 10


def test_in_turn_no_held_out_image_stands_in(pictures: Path) -> None:
    spoil(pictures)
    images, held_out = opened(pictures, cache_mb=0), 4
    order = Order(count=images.count - held_out, seed=0, flip=False)
    shown = torch.cat(list(images.loader(order, Places(first=0, last=2, batch=4))))[:, 0, 0, 0]
    assert sorted(shown.tolist()) == [0, 0, 20, 40, 80, 80, 100, 120]  # 08 to 11 are held out, so 00 stands in for 07


def test_all_unreadable_is_an_error(pictures: Path) -> None:
    for file in pictures.iterdir():
        file.write_bytes(b"")
    with pytest.raises(InputError, match="no image can be read, first: "):
        batches(opened(pictures, cache_mb=0))


@pytest.fixture
def wide(pictures: Path) -> Path:
    """The pictures, the first of them 24 x 16 pixels, white with a blue middle square."""
    image = Image.new("RGB", (24, 16), "white")
    image.paste((0, 0, 255), (4, 0, 20, 16))
    image.save(pictures / "00.png")
    return pictures


def test_crop_takes_the_middle_or_all_between_bars_or_refuses(wide: Path, caplog: pytest.LogCaptureFixture) -> None:
    centre, letterbox = (opened(wide, crop=crop).pixels for crop in ("centre", "letterbox"))
    assert centre is not None and letterbox is not None
    assert (centre[0] == torch.tensor([0, 0, 255], dtype=torch.uint8)[:, None, None]).all()
    rows = letterbox[0, 0].float().mean(dim=1)
    assert (rows[:2] == 0).all() and (rows[-2:] == 0).all() and (rows[4:-4] > 50).all()
    assert torch.equal(centre[1:], letterbox[1:])
    refused = opened(wide, crop="refuse")
    assert refused.count == 11
    assert caplog.messages == [
        f"{wide}: left out 1 of 12 images: 00.png is 24 x 16 pixels, not square (training.crop=refuse)"
    ]


def test_sizes_are_mixed_and_the_first_chooses_the_resolution(pictures: Path) -> None:
    Image.new("RGB", (100, 70), "red").save(pictures / "00.png")
    Image.new("RGB", (40, 40), "red").save(pictures / "01.png")
    assert opened(pictures).pixels.shape == (12, 3, 16, 16)  # pyright: ignore
    assert automatic_resolution(source_at(str(pictures), limit=None)) == 64
    (pictures / "00.png").write_bytes(b"no picture")
    assert automatic_resolution(source_at(str(pictures), limit=None)) == 32
    for picture in pictures.iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 12 images can be read, first: 00.png is not a picture"):
        automatic_resolution(source_at(str(pictures), limit=None))


def test_fewer_images_than_a_batch_are_a_sentence() -> None:
    expect_batch(4, 4, "x")
    with pytest.raises(InputError) as refusal:
        expect_batch(3, 4, "x")
    said = "holds 3 usable images, fewer than a batch of 4; add images, or set training.batch to at most 3"
    assert str(refusal.value) == f"dataset.path: 'x' {said}"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none", None, "does not exist; name a folder or a zip of images, or a folder of tar shards"),
        ("one.png", b"", "is one file; name a folder"),
        ("bad.zip", b"no zip", "is not a zip, or is cut short"),
        ("bad.tar", b"no tar" * 200, "is not a whole tar without compression"),
        ("empty", "folder", "holds no picture (endings read: .png"),
    ],
)
def test_what_is_no_set_of_images_is_a_sentence(tmp_path: Path, name: str, content: Any, said: str) -> None:
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        source_at(str(path), limit=None)
    assert said in str(refusal.value)


def test_a_packed_shard_is_refused(pictures: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar", "w:gz") as tar:
        tar.add(pictures / "00.png", "00.png")
    with pytest.raises(InputError, match="without compression"):
        source_at(str(tmp_path / "set.tar"), limit=None)


def test_no_more_processes_decode_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert workers(None) == 3 and workers(10) == 4 and workers(0) == 0
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert workers(None) == 8


@pytest.mark.parametrize("num_workers", [0, 1])
def test_where_nothing_can_be_read_in_turn_it_is_one_line(pictures: Path, num_workers: int) -> None:
    for picture in pictures.iterdir():
        picture.write_bytes(b"")
    with pytest.raises(InputError) as refusal:
        batches(opened(pictures, cache_mb=0, num_workers=num_workers))
    said = str(refusal.value)
    assert said.startswith("dataset.path: no image can be read, first: ") and said.endswith("(0 bytes); name others")
    assert "\n" not in said
    judge = Judge(network=lambda: SimpleNamespace(num_features=2, title="", to=print), samples=9)  # pyright: ignore
    with pytest.raises(InputError, match="dataset.path: 0 images can be read, and .* needs"):
        judge.prepare(opened(pictures, cache_mb=0, num_workers=num_workers), device=torch.device("cpu"))


def test_linked_folders_are_read_once_and_shards_are_not_mixed_with_pictures(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "sub").symlink_to(pictures)
    (folder / "again").symlink_to(folder)
    assert len(source_at(str(folder), limit=None).keys) == 12
    with tarfile.open(pictures / "a.tar", "w") as shard:
        shard.add(pictures / "00.png", "00.png")
    with pytest.raises(
        InputError, match=r"holds tar shards \(a.tar, …\) and loose pictures \(.*00.png, …\); leave one"
    ):
        source_at(str(pictures), limit=None)


def test_a_smaller_batch_that_is_advised_is_one_that_is_taken() -> None:
    with pytest.raises(InputError, match="set training.batch to at most 44$"):
        expect_batch(45, 64, "x", multiple=4)


def test_what_is_no_picture_by_its_ending_is_counted(pictures: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.heic", "b.heic", "dataset.json", ".hidden"):
        (pictures / name).write_bytes(b"x")
    assert len(source_at(str(pictures), limit=None).keys) == 12
    assert caplog.messages == [f"{pictures}: left out 2 that are no pictures by their ending: a.heic, b.heic"]
