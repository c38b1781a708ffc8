"""An encoder's training from a folder of pictures to a file that inverts."""

import csv
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ganinv.config import TRAINING_ROOMS, TrainingSettings, build, check, read
from ganinv.dataset.frame import SQUARE
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, fingerprint, load_prior
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.encoder import Encode
from ganinv.paths import CONF
from ganinv.report.dashboard import NoDashboard
from ganinv.training.encoder_loss import EncoderObjective
from ganinv.training.encoder_network import Network
from ganinv.training.train_encoder import TrainEncoder, finish
from ganinv.tuner.fit import Bar

TINY: dict[str, Any] = {"units": (1, 1, 1, 1), "width": 8, "style_width": 8}


@pytest.fixture
def prior() -> Prior:
    torch.manual_seed(1)
    generator = Generator(z_dim=8, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8)
    return Prior(generator.requires_grad_(False).eval(), None, fingerprint(generator), {}, "tiny", licence="CC0")


@pytest.fixture
def train(pictures: Path, prior: Prior) -> Callable[..., Path]:
    """A training of 8 steps in batches of 4, measured and kept every 2; -> its folder."""

    def train(name: str = "run", **changes: Any) -> Path:
        few: dict[str, Any] = {"kimg": 0.032, "batch": 4, "held_out": 4, "refinements": 2, "progress": False}
        few |= {"tick_kimg": 0.008, "judge_kimg": 0.008, "save_kimg": 0.008, "num_workers": 0}
        given = {"network": Network(**TINY), "objective": EncoderObjective(lpips_weight=0.0)} | few | changes
        prior_of_it, folder = given.pop("prior", prior), pictures.parent / name
        where: dict[str, Any] = {"path": str(pictures), "limit": None, "frame": SQUARE, "folder": folder}
        TrainEncoder(**given)(**where, device=torch.device("cpu"), seed=0, board=NoDashboard(), prior=prior_of_it)
        return folder

    return train


def test_a_training_leaves_an_encoder_that_inverts(train: Callable[..., Path], prior: Prior) -> None:
    folder = train()
    inverter = Encode(path=str(folder / "encoder.safetensors"), kind="restyle", steps=2)
    assert inverter(prior=prior, images=torch.zeros(2, 3, 16, 16), seed=0).ws.shape == (2, 6, 8)
    assert inverter.trained.licence == "CC0" and inverter.trained.training["images"] == 8
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [float(row["step"]) for row in rows] == [2, 4, 6, 8]
    assert inverter.trained.training["held_out_mse"] == min(float(row["held_out_mse"]) for row in rows)
    for name in ("held_out.png", "latest.safetensors", "best.safetensors", "state.pt"):
        assert (folder / name).is_file()


