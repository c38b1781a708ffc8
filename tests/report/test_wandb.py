"""What an offline W&B run holds beside its curves: thumbnails, the picture over the steps, artifacts."""

import hashlib
import json
import os
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue] made at import

import ganinv
from ganinv.files import read_csv, read_png
from ganinv.report.artefacts import FILES
from ganinv.report.dashboard import WORDS, Wandb
from ganinv.report.summary import Report, Summary
from ganinv.report.wandb_media import STAGING, as_artifact

from ..running import Command
from .test_dashboard import CURVE, rows, stored

TITLES = ["target", "initial", "tuned", "difference x10"]


@pytest.fixture
def summary(saved: Callable[..., Path]) -> Summary:
    run = saved("b", mse=3.0).parent
    saved("a", mse=1.0, psnr=float("inf"))
    return Report()(run, settings_hash="0123456789", settings="", failed={})


def artifacts(records: list[Record]) -> dict[str, Any]:
    """What a run left to upload, by name."""
    return {
        record.artifact.name: record.artifact for record in records if record.WhichOneof("record_type") == "artifact"
    }


def contents(artifact: Any) -> dict[str, Path]:
    """An artifact's files, as they will be called -> as they lie on disk: whole, and not in another's place."""
    for entry in artifact.manifest.contents:
        assert hashlib.md5(Path(entry.local_path).read_bytes()).digest() == b64decode(entry.digest)
    return {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}


def table_of(folder: Path) -> tuple[list[str], list[list[Any]], dict[str, Path]]:
    """Columns, rows and files of the photos' table."""
    [found] = [each for name, each in artifacts(stored(folder)).items() if name.endswith("-metrics")]
    files = contents(found)
    content = json.loads(files["metrics.table.json"].read_text())
    return content["columns"], content["data"], files


def write_summary(folder: Path, summary: Summary, **settings: Any) -> None:
    board = Wandb(**settings)
    board.start(folder=folder, config={}, name="x")
    board.log_summary(summary)
    board.finish()


def test_the_table_has_the_four_pictures_of_each_photo(summary: Summary, tmp_path: Path) -> None:
    write_summary(tmp_path / "new", summary)
    columns, data, files = table_of(tmp_path / "new")
    assert columns[:5] == ["image", *TITLES] and [row[0] for row in data] == ["a", "b"]
    shown = {title: read_png(files[cell["path"]]) for title, cell in zip(TITLES, data[1][1:5], strict=True)}
    for title in ("target", "initial", "tuned"):
        assert torch.equal(shown[title], read_png(summary.folders["b"] / f"{title}.png"))
    levels = (shown["tuned"].short() - shown["target"].short()).abs() * 10
    assert torch.equal(shown["difference x10"].short(), levels.clamp(max=255))
    assert [row[columns.index("psnr")] for row in data] == ["inf", 40.0]
    assert all(path.is_relative_to(tmp_path / "new") for path in files.values()), "all of a run lies in its folder"
    assert STAGING not in os.environ


def test_the_user_may_say_where_uploads_wait(summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STAGING, str(tmp_path / "own"))
    write_summary(tmp_path / "new", summary)
    assert all(path.is_relative_to(tmp_path / "own") for path in table_of(tmp_path / "new")[2].values())


@pytest.mark.parametrize("most", [0, 1])
def test_no_more_photos_are_shown_than_may_be(summary: Summary, tmp_path: Path, most: int) -> None:
    write_summary(tmp_path / "new", summary, pictures=most)
    columns, data, files = table_of(tmp_path / "new")
    pictures = [name for name in files if name.endswith(".png")]
    assert len(pictures) == 4 * most and ("target" in columns) == bool(most) and len(data) == 2
    assert not most or data[1][1:5] == [None] * 4
    assert bool(list(tmp_path.glob("new/wandb/offline-run-*/files/media/images/grid*"))) == bool(most)


