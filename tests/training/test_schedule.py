"""Settings that are left open, and those that do not go together."""

import pytest
import torch

from ganinv.config import read, settings_hash
from ganinv.errors import InputError
from ganinv.training.architecture import Network, automatic, new_networks
from ganinv.training.devices import expect_devices
from ganinv.training.schedule import automatic_batch, automatic_dtype, automatic_gamma, expect_groups

CPU = torch.device("cpu")
NO_WEIGHT = ["kimg=9", "num_workers=1", "progress=false", "tick_kimg=9", "save_kimg=9", "save_seconds=9"]


@pytest.mark.parametrize(
    ("stage", "more"),
    [("prior", ["stored=float32", "licence=CC0", "frechet.kimg=9"]), ("encoder", ["judge_kimg=9"])],
)
def test_a_training_goes_on_in_its_folder_whatever_changes_no_weight(stage: str, more: list[str]) -> None:
    def mark(*overrides: str) -> str:
        return settings_hash(read([f"stage={stage}", "dataset.path=x", *overrides], name="pretrain"))

    for setting in ["folder=y", "logger=none", *(f"training.{each}" for each in [*NO_WEIGHT, *more])]:
        assert mark(setting) == mark(), setting
    for setting in ["training.lr=0.5", "training.batch=8", "training.flip=false", "seed=1", "dataset.limit=4"]:
        assert mark(setting) != mark(), setting


def test_settings_that_are_left_open_follow_resolution_and_device() -> None:
    assert [automatic_batch(r, 1) for r in (64, 256, 1024)] == [32, 16, 4]
    assert automatic_batch(64, 2) == 64 and automatic_batch(1024, 8) == 32
    assert automatic_gamma(64, 32) == pytest.approx(0.0256) and automatic_gamma(1024, 4) == pytest.approx(52.4288)
    assert automatic(64, CPU)["channel_base"] == 2048 and automatic(256, CPU)["channel_max"] == 512
    assert automatic_dtype(CPU) in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(("resolution", "kind"), [(32, "cpu"), (64, "cpu"), (64, "cuda"), (128, "cuda")])
def test_small_networks_stay_below_12_megabytes_in_float16(resolution: int, kind: str) -> None:
    record = Network().architecture(resolution, torch.device(kind))
    sizes = [2 * value.numel() for network in new_networks(record, seed=0) for value in network.state_dict().values()]
    assert sum(sizes) < 12e6


def test_batches_are_groups_on_every_device() -> None:
    expect_groups(8, devices=2, group=4)
    expect_groups(2, devices=1, group=4)
    with pytest.raises(InputError, match="must be a multiple of 8 .*, got 12"):
        expect_groups(12, devices=2, group=4)


def test_more_devices_than_there_are_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    expect_devices(2, torch.device("cpu"))
    expect_devices(1, torch.device("cuda"))
    with pytest.raises(InputError, match="training.devices: 2, but this machine has 1; set it to at most 1"):
        expect_devices(2, torch.device("cuda"))
