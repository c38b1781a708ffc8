"""Every way in which a run can go wrong is a sentence, and loses nothing."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganinv import photos as each

from .running import Command, results, run_folder


@pytest.mark.parametrize("setting", ["tuner.reals", "metric.frechet.real"])
def test_real_images_that_cannot_be_read_end_the_run_before_the_first_photo(
    setting: str, command: Command, photos: Path, tmp_path: Path, shared: Callable[[str], Path]
) -> None:
    (tmp_path / "reals").mkdir()
    for number in range(300):
        (tmp_path / f"reals/{number}.png").touch()
    network = shared("weights/lpips_alexnet_features.safetensors")
    ended = command(f"dataset.path={photos}", f"{setting}=reals", f"metric.frechet.network.weights={network}")
    assert ended.code == 2 and len(ended.err.splitlines()) == 1 and "reals" in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_single_bad_photo_is_a_sentence(content: bytes, command: Command, tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(content)
    ended = command("dataset.path=me.png")
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1 and "me.png" in ended.err
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_is_a_sentence(
    command: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronise, left = os.fsync, [10]

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synchronise(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        ended = command(f"dataset.path={photos}")
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1 and os.strerror(errno.ENOSPC) in ended.err
    assert not list(tmp_path.glob("runs/**/*.part"))
    assert command(f"dataset.path={photos}").code == 0


@pytest.mark.parametrize("arguments", [[], ["--multirun", "tuner.steps=1,2"]])
def test_an_unwritable_folder_is_a_sentence(arguments: list[str], command: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    ended = command(*arguments)
    assert ended.code == 2
    assert "runs" in ended.err and "Traceback" not in ended.err
    assert len([line for line in ended.err.splitlines() if "Error executing job" not in line]) == 1


def test_a_prior_that_is_cut_short_or_of_another_kind(command: Command, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(tiny.read_bytes()[:-100])
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    said = {"cut": "not a whole safetensors file", "text": "this file has 10 bytes", "empty": "the file is empty"}
    for name, why in said.items():
        ended = command(f"generator.path={name}.safetensors")
        assert ended.code == 2
        assert len(ended.err.splitlines()) == 1
        assert ended.err.startswith(f"generator: {name}.safetensors: {why}")


def test_mistakes_are_told_before_anything_is_made(command: Command, tmp_path: Path) -> None:
    ended = command("seed=-1", "+tuner.foo=1")
    assert ended.code == 2 and ended.out == ""
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["seed", "tuner.foo"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_network_that_is_not_at_hand_is_told_before_anything_is_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GANINV_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("GANINV_WEIGHTS", "GANINV_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    ended = command("dataset=ffhq", "generator=ffhq1024", "generator.path=ffhq1024")
    assert ended.code == 2 and list(tmp_path.iterdir()) == []
    assert ended.err.startswith("generator.path: ffhq1024 (FFHQ faces at 1024 pixels") and ended.err.count("\n") == 1
    assert "get it with `python -m ganinv.weights ffhq1024` (382 MB; Nvidia Source Code License" in ended.err


def test_a_network_of_other_photos_is_said(command: Command, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "car.png")
    arguments = ["dataset=stanford_cars", f"dataset.path={tmp_path / 'car.png'}", "tuner.steps=1"]
    said = command(*arguments, "generator.path=package:ffhq64.safetensors").out
    assert "package:ffhq64.safetensors was not trained on such photos; these were: lsun_car, lsun_car_rosi" in said
    assert "not trained on such photos" not in command(*arguments).out, "nothing is known of a network of one's own"


def test_cuda_without_a_device_is_a_sentence(command: Command) -> None:
    assert command("device=cuda").err == (
        "device: cuda is asked for, but torch finds no CUDA device; set device=cpu or device=auto\n"
    )


def test_a_batch_that_does_not_fit_the_prior_is_told_before_any_photo(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    ended = command(f"dataset.path={photos}", "tuner.batch=3")
    assert ended.code == 2 and len(ended.err.splitlines()) == 1
    assert "a multiple of 4 is needed, got 3" in ended.err
    assert not list(tmp_path.glob("runs/*/*/*/metrics.json"))


def test_an_encoder_of_another_generator_is_told_before_any_photo(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    ended = command(f"dataset.path={photos}", "inverter=restyle")
    assert ended.code == 2 and len(ended.err.splitlines()) == 1
    assert "ffhq64b_restyle.safetensors: gives 10 w of 128 values" in ended.err
    assert "name this generator's encoder with inverter.path" in ended.err
    assert not list(tmp_path.glob("runs/*/*/*/metrics.json"))


def test_bad_jobs_of_a_sweep_are_told_and_do_not_stop_the_others(command: Command, tmp_path: Path) -> None:
    ended = command("--multirun", "tuner.steps=x,1,y")
    assert ended.code == 2
    head, *lines = ended.err.splitlines()
    assert head == "2 of 3 jobs failed; the same command does what is missing:"
    for line, value in zip(lines, "xy", strict=True):
        assert f" tuner.steps={value} " in line
        assert line.endswith(f": tuner.steps: input should be a valid integer, got '{value}'")
    assert results(run_folder(tmp_path)).keys() == {"demo"}


def test_an_error_of_ours_is_kept_in_the_log(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each, "invert", lambda photo, parts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command()
    assert "Traceback" in (run_folder(tmp_path) / "run.log").read_text()
