"""A whole training: what it leaves, where it starts, what it refuses, and what it says."""

import errno
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ganinv import files
from ganinv.errors import InputError
from ganinv.files import read_csv
from ganinv.generator.checkpoint import load_prior, save_prior
from ganinv.training.architecture import automatic
from ganinv.training.judge import Judge
from ganinv.training.schedule import automatic_batch, automatic_dtype, automatic_gamma, expect_groups
from ganinv.training.start import networks_of, raw_tensors
from ganinv.training.train import TrainPrior

CPU = torch.device("cpu")
Make = Callable[..., TrainPrior]
Train = Callable[..., Path]


class Means(nn.Module):
    """Stands in for a feature network: mean and deviation of red."""

    title, num_features = "Fréchet distance (means)", 2

    def forward(self, pixels: Tensor) -> Tensor:
        red = pixels[:, 0].float()
        return torch.stack([red.mean(dim=[1, 2]), red.std(dim=[1, 2])], dim=1)


def judge() -> Judge:
    return Judge(network=Means, samples=6, kimg=0.016, batch_size=5)


def test_it_leaves_a_prior_with_its_card_its_log_and_what_goes_on_from_it(make: Make, train: Train) -> None:
    folder = train(make(frechet=judge(), licence="CC0"))
    left = {path.name for path in folder.iterdir()}
    assert left == {
        "best.png", "best.safetensors", "card.md", "curve.svg", "latest.safetensors", "log.csv", "prior.safetensors",
        "samples", "samples.png", "state.pt",
    }  # fmt: skip
    rows = read_csv(folder / "log.csv")
    assert [row["step"] for row in rows] == [4, 8] and rows[1]["kimg"] == 0.032
    assert {"logit_real", "logit_fake", "loss_g", "loss_d", "frechet", "images_per_second"} <= rows[0].keys()
    prior, best = load_prior(folder / "prior.safetensors"), min(rows, key=lambda row: row["frechet"])
    assert prior.licence == "CC0" and prior.generator.img_resolution == 16 and prior.discriminator is not None
    assert prior.training["frechet"] == best["frechet"] and prior.training["kimg"] == best["kimg"]
    assert prior.training["images"] == 12 and "hardware" in prior.training["environment"]
    card = (folder / "card.md").read_text()
    for said in ("12 images", "CC0", "Fréchet distance (means)", "(curve.svg)", "(best.png)", prior.fingerprint):
        assert said in card
    assert len(list((folder / "samples").iterdir())) == 2


def test_the_finished_prior_is_half_as_large_and_near_the_trained_one(make: Make, train: Train) -> None:
    folder = train(make())
    latest, prior = load_prior(folder / "latest.safetensors"), load_prior(folder / "prior.safetensors")
    with safe_open(folder / "prior.safetensors", "pt") as handle:
        names = list(handle.keys())
        assert all(handle.get_tensor(name).dtype == torch.float16 for name in names)
        assert handle.metadata()["fingerprint"] == prior.fingerprint != latest.fingerprint
    assert not any(name.startswith("G.") for name in names)
    z = torch.randn(4, 8)
    assert torch.allclose(prior.generator(z), latest.generator(z), atol=0.01)
    assert "(samples.png)" in (folder / "card.md").read_text()


def test_float16_that_would_overflow_is_refused(make: Make, train: Train) -> None:
    folder = train(make())
    prior = load_prior(folder / "latest.safetensors")
    prior.generator.synthesis.get_parameter("b4.const").fill_(1e6)
    save_prior(folder / "latest.safetensors", prior)
    with pytest.raises(InputError, match=r"a weight of 1e\+06 does not fit float16; set training.stored=float32"):
        train(make())
    train(make(stored="float32"))
    assert load_prior(folder / "prior.safetensors").generator.synthesis.get_parameter("b4.const").max() == 1e6


