"""The user's own files: where one has changed, its photos are done again; real images are framed as the photos are."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import ganinv
from ganinv.config import SettingsError, check, read
from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.foreign import folder
from ganinv.run import inputs_of

from .running import TINY, Command, Ended, results, run_folder


def save_latent(file: Path, seed: int) -> None:
    np.save(file, torch.randn(8, generator=torch.Generator().manual_seed(seed)).numpy())


def skipped(ended: Ended) -> list[str]:
    """The photos that a run passed over."""
    assert ended.code == 0, ended.err
    return [line.split(": ")[0].split(" ", 1)[1] for line in ended.out.splitlines() if "finished before" in line]


def test_a_latent_that_changed_is_tuned_again(
    command: Command,
    photos: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "latents").mkdir()
    for seed, photo in enumerate(sorted(photos.iterdir())):
        save_latent(tmp_path / "latents" / f"{photo.stem}.npy", seed)
    arguments = [f"dataset.path={photos}", "inverter=file", "inverter.path=latents", "folder=run"]
    assert skipped(command(*arguments)) == []
    before = results(tmp_path / "run")
    assert skipped(command(*arguments)) == ["anna", "böb smith", "carl"]
    save_latent(tmp_path / "latents" / "carl.npy", 9)
    assert skipped(command(*arguments)) == ["anna", "böb smith"]
    after = results(tmp_path / "run")
    assert {name for name in before if before[name] != after[name]} == {"carl"}
    assert skipped(command(*arguments)) == ["anna", "böb smith", "carl"]


def test_every_file_that_a_setting_names_marks_the_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", str(tmp_path))
    encoder, inception = tmp_path / "encoder.pt", tmp_path / "inception.safetensors"
    asked = [
        "inverter=w_plus",
        "inverter/start=encoder",
        f"inverter.start.path={encoder}",
        "metric=[reconstruction,fid]",
    ]

    def marks() -> dict[str, str]:
        return inputs_of(read(asked)).of("anna")

    encoder.write_bytes(b"encoder")
    inception.write_bytes(b"weights")  # found by its name
    before = marks()
    assert before.keys() == {"inverter.start.path", "metric.frechet.network.weights"}
    encoder.write_bytes(b"another")
    assert marks()["inverter.start.path"] != before["inverter.start.path"]
    inception.write_bytes(b"others")
    assert marks()["metric.frechet.network.weights"] != before["metric.frechet.network.weights"]


def test_weights_of_any_network_are_looked_for_before_anything_is_built() -> None:
    with pytest.raises(SettingsError, match=r"^loss\.lpips\.weights: no/such: no such file"):
        check(read(["dataset=demo", "loss=perceptual", "+loss.lpips.weights=no/such"]))


@pytest.fixture
def reals(tmp_path: Path) -> Path:
    """A folder of five pictures."""
    folder = tmp_path / "reals"
    folder.mkdir()
    for i in range(5):
        pixels = torch.randint(256, (24, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(10 + i))
        Image.fromarray(pixels.numpy()).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_real_images_that_changed_make_every_photo_unfinished(
    form: str,
    command: Command,
    photos: Path,
    reals: Path,
    tmp_path: Path,
) -> None:
    def packed() -> str:
        return "reals" if form == "folder" else shutil.make_archive(str(tmp_path / "r"), "zip", reals)

    arguments = [
        f"dataset.path={photos}",
        "dataset.limit=2",
        f"tuner.reals={packed()}",
        "tuner.interval=1",
        "folder=run",
    ]
    assert skipped(command(*arguments)) == []
    packed()
    assert skipped(command(*arguments)) == ["anna", "böb smith"]
    before = results(tmp_path / "run")
    for i in range(1, 5):
        shutil.copyfile(reals / "0.png", reals / f"{i}.png")
    packed()
    assert skipped(command(*arguments)) == []
    assert {name for name, found in results(tmp_path / "run").items() if found != before[name]} == before.keys()


def test_real_images_come_into_the_square_as_the_photos_do(
    tiny: Path,
    reals: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ganinv.tuner import tuner

    seen: list[Tensor] = []

    class Tuner(tuner.Tuner):
        def __init__(self, **parts) -> None:
            seen.append(parts["reals"].images)
            super().__init__(**parts)

    monkeypatch.setattr(tuner, "Tuner", Tuner)
    overrides = ["dataset=stanford_cars", f"generator.path={tiny}", f"tuner.reals={reals}", *TINY]
    ganinv.invert(Image.new("RGB", (64, 48), "red"), overrides=overrides)
    assert not seen[0][:, :, :2].any() and seen[0][:, :, 2:14].any() and not seen[0][:, :, 14:].any()


@pytest.mark.parametrize("adversarial", [True, False])
def test_real_images_that_cannot_be_listed_are_told_by_their_setting(
    adversarial: bool,
    tiny: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "none").mkdir()
    off = [] if adversarial else ["loss.adversarial_local=0", "loss.adversarial_global=0"]
    with pytest.raises(InputError, match=r"^tuner(\.reals)?: '.*none' holds no picture"):
        ganinv.invert(overrides=[f"generator.path={tiny}", f"tuner.reals={tmp_path}/none", *TINY, *off])


def test_lpips_on_a_prior_too_small_for_it_is_told_before_any_photo(
    command: Command,
    photos: Path,
    tmp_path: Path,
    shared: Callable[[str], Path],
) -> None:
    trunk = shared("weights/lpips_alexnet_features.safetensors")
    ended = command(f"dataset.path={photos}", "loss=perceptual", f"+loss.lpips.weights={trunk}")
    assert ended.code == 2 and not (tmp_path / "runs").exists()
    assert ended.err == (
        "loss.lpips: alex needs images of at least 31 pixels, but this generator's have 16; set loss.lpips.network=vgg,"
        " or set loss.perceptual=0\n"
    )


def test_a_folder_with_a_record_is_a_prior(
    command: Command,
    tiny: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    folder.write(tmp_path / "network", load_prior(tiny))
    assert command(f"dataset.path={photos}/anna.png", f"generator.path={tmp_path}/network").code == 0
    assert command(f"dataset.path={photos}/anna.png", "folder=file").code == 0
    place = run_folder(tmp_path)
    assert results(place) == results(tmp_path / "file")
    assert ganinv.load(place / "anna").name == "anna"
