"""`python -m ganinv.pretrain`: its settings, and trainings that are killed or run on two devices."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra.types import RunMode
from PIL import Image
from safetensors.torch import load_file

from ganinv import pretrain
from ganinv.config import TRAINING_ROOMS, SettingsError, TrainingSettings, check, read, run_folder, settings_hash
from ganinv.dataset.pixels import to_float
from ganinv.errors import InputError
from ganinv.generator.stylegan2 import Generator, mix_styles
from ganinv.loss.adversarial import discriminator_loss, generator_loss
from ganinv.paths import CONF
from ganinv.pretrain import expect_images
from ganinv.report.dashboard import NoDashboard
from ganinv.training.architecture import Network, new_networks
from ganinv.training.data import Cached, Decoded, read_all
from ganinv.training.order import Order, seed_of
from ganinv.training.sources import source_at

KILLS = 10 if "GANINV_NIGHTLY" in os.environ else 4  # make kills
TINY = [
    "training.resolution=16",
    "training.network.channel_base=64",
    "training.network.channel_max=8",
    "training.network.z_dim=8",
    "training.batch=8",
    "training.frechet=null",
    "training.progress=false",
    "training.num_workers=0",
    "training.tick_kimg=0.016",
    "training.augment.start=0.5",
    "device=cpu",
    "seed=3",
]


def checked(*overrides: str):  # noqa: ANN201
    cfg = read(list(overrides), name="pretrain")
    check(cfg, schema=TrainingSettings, rooms=TRAINING_ROOMS)
    return cfg


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(20):
        pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return folder


def start(*overrides: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ganinv.pretrain", *TINY, *overrides]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=CONF.parent
    )


def finished(*overrides: str) -> str:
    process = start(*overrides)
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return out


def figures(folder: Path) -> list[dict[str, str]]:
    """The log without what a clock says."""
    with open(folder / "log.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in rows]


def same_weights(a: Path, b: Path) -> bool:
    one, other = load_file(a / "latest.safetensors"), load_file(b / "latest.safetensors")
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("option", sorted((CONF / "dataset").glob("*.yaml")), ids=lambda path: path.stem)
def test_any_dataset_can_be_trained_on(option: Path) -> None:
    expect_images(checked(f"dataset={option.stem}", f"++dataset.path={CONF}"))


def test_the_shipped_settings_are_those_of_the_code() -> None:
    cfg = checked(f"dataset.path={CONF}", "training.resolution=64")
    assert cfg.training.kimg == 1000
    for file in ("pretrain.yaml", "stage/prior.yaml", "training/prior.yaml"):
        assert "python -m ganinv.pretrain" in (CONF / file).read_text()


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("training.lr=-1", "training.lr: input should be greater than 0, got -1"),
        ("training.resolution=100", "training.resolution: input should be 8, 16, 32, 64, 128, 256, 512 or 1024"),
        ("training.crop=pad", "training.crop: input should be 'centre', 'letterbox' or 'refuse', got 'pad'"),
        ("training.augment.mode=maybe", "training.augment.mode: input should be 'auto', 'on' or 'off', got 'maybe'"),
        ("training.batchsize=4", "training.batchsize: no such setting; did you mean training.batch?"),
        ("training.start=no.safetensors", "training.start: no.safetensors: no such file"),
        ("dataset.path=no/such", "dataset.path: 'no/such' does not exist"),
        ("stage=nothing", "stage: no option 'nothing'; choose one of "),
    ],
)
def test_a_wrong_setting_is_one_line(override: str, line: str) -> None:
    with pytest.raises(SettingsError) as error:
        checked(f"dataset.path={CONF}", override)
    assert str(error.value).startswith(line) and len(str(error.value).splitlines()) == 1


def test_a_sweep_names_the_trainings_that_failed_at_its_end(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--multirun", f"dataset.path={pictures}", "training.lr=-1,-2", "training.resolution=16"]
    monkeypatch.setattr(sys, "argv", ["pretrain", *asked, "hydra.sweep.dir=here"])
    with pytest.raises(SystemExit) as stop:
        pretrain.main()
    head, *lines = capfd.readouterr().err.splitlines()
    assert stop.value.code == 2 and head == "2 of 2 jobs failed; the same command does what is missing:"
    assert [line.split(": ", 1)[1] for line in lines] == [
        f"training.lr: input should be greater than 0, got {rate}" for rate in (-1, -2)
    ]


def test_a_training_lies_in_a_folder_named_by_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = checked(f"dataset.path={CONF}", "training.resolution=16")
    job = SimpleNamespace(runtime=SimpleNamespace(choices={"stage": "prior", "dataset": "folder"}), mode=RunMode.RUN)
    monkeypatch.setattr("ganinv.config.HydraConfig.get", lambda: job)
    assert pretrain.training_folder(cfg) == Path("runs", "prior_folder", settings_hash(cfg))
    assert run_folder(cfg) == Path("runs", "folder", settings_hash(cfg))


def test_photos_to_invert_are_no_training_set() -> None:
    with pytest.raises(InputError, match="dataset.path: must be set; name a folder or a zip of training images"):
        expect_images(checked("dataset=ffhq"))
    with pytest.raises(InputError, match="dataset.num_shards: shards are for photos to invert"):
        expect_images(checked(f"dataset.path={CONF}", "dataset.num_shards=2"))


def test_the_command_line_answers_without_torch() -> None:
    script = "import sys, ganinv.pretrain; sys.exit(any(m in sys.modules for m in ('torch', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.slow
def test_a_training_that_is_killed_again_and_again_ends_with_the_same_weights(pictures: Path, tmp_path: Path) -> None:
    kimg = f"training.kimg={0.1 * KILLS}"
    settings = [f"dataset.path={pictures}", kimg, "training.save_kimg=0.024"]
    whole, cut, chance = tmp_path / "whole", tmp_path / "cut", random.Random(0)
    finished(*settings, f"folder={whole}")
    for _ in range(KILLS):
        rows = len(figures(cut)) if (cut / "log.csv").exists() else 0
        process = start(*settings, f"folder={cut}")
        while process.poll() is None and (not (cut / "log.csv").exists() or len(figures(cut)) < rows + 4):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert "goes on" in finished(*settings, f"folder={cut}")
    assert same_weights(whole, cut) and figures(whole) == figures(cut)


@pytest.mark.slow
def test_two_devices_train_one_prior_and_go_on_together(pictures: Path, tmp_path: Path) -> None:
    settings = [f"dataset.path={pictures}", "training.devices=2", "training.save_kimg=0.024"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    out = finished(*settings, "training.kimg=0.096", f"folder={whole}")
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in out and out.count("0.10 kimg") == 1
    finished(*settings, "training.kimg=0.048", f"folder={cut}")
    finished(*settings, "training.kimg=0.096", f"folder={cut}")
    assert same_weights(whole, cut) and figures(whole) == figures(cut)


@pytest.mark.slow
def test_the_gradients_of_two_devices_are_averaged(pictures: Path, tmp_path: Path) -> None:
    """One step against the same by hand: each device's half of the batch under its own random numbers."""
    plain = ["training.path_weight=0", "training.r1_gamma=0", "training.augment.mode=off", "training.kimg=0.008"]
    finished(f"dataset.path={pictures}", "training.devices=2", *plain, f"folder={tmp_path / 'run'}")
    found = load_file(tmp_path / "run" / "latest.safetensors")
    record = Network(channel_base=64, channel_max=8, z_dim=8).architecture(16, torch.device("cpu"))
    generator, discriminator = new_networks(record, seed=3)
    decoded = Decoded(source=source_at(str(pictures), limit=None), resolution=16, crop="centre")
    cached = Cached(pixels=read_all(decoded, path="", num_workers=0), order=Order(count=20, seed=3, flip=True))
    for rank in range(2):
        torch.manual_seed(seed_of(3, 0, rank))
        real = to_float(torch.stack([cached[place] for place in range(4 * rank, 4 * rank + 4)]))
        fake = generator.synthesis(latents(generator), noise_mode="random")
        weights = list(generator.parameters())
        loss = generator_loss(discriminator(fake)).mean() / 2
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient if weight.grad is None else weight.grad + gradient
        (discriminator_loss(discriminator(real), discriminator(fake.detach())).mean() / 2).backward()
    for prefix, network in (("G.", generator), ("D.", discriminator)):
        torch.optim.Adam(network.parameters(), lr=0.0025, betas=(0.0, 0.99)).step()
        for name, value in network.named_parameters():
            close = torch.isclose(found[prefix + name], value, atol=1e-4)
            # Adam's first step is ± lr, so a gradient of nearly 0 may go either way: 2 of 64 did on another CPU.
            assert close.float().mean() > 0.95, name


def latents(generator: Generator) -> torch.Tensor:
    """As the training draws them on one device."""
    ws = generator.mapping(torch.randn(4, 8))
    if torch.rand([]) >= 0.9:
        return ws
    crossover = int(torch.randint(1, generator.num_ws, []))
    return mix_styles(ws, generator.mapping(torch.randn(4, 8)), crossover=crossover)


def test_a_refused_training_leaves_the_settings_of_the_one_in_the_folder(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrain, "training_folder", lambda cfg: tmp_path / "run")
    monkeypatch.setattr(pretrain, "dashboard", lambda cfg, folder: nullcontext(NoDashboard()))
    common = [f"dataset.path={pictures}", "training.kimg=0.008", *TINY]
    pretrain.pretrain(checked(*common))
    before = (tmp_path / "run" / "config.yaml").read_text()
    assert "channel_max: 8" in before
    with pytest.raises(InputError, match="holds a training with another architecture"):
        pretrain.pretrain(checked(*common, "training.network.channel_max=16"))
    assert (tmp_path / "run" / "config.yaml").read_text() == before
