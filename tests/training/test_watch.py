"""What is kept and said while a training runs, and how one that was cut, changed or spoilt goes on."""

import errno
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganinv import files
from ganinv.errors import InputError
from ganinv.files import read_csv
from ganinv.training.prior import PriorTraining
from ganinv.training.train import TrainPrior

Make = Callable[..., TrainPrior]
Train = Callable[..., Path]


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
    train(make(lr=0.001, kimg=0.064, crop="letterbox"))
    assert f"{folder}: goes on with other settings than before: crop" in caplog.messages


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


def test_a_training_that_diverges_says_how_to_go_on_from_its_last_state(make: Make, train: Train) -> None:
    folder = train(make())
    with pytest.raises(InputError) as error:
        train(make(kimg=0.064, lr=1e30))
    said = "diverged at 0.05 kimg, a loss or a weight is not finite; go on from the state after 0.03 kimg with"
    assert str(error.value) == f"training: {said} folder={folder} training.lr=5e+29 or training.r1_gamma=0.0256"
    assert torch.load(folder / "state.pt", weights_only=True)["step"] == 8


@pytest.mark.parametrize("what", ["loss", "weight"])
def test_between_two_reports_no_state_of_a_divergence_is_kept(
    make: Make, train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    step = PriorTraining.training_step

    def spoilt(self: PriorTraining, batch: Tensor, batch_idx: int) -> None:
        step(self, batch, batch_idx)
        if self.steps_done == 3 and what == "loss":
            self.means.note(loss_g=torch.tensor(math.inf))
        if self.steps_done == 3 and what == "weight":
            self.generator.synthesis.get_parameter("b4.const").data[0, 0, 0] = math.nan

    with monkeypatch.context() as context, pytest.raises(InputError, match="diverged at 0.01 kimg.* after 0.01 kimg"):
        context.setattr(PriorTraining, "training_step", spoilt)
        train(make(save_kimg=0.004))
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] == 2 and all(value.isfinite().all() for value in state["module"].values())


def test_a_divergence_before_the_first_state_names_none(make: Make, train: Train) -> None:
    with pytest.raises(InputError, match="no state was kept before; begin anew with training.lr=5e\\+29$"):
        train(make(lr=1e30, r1_gamma=0))


def test_a_dashboard_gets_every_row(make: Make, train: Train) -> None:
    class Board:
        def __init__(self) -> None:
            self.rows: list[dict[str, float]] = []
            self.pictured = 0

        def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
            self.pictured += "samples" in pictures and pictures["samples"].exists()
            self.rows.append(row)

    board = Board()
    train(make(), board=board)
    assert [row["kimg"] for row in board.rows] == [0.016, 0.032] and json.dumps(board.rows)
    assert board.pictured == 2
    again = Board()
    train(make(kimg=0.048), board=again)
    assert [row["kimg"] for row in again.rows] == [0.016, 0.032, 0.048] and again.pictured == 1


def test_after_ctrl_c_the_last_kept_state_is_said(
    make: Make, train: Train, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = PriorTraining.training_step

    def stopped(self: PriorTraining, batch: Tensor, batch_idx: int) -> None:
        if self.steps_done == at:
            raise KeyboardInterrupt
        step(self, batch, batch_idx)

    monkeypatch.setattr(PriorTraining, "training_step", stopped)
    for at, kept in (
        (3, "0.01 kimg were done, no state was kept yet"),
        (6, "0.02 kimg were done, a state was last kept at 0.02"),
    ):
        with pytest.raises(KeyboardInterrupt):
            train(make(), str(at))
        assert any(message.startswith(kept) for message in caplog.messages), caplog.messages