def test_a_training_that_is_killed_ends_with_the_same_weights(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("whole")
    from ganinv.training.encoder import EncoderTraining

    step = EncoderTraining.training_step
    left = [5]

    def killed(self: EncoderTraining, *given: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise RuntimeError("killed")
        step(self, *given)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(EncoderTraining, "training_step", killed)
        train("cut")
    cut = train("cut")
    for name in ("latest", "encoder"):
        first, again = (load_file(folder / f"{name}.safetensors") for folder in (whole, cut))
        assert first.keys() == again.keys() and all(torch.equal(first[key], again[key]) for key in first)
    assert train("cut") == cut  # finished before


def test_an_encoder_whose_file_was_not_reached_is_there_after_the_same_command(train: Callable[..., Path]) -> None:
    folder = train()
    whole = (folder / "encoder.safetensors").read_bytes()
    (folder / "encoder.safetensors").unlink()
    train()
    assert (folder / "encoder.safetensors").read_bytes() == whole == (folder / "best.safetensors").read_bytes()


def test_without_room_for_a_best_one_the_latest_is_the_encoder(tmp_path: Path) -> None:
    (tmp_path / "latest.safetensors").write_bytes(b"latest")
    finish(tmp_path)
    assert (tmp_path / "encoder.safetensors").read_bytes() == b"latest"


def test_a_longer_training_goes_on_and_is_no_other_setting(
    train: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    train(kimg=0.016)
    folder = train(kimg=0.032)
    warned = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert warned == [f"{folder}: another training.kimg than before; from here on the rate is that of its length"]
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [float(row["step"]) for row in rows] == [2, 4, 6, 8]


def test_what_a_state_does_not_fit_is_a_sentence(train: Callable[..., Path]) -> None:
    train(kimg=0.016)
    with pytest.raises(InputError, match="holds a training with another pool; choose another folder"):
        train(pool=7)
    with pytest.raises(InputError, match="holds a training with another optimizer"):
        train(optimizer="adam")
    with pytest.raises(InputError, match="holds a training with another latent_discriminator"):
        train(objective=EncoderObjective(lpips_weight=0.0, adversarial=0.1))


def test_the_bar_has_the_name_of_what_is_trained(train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    class Named(Bar):
        def __init__(self, name: str) -> None:
            names.append(name)
            super().__init__(name)

    monkeypatch.setattr("ganinv.training.fit.Bar", Named)
    train(kimg=0.008, progress=True)
    assert names == ["encoder"]


def test_held_out_images_that_cannot_be_read_are_a_sentence(train: Callable[..., Path], pictures: Path) -> None:
    for number in range(8, 12):
        (pictures / f"{number:02}.png").write_bytes(b"")
    with pytest.raises(InputError, match="training.held_out: none of the last 4 images can be read"):
        train(cache_mb=0)


def test_going_on_from_an_encoder(train: Callable[..., Path]) -> None:
    first = train("first")
    second = train("second", start=str(first / "encoder.safetensors"), lr=1e-9, decay=0.0, kimg=0.004)
    before, after = (load_file(folder / "encoder.safetensors") for folder in (first, second))
    moved = [name for name in before if "running" not in name and not torch.allclose(before[name], after[name])]
    assert not moved


def test_wrong_input(train: Callable[..., Path], prior: Prior) -> None:
    with pytest.raises(InputError, match="holds 12 usable images, fewer than 9 to measure on and a batch of 4; add"):
        train(held_out=9)
    with pytest.raises(InputError, match="generator: must be set; name the prior"):
        train(prior=None)
    with pytest.raises(InputError, match="training.network: e4e with deltas=False"):
        train(network=Network(kind="e4e", **TINY))
    labelled = Generator(z_dim=8, w_dim=8, c_dim=3, img_resolution=16, mapping_layers=2, channel_base=64)
    with pytest.raises(InputError, match="generator: labelled has labels"):
        train(prior=Prior(labelled, None, "sha256:1", {}, "labelled"))
    train("other")
    with pytest.raises(InputError, match="holds a training with another prior"):
        train("other", prior=Prior(prior.generator, None, "sha256:1", {}, "other"))


def test_settings_with_networks_of_features(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GANINV_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    (tmp_path / "faces.safetensors").touch()
    weights = f"training.objective.identity.weights={tmp_path}/faces.safetensors"
    for given in (["training=encoder_perceptual"], ["training=encoder_faces", weights]):
        cfg = read(["stage=encoder", "dataset.path=.", *given], name="pretrain")
        check(cfg, schema=TrainingSettings, rooms=TRAINING_ROOMS)
        with pytest.raises(InputError, match="lpips_alexnet_features .* is not at hand"):
            build(cfg, "training")


@pytest.mark.parametrize("name", ["encoder", "encoder_e4e"])
def test_the_shipped_settings_fit_the_code(name: str) -> None:
    cfg = read(["stage=encoder", f"training={name}", "dataset.path=."], name="pretrain")
    check(cfg, schema=TrainingSettings, rooms=TRAINING_ROOMS)
    training = build(cfg, "training")
    prior = load_prior("package:ffhq64.safetensors")
    architecture = training.network.architecture(prior.generator)
    assert architecture.kind == ("restyle" if name == "encoder" else "e4e")
    assert (architecture.num_ws, architecture.w_dim, architecture.in_size) == (10, 128, 64)


def test_our_own_encoder_is_small() -> None:
    from ganinv.inverter.networks.build import expected

    cfg = read(["stage=encoder", "dataset.path=."], name="pretrain")
    network = build(cfg, "training").network
    shapes = expected(network.architecture(load_prior("package:ffhq64.safetensors").generator))
    count = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert 2_500_000 < count < 3_000_000 and "2.9 million" in (CONF / "training" / "encoder.yaml").read_text()


def test_a_file_knows_how_many_layers_have_their_own_w(train: Callable[..., Path], prior: Prior) -> None:
    network = Network(kind="e4e", deltas=True, **TINY)
    folder = train(network=network, refinements=1, deltas_from=100, deltas_every=100)
    first = Encode(path=str(folder / "latest.safetensors"))
    ws = first(prior=prior, images=torch.rand(2, 3, 16, 16), seed=0).ws
    assert first.trained.encoder.layers == 1 and torch.equal(ws, ws[:, :1].expand_as(ws))
    every = train("every", network=network, refinements=1)
    assert Encode(path=str(every / "latest.safetensors")).trained.encoder.layers == 6


def test_a_file_of_more_layers_than_there_are_is_refused(train: Callable[..., Path]) -> None:
    path = train(kimg=0.008) / "encoder.safetensors"
    with safe_open(path, framework="pt") as file:
        header = file.metadata() | {"layers": "7"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, header)
    with pytest.raises(InputError, match="its header does not describe its encoder .layers: 7, of 6."):
        Encode(path=str(path))


def test_known_latents_alone_need_samples(train: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="training.sampled: no sample in a batch, and objective.latent asks"):
        train(objective=EncoderObjective(mse=0.0, lpips_weight=0.0, latent=1.0), sampled=0.0)
