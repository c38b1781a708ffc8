"""Dashboards: what W&B and the CSV logger hold can be read back, and jobs of one process never mix."""

import json
import logging
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import wandb
from wandb.errors import AuthenticationError
from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue] made at import

from ganinv.errors import InputError
from ganinv.files import read_csv, read_png, write_png
from ganinv.report.dashboard import Csv, NoDashboard, Wandb
from ganinv.report.summary import Report, Summary

BLOCK = 32768
CURVE = [{"step": 0.0, "total": 2.0, "mse": 0.04}, {"step": 10.0, "total": 0.5, "mse": 0.0004}]


@pytest.fixture
def summary(saved: Callable[..., Path]) -> Summary:
    run = saved("b", mse=3.0).parent
    saved("a", mse=1.0, psnr=float("inf"))
    return Report()(run, settings_hash="0123456789", settings="", failed={})


def stored(folder: Path) -> list[Record]:
    """What an offline run wrote, once W&B's process has ended: LevelDB's log format after a head of 7 bytes."""
    wandb.teardown()
    [path] = folder.glob("wandb/offline-run-*/*.wandb")
    data, at, parts, found = path.read_bytes(), 7, b"", []
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:  # too little for a chunk's head: padding
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)  # checksum, length, whole/first/middle/last = 1..4
        parts, at = parts + data[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):
            found.append(Record.FromString(parts))
            parts = b""
    return found


def rows(records: list[Record]) -> Iterator[dict]:
    for record in records:
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            yield {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_wandb_offline_holds_curves_grid_table_and_config(summary: Summary, tmp_path: Path, caplog, capfd) -> None:
    caplog.set_level(logging.INFO, logger="ganinv")
    board, folder = Wandb(pictures=1), tmp_path / "new"
    metrics = {"mse": 0.25, "stopped": "budget", "lpips": None, "steps": 10}
    try:
        board.start(folder=folder, config={"tuner": {"lr": 0.5}}, name="first", group="sweep")
        board.log_photo("face one", folder=summary.folders["a"], curve=CURVE, metrics=metrics, pictures={})
        board.log_summary(summary)
    finally:
        board.finish()
    records = stored(folder)
    history = list(rows(records))
    assert [row["total/face one"] for row in history if "total/face one" in row] == [2.0, 0.5]
    assert [row["step/face one"] for row in history if "step/face one" in row] == [0.0, 10.0]
    assert [row["photo/mse"] for row in history if "photo/mse" in row] == [0.25]
    axes = {r.metric.name: r.metric.step_metric for r in records if r.WhichOneof("record_type") == "metric"}
    assert axes["mse/face one"] == "step/face one"
    assert any("grid" in row or "grid/_type" in row for row in history)
    [table] = folder.glob("wandb/offline-run-*/files/media/table/*.json")
    content = json.loads(table.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [row[content["columns"].index("image")] for row in content["data"]] == ["a", "b"]
    [run] = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    assert (run.display_name, run.run_group, run.project) == ("first", "sweep", "ganinv")
    assert {u.key: json.loads(u.value_json) for u in run.config.update}["tuner"] == {"lr": 0.5}
    [said] = [record.getMessage() for record in caplog.records if record.name.startswith("ganinv")]
    assert f"offline in {folder}" in said and "wandb sync" in said
    assert "".join(capfd.readouterr()) == ""


def test_two_jobs_of_one_process_are_two_runs(tmp_path: Path) -> None:
    boards = {name: Wandb(pictures=0) for name in ("one", "two")}
    for name, board in boards.items():  # open at the same time, as by a job that was never closed
        board.start(folder=tmp_path / name, config={"name": name}, name=name)
    for name, board in boards.items():
        board.log_photo(name, folder=tmp_path, curve=CURVE, metrics={}, pictures={})
    for board in (*boards.values(), *boards.values()):
        board.finish()
    for name in ("one", "two"):
        keys = {key for row in rows(stored(tmp_path / name)) for key in row if not key.startswith("_")}
        assert keys == {f"step/{name}", f"total/{name}", f"mse/{name}"}


def test_a_refusal_of_wandb_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AuthenticationError("no API key")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(InputError, match="logger: W&B does not start .no API key.; run `wandb login`"):
        Wandb(mode="online").start(folder=tmp_path, config={}, name="x")


def test_the_csv_logger_writes_every_curve_and_the_summary(summary: Summary, tmp_path: Path) -> None:
    board, folder = Csv(), tmp_path / "run"
    board.start(folder=folder, config={}, name="x")
    board.log_photo("a", folder=tmp_path, curve=CURVE, metrics={}, pictures={})
    board.log_summary(summary)
    board.finish()
    curves = read_csv(folder / "curves.csv", text=("image",))
    assert [(row["image"], row["step"], row["mse"]) for row in curves] == [
        ("a", 0, 0.04),
        ("a", 10, 0.0004),
        ("b", 0, 0.04),
        ("b", 10, 0.0004),
    ]
    figures = {row["metric"]: row for row in read_csv(folder / "summary.csv", text=("metric",))}
    assert figures["mse"] == {"metric": "mse", "mean": 2, "std": pytest.approx(2**0.5), "n": 2, "exact": 0}
    assert figures["psnr"]["exact"] == 1


def test_no_dashboard_writes_nothing(tmp_path: Path, summary: Summary) -> None:
    board = NoDashboard()
    board.start(folder=tmp_path / "none", config={}, name="x")
    board.log_photo("a", folder=tmp_path, curve=CURVE, metrics={}, pictures={})
    board.log_summary(summary)
    board.finish()
    assert not (tmp_path / "none").exists()


def test_a_training_is_logged_over_the_images_shown_with_its_pictures_as_they_were(tmp_path: Path) -> None:
    board, folder, picture = Wandb(), tmp_path / "run", tmp_path / "samples.png"
    board.start(folder=folder, config={}, name="training")
    for kimg, shade in ((0.5, 10), (1.0, 200)):
        write_png(picture, torch.full([3, 8, 8], shade, dtype=torch.uint8))
        board.log_training({"kimg": kimg, "logit_real": 2 * kimg}, pictures={"samples": picture})
    board.finish()
    records = stored(folder)
    figures = [(row["kimg"], row["logit_real"]) for row in rows(records) if "kimg" in row]
    assert figures == [(0.5, 1.0), (1.0, 2.0)]
    axes = [r.metric for r in records if r.WhichOneof("record_type") == "metric"]
    assert any(axis.glob_name == "*" and axis.step_metric == "kimg" for axis in axes)
    kept = folder.glob("wandb/offline-run-*/files/media/images/samples_*.png")
    assert {int(read_png(path)[0, 0, 0]) for path in kept} == {10, 200}