def test_the_picture_over_the_steps(saved: Callable[..., Path], tmp_path: Path) -> None:
    folder, board = saved("face one"), Wandb(pictures=1)
    pictures = {step: torch.full([3, 16, 16], level, dtype=torch.uint8) for step, level in ((0, 40), (4, 200))}
    board.start(folder=tmp_path / "new", config={}, name="x")
    for name in ("face one", "face two"):
        board.log_photo(name, folder=folder, curve=CURVE, metrics={"steps": 11}, pictures=pictures)
    board.finish()
    records = stored(tmp_path / "new")
    curve = [row for row in rows(records) if "step/face one" in row]
    assert [row["step/face one"] for row in curve] == [0, 4, 10, 11]
    assert [("total/face one" in row, image_of(row) is not None) for row in curve] == [
        (True, True), (False, True), (True, False), (False, True)
    ]  # fmt: skip
    assert not any(image_of(row, "face two") for row in rows(records)), "no more photos than may be shown"
    axes = {r.metric.name: r.metric.step_metric for r in records if r.WhichOneof("record_type") == "metric"}
    assert axes["picture/face one"] == "step/face one"
    [files] = tmp_path.glob("new/wandb/offline-run-*/files")
    for row, level in ((curve[0], 40), (curve[1], 200)):
        grid = read_png(files / str(image_of(row)))
        assert (grid == level).all(dim=0).sum() > 150**2, "the third cell of four"
    assert (read_png(files / str(image_of(curve[0]))) == level).all(dim=0).sum() == 0


def test_no_more_photos_have_curves_than_may(saved: Callable[..., Path], tmp_path: Path) -> None:
    folder, board = saved("a"), Wandb(pictures=0, curves=1)
    board.start(folder=tmp_path / "new", config={}, name="x")
    for name in ("a", "b"):
        board.log_photo(name, folder=folder, curve=CURVE, metrics={"steps": 10, "mse": 1.0}, pictures={})
    board.finish()
    found = [*rows(stored(tmp_path / "new"))]
    assert any("total/a" in row for row in found) and not any(key.endswith("/b") for row in found for key in row)
    assert sum("photo/mse" in row for row in found) == 2, "every photo has its figures"


def image_of(row: dict[str, Any], name: str = "face one") -> str | None:
    """Where the picture of a row lies."""
    return row.get(f"picture/{name}", {}).get("path") or row.get(f"picture/{name}/path")


@pytest.mark.parametrize("generator", [False, True])
def test_a_tuned_generator_is_an_artifact_where_asked(case, tmp_path: Path, generator: bool) -> None:
    board = Wandb(generator=generator)
    board.start(folder=tmp_path / "new", config={}, name="x")
    for name in ("a", "böb"):
        case.save(tmp_path / name, **case.named(name, mse=1.0))
        metrics = {"steps": 10, "mse": 1.0, "psnr": float("inf"), "lpips": None}
        board.log_photo(name, folder=tmp_path / name, curve=CURVE, metrics=metrics, pictures={})
    board.finish()
    records = stored(tmp_path / "new")
    found = {name: each for name, each in artifacts(records).items() if each.type == "generator"}
    [run] = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    assert list(found) == [f"generator-{run.run_id}-{as_artifact(name)}" for name in ("a", "böb") if generator]
    for artifact, name in zip(found.values(), ("a", "böb"), strict=False):
        files = contents(artifact)
        assert set(files) == set(FILES) and set(files.values()) == {tmp_path / name / file for file in FILES}
        assert json.loads(artifact.metadata) == {"steps": 10, "mse": 1.0, "psnr": "inf", "lpips": None}
        (tmp_path / "download").mkdir(exist_ok=True)
        for path, content in files.items():
            (tmp_path / "download" / path).write_bytes(content.read_bytes())
        loaded = ganinv.load(tmp_path / "download", prior=case.prior)
        assert loaded.name == name and loaded.moved == list(case.tuned.moved)


def test_names_of_artifacts() -> None:
    assert as_artifact("face_1.a-b") == "face_1.a-b"
    names = ["a b", "a_b", "a/b", "ä b", "x" * 200, "x" * 201, "x" * 64]
    made = [as_artifact(name) for name in names]
    assert len(set(made)) == len(names) and all(len(name) <= 73 and name.isascii() for name in made)


