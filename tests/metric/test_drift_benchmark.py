"""The benchmark of drift: a row for each noise and α, real images framed as the photos, features kept, a sheet."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganinv.config import as_yaml, read
from ganinv.dataset.frame import SQUARE, Frame
from ganinv.dataset.real import RealImages
from ganinv.files import read_csv
from ganinv.generator.checkpoint import Prior
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.latent import Latent
from ganinv.metric.drift import FrechetRatio
from ganinv.report.tuned import save_tuned

from .conftest import BATCH, SAMPLES, Pooled


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drift_benchmark", Path(__file__).parents[2] / "benchmarks/drift.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_benchmark_gives_a_row_for_each_noise_and_alpha(
    benchmark: ModuleType, prior: Prior, tuned: Generator, ws: Tensor, real: str, tmp_path: Path
) -> None:
    network = Pooled()
    by = benchmark.Comparison(
        network=network, real=real, cache=tmp_path / "cache", samples=SAMPLES, near_samples=13, batch_size=BATCH
    )
    rows = benchmark.evaluate(prior=prior, generator=tuned, ws=ws, by=by, photo="me")
    assert [(row["noise"], row["alpha"]) for row in rows] == [
        (noise, alpha) for noise in ("const", "random") for alpha in ("global", 0.25, 0.5)
    ]
    assert all(row["photo"] == "me" for row in rows)
    ratio = FrechetRatio(network=Pooled, real=real, samples=SAMPLES, batch_size=BATCH)
    expected = ratio(prior=prior, tuned_generator=tuned, ws=ws)["frechet_ratio"]
    assert rows[0]["ratio"] == pytest.approx(expected, rel=1e-6)
    before = network.seen
    assert benchmark.evaluate(prior=prior, generator=tuned, ws=ws, by=by, photo="me") == rows
    assert network.seen - before == 2 * (SAMPLES + 2 * 13)  # the tuned generator's alone


def test_real_images_are_framed_as_the_photo_was(benchmark: ModuleType, real: str, tmp_path: Path) -> None:
    by = benchmark.Comparison(network=Pooled(), real=real, cache=tmp_path / "cache")
    square, cars = by.real_features(16), Frame(aspect=4 / 3)
    found = by.real_features(16, cars)
    images = RealImages(path=real, resolution=16, aspect=4 / 3).images
    assert torch.equal(found, Pooled()(images)) and not torch.equal(found, square)
    assert torch.equal(by.real_features(16, cars), found) and torch.equal(by.real_features(16, SQUARE), square)
    assert len(list((tmp_path / "cache").iterdir())) == 2, "each frame has its own features"


def test_the_frame_is_that_of_the_photos_run(benchmark: ModuleType, tmp_path: Path) -> None:
    assert benchmark.framed(tmp_path / "bare" / "me") == SQUARE
    for dataset, frame in (("ffhq", SQUARE), ("stanford_cars", Frame(fit="stretch", aspect=4 / 3))):
        (tmp_path / dataset).mkdir()
        (tmp_path / dataset / "config.yaml").write_text(as_yaml(read([f"dataset={dataset}", "dataset.path=."])))
        found = benchmark.framed(tmp_path / dataset / "me")
        assert found.region(64) == frame.region(64) and found.fit == frame.fit, dataset


def test_contact_sheet_shows_both_generators_at_each_alpha(
    benchmark: ModuleType, prior: Prior, tuned: Generator, ws: Tensor
) -> None:
    sheet = benchmark.contact_sheet(prior=prior, generator=tuned, ws=ws, alphas=(0.25, 1), seed=0)
    assert sheet.dtype == torch.uint8
    cell, gap = 128, 4
    assert sheet.shape == (3, 4 * (cell + gap) + gap, 9 * (cell + gap) + gap)
    corner = slice(gap, gap + cell)
    own = [sheet[:, gap + i * (cell + gap) :, corner][:, :cell] for i in range(4)]
    assert torch.equal(own[0], own[2]) and torch.equal(own[1], own[3])
    assert not torch.equal(own[0], own[1])


def test_benchmark_scores_finished_folders(
    benchmark: ModuleType, prior: Prior, tuned: Generator, ws: Tensor, real: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    folder = tmp_path / "run" / "me"
    name = "synthesis.b16.torgb.bias"
    save_tuned(folder / "generator.safetensors", generator=tuned, moved={name: tuned.state_dict()[name]}, prior=prior)
    Latent(ws=ws, space="w").save(folder / "latent.safetensors")
    monkeypatch.setattr(benchmark, "AlexNet", lambda weights: Pooled())
    monkeypatch.setattr(benchmark, "load_prior", lambda path: prior)
    arguments = [str(folder), "--real", real, "--samples", "15", "--near-samples", "13", "--cache", str(tmp_path / "c")]
    arguments += ["--csv", str(tmp_path / "drift.csv"), "--sheets", str(tmp_path / "sheets"), "--noise", "const"]
    assert benchmark.main(arguments) == 0
    rows = read_csv(tmp_path / "drift.csv", text=["photo", "noise", "alpha"])
    assert [row["alpha"] for row in rows] == ["global", "0.25", "0.5"]
    assert all(row["ratio"] == row["frechet_tuned"] / row["frechet_untouched"] for row in rows)
    assert (tmp_path / "sheets" / "me.png").is_file()
    assert len(list((tmp_path / "c").iterdir())) == 4
    assert all("features" in load_file(path) for path in (tmp_path / "c").iterdir())
    assert benchmark.main([*arguments, "--samples", "12"]) == 1
    assert "--samples: 12, but" in capsys.readouterr().err