def test_it_goes_on_from_the_raw_weights_of_a_prior(make: Make, train: Train) -> None:
    latest = train(make()) / "latest.safetensors"
    stored = load_file(latest)
    networks = networks_of(str(latest))
    assert torch.equal(networks.generator.synthesis.get_parameter("b4.const"), stored["G.synthesis.b4.const"])
    assert torch.equal(networks.average.synthesis.get_parameter("b4.const"), stored["G_ema.synthesis.b4.const"])
    assert not torch.equal(stored["G.synthesis.b4.const"], stored["G_ema.synthesis.b4.const"])
    again = make(start=str(latest), resolution=None, stored="float32")
    assert again.given["ema_rampup"] is None
    training = load_prior(train(again, "again") / "prior.safetensors").training
    assert training["before"]["kimg"] == 0.032


def test_a_prior_without_raw_weights_starts_from_its_average(make: Make, train: Train) -> None:
    prior = train(make()) / "prior.safetensors"
    assert raw_tensors(str(prior)) is None and raw_tensors(str(prior.parent)) is None
    networks = networks_of(str(prior))
    assert torch.equal(
        networks.generator.synthesis.get_parameter("b4.const"), networks.average.synthesis.get_parameter("b4.const")
    )
    assert networks.generator is not networks.average


def test_the_shared_prior_starts_from_its_raw_weights(shared: Callable[[str], Path]) -> None:
    path = str(shared("priors/ffhq64.safetensors"))
    networks, raw = networks_of(path), raw_tensors(path)
    assert raw is not None and networks.before == {
        "images": 101600,
        "data": "FFHQ 00200-04999 at 64 px, horizontal flips",
    }
    assert torch.equal(
        networks.generator.synthesis.get_parameter("b64.conv1.weight"), raw["G_ema.synthesis.b64.conv1.weight"]
    )
    assert not torch.equal(
        networks.generator.synthesis.get_parameter("b64.conv1.weight"),
        networks.average.synthesis.get_parameter("b64.conv1.weight"),
    )


def test_a_start_without_discriminator_or_of_another_size_is_refused(make: Make, train: Train) -> None:
    latest = train(make()) / "latest.safetensors"
    prior = load_prior(latest)
    with pytest.raises(InputError, match="has 16 pixels, got 32"):
        train(make(start=str(latest), resolution=32), "other")
    object.__setattr__(prior, "discriminator", None)
    save_prior(latest, prior)
    with pytest.raises(InputError, match="has no discriminator"):
        networks_of(str(latest))


