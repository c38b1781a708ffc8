"""From photo to report on a tiny prior: what a run leaves, what it does with a rerun, and every way to go wrong."""

import errno
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

import ganinv
from ganinv import method
from ganinv import photos as each
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior
from ganinv.run import main

ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "channel_base": 128,
    "channel_max": 8,
    "mapping_layers": 1,
}
# A run of a second: the tiny prior, no search for the latent, two steps, hardly any samples.
TINY = [
    "inverter=mean",
    "tuner.steps=2",
    "metric.reconstruction.lpips=null",
    "metric.drift.samples=2",
]
PHOTO_FILES = {
    "target.png",
    "initial.png",
    "tuned.png",
    "latent.safetensors",
    "generator.safetensors",
    "curve.csv",
    "metrics.json",
}


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    generator, discriminator = build_generator(ARCHITECTURE), build_discriminator(ARCHITECTURE)
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    save_prior(path, Prior(generator, discriminator, fingerprint(generator), ARCHITECTURE, name="tiny"))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(("anna", "böb smith", "carl")):
        pixels = torch.randint(256, (16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(i))
        Image.fromarray(pixels.numpy()).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def command(
    tmp_path: Path, prior: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`ganinv …` in this process, in an empty folder, on the tiny prior."""
    monkeypatch.chdir(tmp_path)
    root, own = logging.getLogger(), logging.getLogger("ganinv")
    before = root.handlers[:], root.level, own.level

    def run(*arguments: str) -> Ended:
        flags = [a for a in arguments if a.startswith("--")]
        overrides = [f"generator.path={prior}", *TINY, *(a for a in arguments if not a.startswith("--"))]
        monkeypatch.setattr(sys, "argv", ["ganinv", *flags, *overrides])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    yield run
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def run_folder(tmp_path: Path) -> Path:
    """The only run's folder."""
    (folder,) = tmp_path.glob("runs/*/*/config.yaml")
    return folder.parent


def results(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Of each photo in a run's folder: the tuned picture and the fingerprint of the tuned generator."""
    found = {path.parent.name: path.parent for path in folder.glob("*/metrics.json")}
    return {name: ((place / "tuned.png").read_bytes(), mark(place)) for name, place in found.items()}


def mark(place: Path) -> str:
    with safe_open(place / "generator.safetensors", framework="pt") as file:
        return file.metadata()["tuned_fingerprint"]


def test_a_run_leaves_what_is_promised(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command(f"dataset.path={photos}")
    assert ended.code == 0 and ended.err == ""
    folder = run_folder(tmp_path)
    assert folder.parent == tmp_path / "runs" / "ffhq"
    files = {p.name for p in folder.iterdir() if p.is_file()}
    assert files >= {"config.yaml", "metrics.csv", "grid.png", "report.html", "run.log"}
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {"anna", "böb smith", "carl"}
    for name in ("anna", "böb smith", "carl"):
        assert {p.name for p in (folder / name).iterdir()} == PHOTO_FILES
    assert str(folder.relative_to(tmp_path) / "report.html") in ended.out
    assert {p.name for p in tmp_path.iterdir()} == {"photos", "runs"}
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert rows[0].startswith("image,initial_mse,initial_psnr,initial_lpips,mse,psnr,ssim,lpips,exact_pixels,steps")
    assert [row.split(",")[0] for row in rows[1:]] == ["anna", "böb smith", "carl"]
    assert "anna" in (folder / "run.log").read_text()


KEPT_NOISE = ["inverter=w", "inverter.steps=2", "inverter.num_samples=10", "inverter.optimise_noise=true"]


@pytest.mark.parametrize("noise", [[], KEPT_NOISE, [*KEPT_NOISE, "tuner.noise_maps=true"]])
def test_the_tuned_generator_comes_back(noise: list[str], command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", *noise)
    inversion = ganinv.load(run_folder(tmp_path) / "anna")
    assert torch.equal(method.to_saved(inversion.render()[0]), inversion.image)
    assert inversion.moved and (inversion.latent.noise is None) == (not noise)


def test_a_rerun_skips_what_is_finished(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}", "dataset.limit=2")
    folder = run_folder(tmp_path)
    first = (folder / "anna" / "metrics.json").stat().st_mtime_ns
    ended = command(f"dataset.path={photos}")
    assert "1/3 anna: finished before" in ended.out and "carl: finished before" not in ended.out
    assert run_folder(tmp_path) == folder
    assert (folder / "anna" / "metrics.json").stat().st_mtime_ns == first
    assert len((folder / "metrics.csv").read_text().splitlines()) == 4


def test_other_metrics_of_a_finished_photo_tune_nothing_again(command: Command, photos: Path, tmp_path: Path) -> None:
    one = f"dataset.path={photos}/anna.png"
    command(one, "folder=whole", "metric.drift.samples=3")
    whole = json.loads((tmp_path / "whole" / "anna" / "metrics.json").read_text())
    command(one, "folder=parts")
    before, tuned = results(tmp_path / "parts"), json.loads((tmp_path / "parts/anna/metrics.json").read_text())
    ended = command(one, "folder=parts", "metric.drift.samples=3")
    assert ended.code == 0 and "anna: " in ended.out and "tuned before, measured again" in ended.out
    again = json.loads((tmp_path / "parts/anna/metrics.json").read_text())
    assert tuned["metrics"]["drift_mse"] != whole["metrics"]["drift_mse"] and results(tmp_path / "parts") == before
    timed = {"seconds": again["metrics"]["seconds"]}
    assert again["metrics"] == whole["metrics"] | timed and again["finished"] == tuned["finished"]
    assert "finished before" in command(one, "folder=parts", "metric.drift.samples=3").out


def test_tables_hold_only_photos_that_were_measured_alike(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}", "folder=run")
    command(f"dataset.path={photos}", "folder=run", "metric.drift.samples=3", "dataset.limit=1")
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 2
    command(f"dataset.path={photos}", "folder=run", "metric.drift.samples=3")
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 4


def test_a_file_of_a_metric_that_changed_measures_again(command: Command, photos: Path, tmp_path: Path) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    place = tmp_path / "run/anna/metrics.json"
    command(*one)
    before, record = results(tmp_path / "run"), json.loads(place.read_text())
    place.write_text(json.dumps(record | {"inputs": {"metric.frechet.real": "of other images"}}))
    assert "measured again" in command(*one).out and results(tmp_path / "run") == before
    place.write_text(json.dumps(record | {"inputs": {"tuner.reals": "of other images"}}))
    assert "measured again" not in command(*one).out


def test_photos_of_an_earlier_version_are_not_tuned_over(command: Command, photos: Path, tmp_path: Path) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    command(*one)
    place = tmp_path / "run/anna/metrics.json"
    record = json.loads(place.read_text())
    del record["metric_hash"]
    place.write_text(json.dumps(record))
    ended = command(*one)
    assert ended.code == 2 and "photos of an earlier version" in ended.err and json.loads(place.read_text()) == record


def test_a_metric_that_refuses_tunes_nothing_again(command, photos, tmp_path: Path, monkeypatch) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    command(*one)

    def refuse(*given, **parts):
        raise InputError("no face in it")

    monkeypatch.setattr(each, "measure_again", refuse)
    ended = command(*one, "metric.drift.samples=3")
    assert ended.code == 1 and "no face in it" in ended.err and "tuned again" not in ended.out


def test_a_damaged_generator_that_should_be_measured_is_tuned_again(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    command(*one)
    before = results(tmp_path / "run")
    (tmp_path / "run/anna/generator.safetensors").write_bytes(b"cut")
    ended = command(*one, "metric.drift.samples=3")
    assert "so it is tuned again" in ended.out and results(tmp_path / "run") == before


def test_a_photo_that_changed_is_done_again(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png")
    before = results(run_folder(tmp_path))["anna"]
    (photos / "carl.png").replace(photos / "anna.png")
    assert "finished before" not in command(f"dataset.path={photos}/anna.png").out
    assert results(run_folder(tmp_path))["anna"] != before


def test_results_do_not_depend_on_shard_or_place(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}", "folder=whole")
    for shard in (0, 1):
        command(f"dataset.path={photos}", "folder=parts", "dataset.num_shards=2", f"dataset.shard={shard}")
    whole = results(tmp_path / "whole")
    assert len(whole) == 3 and len({tuned for tuned, _ in whole.values()}) == 3
    assert results(tmp_path / "parts") == whole
    assert len((tmp_path / "parts" / "metrics.csv").read_text().splitlines()) == 4


def test_another_seed_gives_another_generator(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", "folder=a")
    command(f"dataset.path={photos}/anna.png", "folder=b", "seed=1")
    assert results(tmp_path / "a") != results(tmp_path / "b")


def test_the_embedded_photo_says_how_to_name_others(command: Command, tmp_path: Path) -> None:
    ended = command("dataset=demo", "folder=demo run")
    assert ended.code == 0
    (line,) = [line for line in ended.out.splitlines() if "dataset.path=" in line]
    assert "at 16 pixels" in line and "generator.path=" in line and "generator=ffhq1024" in line
    assert results(tmp_path / "demo run").keys() == {"demo"}


def test_one_bad_photo_among_good_ones(command: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "böb smith.png").write_bytes((photos / "carl.png").read_bytes()[:100])
    ended = command(f"dataset.path={photos}")
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert "böb smith.png" in line and "damaged or cut short" in line
    assert results(run_folder(tmp_path)).keys() == {"anna", "carl"}
    (photos / "carl.png").replace(photos / "böb smith.png")
    again = command(f"dataset.path={photos}")
    assert again.code == 0 and "anna: finished before" in again.out


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


def test_a_photo_that_the_method_refuses_is_named(
    command: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invert = each.invert

    def refuse(photo, parts):
        if photo.name == "anna":
            raise InputError("no face in it")
        return invert(photo, parts)

    monkeypatch.setattr(each, "invert", refuse)
    ended = command(f"dataset.path={photos}")
    assert ended.code == 1 and "anna.png: no face in it" in ended.err
    assert results(run_folder(tmp_path)).keys() == {"böb smith", "carl"}


def test_ctrl_c_keeps_what_is_finished(
    command: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invert = each.invert

    def stop(photo, parts):
        if photo.name == "carl":
            raise KeyboardInterrupt
        return invert(photo, parts)

    with monkeypatch.context() as patch:
        patch.setattr(each, "invert", stop)
        ended = command(f"dataset.path={photos}")
    assert ended.code == 130
    assert "the same command goes on" in ended.out and ended.err == ""
    assert results(run_folder(tmp_path)).keys() == {"anna", "böb smith"}
    again = command(f"dataset.path={photos}")
    assert again.code == 0 and again.out.count("finished before") == 2


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


def test_a_prior_that_is_cut_short_or_of_another_kind(command: Command, prior: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(prior.read_bytes()[:-100])
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


def test_cars_are_scored_on_their_rows_alone(command: Command, tmp_path: Path) -> None:
    pixels = torch.randint(1, 256, (30, 44, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.numpy()).save(tmp_path / "car.png")
    assert command("dataset=stanford_cars", f"dataset.path={tmp_path / 'car.png'}").code == 0
    folder = run_folder(tmp_path) / "car"
    target, tuned = (np.array(Image.open(folder / f"{name}.png"), float) for name in ("target", "tuned"))
    assert not target[:2].any() and target[2:14].all() and not target[14:].any()
    record = json.loads((folder / "metrics.json").read_text())
    assert record["valid"] == {"top": 2, "bottom": 14, "left": 0, "right": 16}
    error = np.square((tuned - target)[2:14] * 2 / 255).mean()
    assert record["metrics"]["mse"] == pytest.approx(error, rel=1e-9)
    assert record["metrics"]["mse"] != pytest.approx(np.square((tuned - target) * 2 / 255).mean(), rel=1e-3)


def test_python_takes_a_car_in_the_place_of_dataset_path(prior: Path) -> None:
    pixels = torch.randint(1, 256, (30, 44, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).numpy()
    found = ganinv.invert(pixels, overrides=["dataset=stanford_cars", f"generator.path={prior}", *TINY])
    assert (found.target[:, :2] == -1).all() and (found.target[:, 2:14] > -1).all()


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_run_on_cuda(command: Command, photos: Path, tmp_path: Path) -> None:
    assert command(f"dataset.path={photos}", "device=cuda").code == 0
    assert len(results(run_folder(tmp_path))) == 3


def test_a_sweep_gives_each_job_its_own_folder(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command("--multirun", f"dataset.path={photos}/anna.png", "dataset=ffhq,celeba_hq", "tuner.steps=1,2")
    assert ended.code == 0
    folders = [p.parent for p in tmp_path.glob("runs/*/*/config.yaml")]
    assert sorted(p.parent.name for p in folders) == ["celeba_hq", "celeba_hq", "ffhq", "ffhq"]
    assert all(results(p).keys() == {"anna"} for p in folders)
    assert len(list(tmp_path.glob("runs/sweeps/*/multirun.yaml"))) == 1


def test_bad_jobs_of_a_sweep_are_told_and_do_not_stop_the_others(command: Command, tmp_path: Path) -> None:
    ended = command("--multirun", "tuner.steps=x,1,y")
    assert ended.code == 2
    head, *lines = ended.err.splitlines()
    assert head == "2 of 3 jobs failed; the same command does what is missing:"
    for line, value in zip(lines, "xy", strict=True):
        assert f" tuner.steps={value} " in line
        assert line.endswith(f": tuner.steps: input should be a valid integer, got '{value}'")
    assert results(run_folder(tmp_path)).keys() == {"demo"}


def test_the_dashboard_is_closed_when_a_run_fails(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganinv.report.dashboard import Csv

    closed = []
    monkeypatch.setattr(Csv, "finish", lambda self: closed.append(self))
    monkeypatch.setattr(each, "invert", lambda photo, parts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command()
    assert len(closed) == 1


def test_an_error_of_ours_is_kept_in_the_log(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each, "invert", lambda photo, parts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command()
    assert "Traceback" in (run_folder(tmp_path) / "run.log").read_text()


def test_python_gives_what_the_command_gives(command: Command, photos: Path, prior: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", "folder=run")
    saved = ganinv.load(tmp_path / "run" / "anna")
    pixels = Image.open(photos / "anna.png")
    for photo in (photos / "anna.png", pixels, np.array(pixels)):
        found = ganinv.invert(photo, overrides=[f"generator.path={prior}", *TINY])
        assert torch.equal(found.image, saved.image) and torch.equal(found.target, saved.target)
        ours, theirs = found.generator.state_dict(), saved.generator.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert json.dumps(found.metrics["mse"]) == json.dumps(saved.metrics["mse"])


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        ("no/such.png", "'no/such.png' does not exist"),
        (".", "is a folder or a zip; name one photo"),
        (torch.zeros(16, 16), r"must have the shape \[H, W, 3\] or \[3, H, W\], got \[16, 16\]"),
        (torch.full((3, 16, 16), 2.0), r"floats must lie in \[-1, 1\], got 2 to 2"),
        (torch.zeros(3, 16, 16, dtype=torch.int64), "must be uint8 or float, got torch.int64"),
        (torch.zeros(3, 16, 1), "each side must have at least 16"),
    ],
)
def test_python_refuses_what_is_no_photo(photo: object, told: str, prior: Path) -> None:
    with pytest.raises(InputError, match=told):
        ganinv.invert(photo, overrides=[f"generator.path={prior}", *TINY])  # pyright: ignore


def test_python_tells_a_wrong_setting(prior: Path) -> None:
    with pytest.raises(InputError, match="^tuner.stepss: no such setting; did you mean tuner.steps"):
        ganinv.invert(overrides=["tuner.stepss=1"])


def test_a_folder_with_photos_of_other_settings_is_refused(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", "folder=run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    ended = command(f"dataset.path={photos}/anna.png", "folder=run", "tuner.steps=1")
    assert ended.code == 2
    assert ended.err.startswith("folder: run holds photos of other settings (tuner.steps differ); name another folder")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert command(f"dataset.path={photos}/anna.png", "folder=run", "dataset.limit=1").code == 0


def test_jobs_of_a_sweep_share_a_named_folder_without_overwriting(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    assert command("--multirun", f"dataset.path={photos}/anna.png", "tuner.steps=1,2", "folder=both").code == 0
    assert len(list(tmp_path.glob("both/*/anna/metrics.json"))) == 2


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


def test_more_figures_of_the_picture_stand_in_its_row(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command(f"dataset.path={photos}/anna.png", "metric=[reconstruction,ms_ssim,ganinverter,drift]")
    assert ended.code == 0
    found = json.loads((run_folder(tmp_path) / "anna" / "metrics.json").read_text())["metrics"]
    assert found["ms_ssim"] is None and found["ganinverter_mse"] > 0
    assert found["ganinverter_psnr"] == pytest.approx(10 * np.log10(2 / found["ganinverter_mse"]))
