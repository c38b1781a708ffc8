"""From photo to report on a tiny prior: what a run leaves."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganinv
from ganinv import method
from ganinv import photos as each

from .running import Command, results, run_folder

PHOTO_FILES = {
    "target.png",
    "initial.png",
    "tuned.png",
    "latent.safetensors",
    "generator.safetensors",
    "curve.csv",
    "metrics.json",
}


def test_a_run_leaves_what_is_promised(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command(f"dataset.path={photos}")
    assert ended.code == 0 and ended.err == ""
    folder = run_folder(tmp_path)
    assert folder.parent == tmp_path / "runs" / "ffhq"
    files = {p.name for p in folder.iterdir() if p.is_file()}
    assert files >= {"config.yaml", "overrides.yaml", "metrics.csv", "grid.png", "report.html", "run.log"}
    assert f"- dataset.path={photos}" in (folder / "overrides.yaml").read_text().splitlines()
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {"anna", "böb smith", "carl"}
    for name in ("anna", "böb smith", "carl"):
        assert {p.name for p in (folder / name).iterdir()} == PHOTO_FILES
    assert str(folder.relative_to(tmp_path) / "report.html") in ended.out
    assert {p.name for p in tmp_path.iterdir()} == {"photos", "runs"}
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert rows[0].startswith("image,initial_mse,initial_psnr,initial_lpips,mse,psnr,ssim,lpips,exact_pixels,steps")
    assert [row.split(",")[0] for row in rows[1:]] == ["anna", "böb smith", "carl"]
    assert "anna" in (folder / "run.log").read_text()


def test_what_was_said_before_the_folder_was_made_is_in_its_log(command: Command, tmp_path: Path) -> None:
    Image.new("RGB", (96, 64), "teal").save(tmp_path / "wide.png")
    ended = command("dataset.path=wide.png", "folder=run", "inverter=w", "inverter.steps=2", "inverter.num_samples=10")
    assert ended.code == 0, ended.err
    said = (tmp_path / "run" / "run.log").read_text()
    for line in (
        "WARNING wide.png: not square: the middle square is used",
        "INFO the Fréchet ratio stays empty: it needs real images, metric.frechet.real=FOLDER_OR_ZIP",
        "INFO 1 photo -> run",
        "INFO initial latents in W, steps: 2",
    ):
        assert said.count(line) == 1, line


KEPT_NOISE = ["inverter=w", "inverter.steps=2", "inverter.num_samples=10", "inverter.optimise_noise=true"]


@pytest.mark.parametrize("noise", [[], KEPT_NOISE, [*KEPT_NOISE, "tuner.noise_maps=true"]])
def test_the_tuned_generator_comes_back(noise: list[str], command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", *noise)
    inversion = ganinv.load(run_folder(tmp_path) / "anna")
    assert torch.equal(method.to_saved(inversion.render()[0]), inversion.image)
    assert inversion.moved and (inversion.latent.noise is None) == (not noise)


def test_the_embedded_photo_says_how_to_name_others(command: Command, tmp_path: Path) -> None:
    ended = command("dataset=demo", "folder=demo run")
    assert ended.code == 0
    (line,) = [line for line in ended.out.splitlines() if "dataset.path=" in line]
    assert "at 16 pixels" in line and "generator.path=" in line and "generator=ffhq1024" in line
    assert results(tmp_path / "demo run").keys() == {"demo"}


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


def test_the_dashboard_is_closed_when_a_run_fails(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganinv.report.dashboard import Csv

    closed = []
    monkeypatch.setattr(Csv, "finish", lambda self, *, failed=False: closed.append(failed))
    monkeypatch.setattr(each, "invert", lambda photo, parts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command()
    assert closed == [True]


def test_jobs_of_a_sweep_share_a_named_folder_without_overwriting(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    assert command("--multirun", f"dataset.path={photos}/anna.png", "tuner.steps=1,2", "folder=both").code == 0
    assert len(list(tmp_path.glob("both/*/anna/metrics.json"))) == 2


def test_more_figures_of_the_picture_stand_in_its_row(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command(f"dataset.path={photos}/anna.png", "metric=[reconstruction,ms_ssim,ganinverter,drift]")
    assert ended.code == 0
    found = json.loads((run_folder(tmp_path) / "anna" / "metrics.json").read_text())["metrics"]
    assert found["ms_ssim"] is None and found["ganinverter_mse"] > 0
    assert found["ganinverter_psnr"] == pytest.approx(10 * np.log10(2 / found["ganinverter_mse"]))