def test_a_finished_one_goes_on_with_more_and_nothing_is_done_twice(
    make: Make, train: Train, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ganinv")
    whole = train(make(kimg=0.048), "whole")
    half = train(make())
    assert train(make()) == half and "0.03 of 0.032 kimg are done: finished before" in caplog.text
    train(make(kimg=0.048))
    assert fingerprints(half) == fingerprints(whole)
    assert [row["step"] for row in read_csv(half / "log.csv")] == [4, 8, 12]


def fingerprints(folder: Path) -> dict[str, Any]:
    return {name: tensor.double().sum().item() for name, tensor in load_file(folder / "latest.safetensors").items()}


def test_other_networks_in_the_folder_are_refused_other_rates_are_said(
    make: Make, train: Train, caplog: pytest.LogCaptureFixture
) -> None:
    folder = train(make())
    with pytest.raises(InputError, match="holds a training with another batch; choose another folder"):
        train(make(batch=8))
    with pytest.raises(InputError, match="holds a training with another architecture"):
        train(make(resolution=32))
    train(make(lr=0.001, kimg=0.048))
    assert f"{folder}: goes on with other settings than before: lr" in caplog.messages


def full_disk(monkeypatch: pytest.MonkeyPatch, *, of: str, until: int) -> list[str]:
    """The disk is full for the first `until` writes of files named `of`; -> those writes."""
    written, replace = [], files.os.replace

    def refuse(source: Path, target: Path) -> None:
        written.append(target.name)
        if target.name == of and written.count(of) <= until:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", refuse)
    return written


def test_a_full_disk_is_said_and_the_training_goes_on(
    make: Make, train: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(make(), "whole")
    full_disk(monkeypatch, of="state.pt", until=1)
    folder = train(make())
    [line] = [message for message in caplog.messages if "state.pt" in message]
    assert line.startswith(f"{folder}: state.pt cannot be written in this folder (No space left on device); free some")
    assert line.endswith("the training goes on and tries again, what was written before stays")
    assert fingerprints(folder) == fingerprints(whole)


def test_a_disk_that_stays_full_ends_it_with_a_sentence_and_the_state_before(
    make: Make, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = train(make(kimg=0.048), "whole"), train(make())
    with monkeypatch.context() as context:
        full_disk(context, of="state.pt", until=99)
        with pytest.raises(InputError, match="state.pt cannot be written in this folder"):
            train(make(kimg=0.048))
    assert not list(folder.glob(".*.part"))
    train(make(kimg=0.048))
    assert fingerprints(folder) == fingerprints(whole)


def test_a_broken_state_is_refused(make: Make, train: Train) -> None:
    folder = train(make())
    (folder / "state.pt").write_bytes((folder / "state.pt").read_bytes()[:1000])
    with pytest.raises(InputError, match="state.pt: not a whole training state; remove it to begin anew"):
        train(make())


def test_a_training_that_diverges_says_where_its_last_state_is(make: Make, train: Train) -> None:
    folder = train(make())
    with pytest.raises(InputError, match=r"diverged at 0.05 kimg, a loss is not finite; .*lower training.lr"):
        train(make(kimg=0.064, lr=1e30))
    assert torch.load(folder / "state.pt", weights_only=True)["step"] == 8


def test_a_dashboard_gets_every_row(make: Make, train: Train) -> None:
    class Board:
        rows: list[dict[str, float]] = []

        def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
            assert pictures["samples"].exists()
            self.rows.append(row)

    board = Board()
    train(make(), board=board)
    assert [row["kimg"] for row in board.rows] == [0.016, 0.032] and json.dumps(board.rows)


def test_too_few_images_for_a_batch_or_a_distance_are_sentences(make: Make, train: Train) -> None:
    with pytest.raises(InputError, match="holds 12 usable images, fewer than a batch of 16"):
        train(make(batch=16))
    few = Means()
    few.num_features = 12
    with pytest.raises(InputError, match="training images .training.frechet=null measures nothing.: 12, but"):
        train(make(frechet=Judge(network=lambda: few, samples=13)), "other")


def test_settings_that_are_left_open_follow_resolution_and_device() -> None:
    assert [automatic_batch(r, 1) for r in (64, 256, 1024)] == [32, 16, 4]
    assert automatic_batch(64, 2) == 64 and automatic_batch(1024, 8) == 32
    assert automatic_gamma(64, 32) == pytest.approx(0.0256) and automatic_gamma(1024, 4) == pytest.approx(52.4288)
    assert automatic(64, CPU)["channel_base"] == 2048 and automatic(256, CPU)["channel_max"] == 512
    assert automatic_dtype(CPU) in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(("resolution", "kind"), [(32, "cpu"), (64, "cpu"), (64, "cuda"), (128, "cuda")])
def test_small_networks_stay_below_12_megabytes_in_float16(resolution: int, kind: str) -> None:
    from ganinv.training.architecture import Network, new_networks

    record = Network().architecture(resolution, torch.device(kind))
    sizes = [2 * value.numel() for network in new_networks(record, seed=0) for value in network.state_dict().values()]
    assert sum(sizes) < 12e6


def test_batches_are_groups_on_every_device() -> None:
    expect_groups(8, devices=2, group=4)
    expect_groups(2, devices=1, group=4)
    with pytest.raises(InputError, match=r"must be a multiple of 8 \(2 devices, groups of 4\), got 12"):
        expect_groups(12, devices=2, group=4)
