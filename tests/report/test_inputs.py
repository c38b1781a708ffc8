"""Digests of the user's own files: they follow what is used, and nothing else."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from ganinv.errors import InputError
from ganinv.report import inputs
from ganinv.report.inputs import Inputs, of_images, of_latent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "reals"
    place.mkdir()
    for name in "abc":
        (place / f"{name}.png").write_bytes(name.encode() * 10)
    return place


def zipped(folder: Path, file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return file


def test_another_content_of_the_same_name_size_and_time_is_seen(folder: Path, tmp_path: Path) -> None:
    archive = zipped(folder, tmp_path / "reals.zip")
    before = of_images(str(folder), limit=None), of_images(str(archive), limit=None)
    times = os.stat(folder / "b.png")
    (folder / "b.png").write_bytes(b"B" * 10)
    os.utime(folder / "b.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    zipped(folder, archive)
    after = of_images(str(folder), limit=None), of_images(str(archive), limit=None)
    assert before[0] != after[0] and before[1] != after[1]


def test_a_copy_has_the_same_digest_whatever_its_times(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    os.utime(tmp_path / "copy" / "a.png", (1e9, 1e9))
    assert of_images(str(folder), limit=None) == of_images(str(tmp_path / "copy"), limit=None)
    archive, again = zipped(folder, tmp_path / "a.zip"), zipped(tmp_path / "copy", tmp_path / "b.zip")
    assert of_images(str(archive), limit=None) == of_images(str(again), limit=None)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_only_the_pictures_that_are_used_count(form: str, folder: Path, tmp_path: Path) -> None:
    def digest(limit: int | None) -> str:
        return of_images(str(folder if form == "folder" else zipped(folder, tmp_path / "r.zip")), limit=limit)

    both, every = digest(2), digest(None)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_text("no picture")
    assert (digest(2), digest(None)) == (both, every)
    (folder / "c.png").write_bytes(b"other")
    assert digest(2) == both and digest(None) != every


def test_a_picture_that_cannot_be_read_is_no_error(folder: Path) -> None:
    before = of_images(str(folder), limit=None)
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to(folder / "gone")
    assert of_images(str(folder), limit=None) != before


def test_one_picture(folder: Path) -> None:
    assert of_images(str(folder / "a.png"), limit=None) != of_images(str(folder / "b.png"), limit=None)


def test_a_broken_zip_is_told(tmp_path: Path) -> None:
    (tmp_path / "reals.zip").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="reals.zip' is not a zip"):
        Inputs(latents=None, files={"tuner.reals": (str(tmp_path / "reals.zip"), None)})


def test_a_photo_depends_on_its_own_latent_alone(tmp_path: Path) -> None:
    for name in ("anna.pt", "bob.npy"):
        (tmp_path / name).write_bytes(b"latent")
    (tmp_path / "carl").mkdir()
    (tmp_path / "carl" / "latent.safetensors").write_bytes(b"latent")
    before = {name: of_latent(str(tmp_path), name) for name in ("anna", "bob", "carl")}
    (tmp_path / "bob.npy").write_bytes(b"other")
    (tmp_path / "carl" / "latent.safetensors").write_bytes(b"other")
    after = {name: of_latent(str(tmp_path), name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"bob", "carl"}


def test_one_file_of_latents_serves_every_photo(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    file.write_bytes(b"latent")
    found = Inputs(latents=str(file), files={})
    before = found.of("anna")
    assert before == found.of("bob") and before.keys() == {"inverter.path"}
    file.write_bytes(b"other")
    assert found.of("anna") != before


def test_an_encoder_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LARGE", 5)
    file = tmp_path / "e4e.pt"
    file.write_bytes(b"encoder")
    first = Inputs(latents=str(file), files={})
    before = first.of("anna")
    file.write_bytes(b"another")
    assert first.of("bob") == before
    assert Inputs(latents=str(file), files={}).of("anna") != before


def test_weights_are_digested_by_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "face.pth"
    shutil.make_archive(str(tmp_path / "face"), "zip", root_dir=tmp_path, base_dir=".")  # as torch writes them
    (tmp_path / "face.zip").rename(file)
    key = "metric.pictures.identity.weights"
    before = Inputs(latents=None, files={key: (str(file), None)}).of("anna")
    file.write_bytes(file.read_bytes() + b"x")
    assert before.keys() == {key} and Inputs(latents=None, files={key: (str(file), None)}).of("anna") != before


def test_without_files_of_the_users_there_is_nothing() -> None:
    assert Inputs(latents=None, files={}).of("anna") == {}


def test_paths_in_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert of_images("~/reals", limit=None) == of_images(str(folder), limit=None)
    assert of_latent("~/reals/a.png", "anna") == of_latent(str(folder / "a.png"), "anna")
