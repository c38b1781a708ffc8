"""tuner=none: the inverter's latent on the untouched generator, from photo to report."""

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import ganinv
from ganinv.generator.checkpoint import load_prior

from ..running import TINY, Command, run_folder


def test_a_run_leaves_the_generator_as_it_is(
    command: Command,
    photos: Path,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.running.TINY", [value for value in TINY if not value.startswith("tuner.")])
    ended = command(f"dataset.path={photos}", "tuner=none", "dataset.limit=2")
    assert ended.code == 0, ended.err
    folder = run_folder(tmp_path)
    with open(folder / "metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["steps"], row["stopped"]) for row in rows] == [("0", "not tuned")] * 2
    assert all(row["mse"] == row["initial_mse"] and float(row["drift_mse"]) == 0 for row in rows)
    assert "0 steps in 0 s, not tuned" in (folder / "report.html").read_text(encoding="utf-8")
    (again, *_) = sorted(path.parent for path in folder.glob("*/generator.safetensors"))
    assert load_file(again / "generator.safetensors") == {}
    untouched = load_prior(tiny).generator.state_dict()
    assert all(torch.equal(value, untouched[name]) for name, value in ganinv.load(again).generator.state_dict().items())