def test_a_sweep_is_a_group_of_separate_jobs_and_its_table(
    command: Command,
    photos: Path,
    tmp_path: Path,
) -> None:
    settings = ["logger=wandb", f"dataset.path={photos}/anna.png", "hydra.sweep.dir=here"]
    ended = command("--multirun", "tuner.steps=2,6", "logger.generator=true", *settings)
    assert ended.code == 0, ended.err
    expect_table(tmp_path / "here", ended.out)
    for folder in (path.parent for path in tmp_path.glob("runs/*/*/config.yaml")):
        expect_job(folder)


def test_a_tables_columns_may_be_words(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("setting,photos,baseline,lpips_network,mse_mean\nfull,1,full,alex,0.5\n")
    board = Wandb()
    board.start(folder=tmp_path / "board", config={}, name="table", group="here", kind="table")
    board.log_table([tmp_path / "table.csv"])
    board.finish()
    [path] = tmp_path.glob("board/wandb/offline-run-*/files/media/table/*.json")
    assert json.loads(path.read_text())["data"] == [["full", 1.0, "full", "alex", 0.5]]


def expect_table(sweep: Path, said: str) -> None:
    records = stored(sweep)
    [run] = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    assert (run.run_group, run.display_name, run.job_type) == ("here", "table", "table")
    found = artifacts(records)
    assert [name for name in found if not name.startswith("run-")] == ["table-here"]
    files = contents(found["table-here"])
    assert found["table-here"].type == "table"
    assert set(files) == {"table.csv", "table.md", "table.tex", "fidelity_drift.svg"}
    assert all(files[name].read_bytes() == (sweep / name).read_bytes() for name in files)
    [path] = sweep.glob("wandb/offline-run-*/files/media/table/*.json")
    content, written = json.loads(path.read_text()), read_csv(sweep / "table.csv", text=WORDS)
    assert content["columns"] == list(written[0]) and content["data"] == [list(row.values()) for row in written]
    assert f"offline in {sweep}/wandb/offline-run-" in said


def expect_job(folder: Path) -> None:
    records, record = stored(folder), json.loads((folder / "anna" / "metrics.json").read_text())
    steps = record["metrics"]["steps"]
    [run] = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    assert run.run_group == "here" and f"tuner.steps={steps}" in run.display_name and not run.job_type
    shown = [row["step/anna"] for row in rows(records) if image_of(row, "anna")]
    assert shown == {2: [0, 1, 2], 6: [0, 1, 4, 6]}[steps]
    expect_terms([*rows(records)], curve=read_csv(folder / "anna" / "curve.csv"))
    found = artifacts(records)
    assert {each.type for each in found.values()} == {"generator", "run_table"}
    for each in found.values():
        assert all(path.is_relative_to(folder) for path in contents(each).values()), "of this job alone"


def expect_terms(history: list[dict], *, curve: list[dict[str, Any]]) -> None:
    terms = {"reconstruction", "adversarial_local", "adversarial_global", "locality"}
    assert terms < set(curve[0])
    for name in [*terms, "total", "mse", "psnr"]:
        logged = [(row["step/anna"], row[f"{name}/anna"]) for row in history if f"{name}/anna" in row]
        assert logged == [(row["step"], row[name]) for row in curve if row[name] is not None] and logged, name


@pytest.mark.parametrize("blocked", [False, True])
def test_a_run_that_an_error_ends_shows_as_failed(
    blocked: bool, command: Command, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    if blocked:
        (tmp_path / "run" / "anna").write_text("a file where the photo's folder is to be")
    ended = command(f"dataset.path={photos}/anna.png", "folder=run", "logger=wandb")
    assert ended.code == (2 if blocked else 0)
    codes = [r.exit.exit_code for r in stored(tmp_path / "run") if r.WhichOneof("record_type") == "exit"]
    assert codes == [int(blocked)]
