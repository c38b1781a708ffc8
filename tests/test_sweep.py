"""Sweeps: what their records say, how they end, and jobs that fail or whose process is killed among others."""

import os
from pathlib import Path

import hydra.core.utils
import pytest
from hydra._internal.core_plugins import basic_launcher
from hydra.core.plugins import Plugins

from ganinv import job
from ganinv.errors import InputError

from .running import Command
from .sweeping import expect_own_figures, finished, lose_and_go_on, records


def test_a_sweep_leaves_records_and_a_table(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command("--multirun", f"dataset.path={photos}/anna.png", "tuner.steps=1,2", "hydra.sweep.dir=here")
    assert ended.code == 0 and ended.err == ""
    first, second = records(tmp_path / "here")
    assert [(each["number"], each["state"]) for each in (first, second)] == [(0, "done"), (1, "done")]
    assert set(second["overrides"]) - set(first["overrides"]) == {"tuner.steps=2"}
    table = (tmp_path / "here" / "table.md").read_text()
    assert "| tuner.steps=1 | 1 |" in table and "Difference to tuner.steps=1" in table and table in ended.out


def test_the_tables_rows_have_the_figures_of_their_own_jobs(command: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "carl.png").rename(tmp_path / "carl.png")
    assert command("--multirun", "dataset.path=photos,carl.png", "hydra.sweep.dir=sweep").code == 0
    expect_own_figures(tmp_path, {0, 1})


def test_jobs_that_were_to_differ_and_do_not_are_told(command: Command, tmp_path: Path) -> None:
    rows = ["row=full,without_adv_local", "loss.adversarial_local=0.5", "tuner.steps=1"]
    ended = command("--multirun", *rows, "hydra.sweep.dir=here")
    assert ended.code == 0 and ended.err.startswith("jobs #0, #1 have the same settings and are one row: ")
    kept = command("--multirun", rows[0], "loss=ffhq64", "tuner.steps=1", "hydra.sweep.dir=there")
    assert kept.code == 0 and kept.err == ""
    assert command("--multirun", "dataset.num_shards=2", "dataset.shard=0,1", "tuner.steps=1").err == ""


def test_jobs_of_other_metrics_alone_are_told(command: Command, tmp_path: Path) -> None:
    for other in ("metric.drift.samples=2,3", "+dataset.score_size=8,9"):
        ended = command("--multirun", other, "tuner.steps=1", "hydra.sweep.dir=here")
        assert ended.code == 0 and ended.err.startswith("jobs #0, #1 differ in what is measured alone and are one")
    assert "tuned before, measured again" in ended.out


def test_the_end_names_the_jobs_that_failed(command: Command, tmp_path: Path) -> None:
    ended = command("--multirun", "tuner.steps=x,1,2", "hydra.sweep.dir=here")
    assert ended.code == 2
    head, line = ended.err.splitlines()
    assert head == "1 of 3 jobs failed; the same command does what is missing:"
    assert line.startswith("#0 generator.path=") and " tuner.steps=x " in line
    assert line.endswith(": tuner.steps: input should be a valid integer, got 'x'")
    assert "* job #0 generator.path=" in (tmp_path / "here" / "table.md").read_text()
    assert command("--multirun", "tuner.steps=1,2", "hydra.sweep.dir=here").code == 0, "of this sweep alone"


def test_a_sweep_with_one_finished_job_says_why_it_has_no_table(command: Command, tmp_path: Path) -> None:
    ended = command("--multirun", "tuner.steps=x,1", "hydra.sweep.dir=few")
    assert "no table of this sweep: one job is done, and a table takes two" in ended.out
    assert not (tmp_path / "few" / "table.md").exists()


def test_photos_that_fail_and_errors_of_ours_end_a_job_not_the_sweep(
    command: Command,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (photos / "carl.png").write_bytes(b"")
    from ganinv.tuner.tuner import Tune

    tune = Tune.__call__
    monkeypatch.setattr(Tune, "__call__", lambda self, **k: 1 / 0 if self.schedule.steps == 2 else tune(self, **k))
    ended = command("--multirun", f"dataset.path={photos}", "tuner.steps=1,2,3", "hydra.sweep.dir=here")
    assert ended.code == 1
    assert [r["state"] for r in records(tmp_path / "here")] == ["failed"] * 3
    told = [line for line in ended.err.splitlines() if "tuner.steps=" in line]
    assert [("carl.png" in line, "ZeroDivisionError: division" in line) for line in told] == [
        (True, False), (False, True), (True, False)
    ]  # fmt: skip
    assert "Traceback" in ended.err and len(list(tmp_path.glob("runs/*/*/anna/metrics.json"))) == 2


def test_ctrl_c_stops_the_sweep(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(photo, parts):
        raise KeyboardInterrupt

    monkeypatch.setattr("ganinv.photos.invert", stop)
    ended = command("--multirun", "tuner.steps=1,2", "hydra.sweep.dir=here")
    assert ended.code == 130 and "1 of 2 jobs failed, 1 were not begun; the same command" in ended.err
    assert [r["state"] for r in records(tmp_path / "here")] == ["stopped", "waiting"]


@pytest.mark.parametrize(
    ("batch", "error"), [("null", RuntimeError("the pool broke")), ("1", OSError(12, "Cannot allocate memory"))]
)
def test_jobs_that_never_began_are_named(
    batch: str,
    error: Exception,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_job(*, config, **others):
        if config.hydra.job.num == ends_at:
            raise error
        return hydra.core.utils.run_job(config=config, **others)

    Plugins.instance()  # Hydra's search for plugins, once a process, loads the launcher anew
    monkeypatch.setattr(basic_launcher, "run_job", run_job)
    asked = ["--multirun", "tuner.steps=1,2,3", "hydra.sweep.dir=here", f"hydra.sweeper.max_batch_size={batch}"]
    for number in (1, 0):  # the second time job 0, which is done, never comes to begin again
        ends_at = number
        ended = command(*asked)
        head, first, second = ended.err.splitlines()[-3:]
        assert ended.code == 1 and str(error.args[-1]) in ended.err
        assert head == "0 of 3 jobs failed, 2 were not begun; the same command does what is missing:"
        assert [line[:2] for line in (first, second)] == ["#1", "#2"] and second.endswith(": it was not begun")
        assert [record["state"] for record in records(tmp_path / "here")] == ["done", "waiting", "waiting"]
    done, ends_at = finished(tmp_path), None
    assert command(*asked).code == 0 and len(finished(tmp_path)) == 3 and done.items() <= finished(tmp_path).items()


def test_a_mistake_in_the_last_batch_shows_before_the_first_job(command: Command, tmp_path: Path) -> None:
    ended = command("--multirun", "row=full,nosuch", "hydra.sweeper.max_batch_size=1", "hydra.sweep.dir=here")
    assert ended.code == 2 and "row: no option 'nosuch'" in ended.err and records(tmp_path) == []


def test_a_record_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"format": "other"}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InputError, match=r"x\.json: not a"):
            job.read(tmp_path / "x.json")


def test_a_job_that_never_began_has_a_record_too(tmp_path: Path) -> None:
    job.vanished(tmp_path, number=3, overrides=["a=1"], said="out of memory")
    (record,) = records(tmp_path)
    assert (record["number"], record["state"], record["folder"]) == (3, "failed", None)
    assert record["why"].endswith("(killed, out of memory or out of time?): out of memory")


def test_a_record_that_is_none_gives_way_to_a_new_one(tmp_path: Path) -> None:
    place = job.place(tmp_path, ["a=1"])
    place.parent.mkdir()
    place.write_text("{")
    job.announce(tmp_path, number=0, overrides=["a=1"])
    assert [record["state"] for record in records(tmp_path)] == ["waiting"]


# The others are Hydra's own names, whose launchers would end at the job that is killed.
LAUNCHERS = [
    ["hydra/launcher=local", "hydra.launcher.parallel=2", "hydra.launcher.gpus_per_node=1"],
    ["hydra/launcher=submitit_local"],
    ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS, ids=["local", "submitit_local", "joblib"])
def test_one_job_fails_and_one_is_killed_among_six(
    launcher: list[str],
    tiny: Path,
    tmp_path: Path,
) -> None:
    pytest.importorskip("submitit", reason="needs the extra `sweep`")
    lose_and_go_on(tmp_path, tiny, jobs=6, missing={4}, killed=1, launcher=launcher)
    if launcher is LAUNCHERS[0]:
        assert {record["cards"] for record in records(tmp_path / "sweep")} == {"0", "1"}


@pytest.mark.slow
@pytest.mark.skipif("GANINV_NIGHTLY" not in os.environ, reason="48 processes: GANINV_NIGHTLY=1, or make sweep")
def test_two_jobs_fail_and_one_is_killed_among_twenty_four(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="needs the extra `sweep`")
    lose_and_go_on(tmp_path, tiny, jobs=24, missing={3, 17}, killed=8, launcher=LAUNCHERS[0])
