"""Sweeps: what their records say, how they end, and jobs that fail or whose process is killed among others."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ganinv
from ganinv import job
from ganinv.errors import InputError
from hydra_plugins.ganinv_sweep import Apart

from .running import TINY, Command

FAST = [*TINY, "tuner.progress=false"]


def records(folder: Path) -> list[dict]:
    found = [json.loads(path.read_text()) for path in folder.rglob("jobs/*.json")]
    return sorted(found, key=lambda record: record["number"])


def test_a_sweep_leaves_records_and_a_table(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command("--multirun", f"dataset.path={photos}/anna.png", "tuner.steps=1,2", "hydra.sweep.dir=here")
    assert ended.code == 0 and ended.err == ""
    first, second = records(tmp_path / "here")
    assert [(each["number"], each["state"]) for each in (first, second)] == [(0, "done"), (1, "done")]
    assert set(second["overrides"]) - set(first["overrides"]) == {"tuner.steps=2"}
    table = (tmp_path / "here" / "table.md").read_text()
    assert "| tuner.steps=1 | 1 |" in table and "Difference to tuner.steps=1" in table and table in ended.out


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
    assert command("--multirun", "tuner.steps=1,2", "hydra.sweep.dir=here").code == 130
    assert [r["state"] for r in records(tmp_path / "here")] == ["stopped"]


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


def test_without_the_extra_the_launcher_says_how_to_get_it(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    ended = command("--multirun", "hydra/launcher=local", "tuner.steps=1,2")
    assert ended.code == 2 and ended.err.endswith("needs the extra `sweep`: pip install 'ganinv[sweep]'\n")


def start(folder: Path, *settings: str) -> subprocess.Popen:
    """A sweep in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ganinv.run", "--multirun", "hydra.sweep.dir=sweep", *FAST, *settings],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"PYTHONPATH": str(Path(ganinv.__file__).parents[1]), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0,1"},
    )


def kill_job(sweep_folder: Path, number: int, process: subprocess.Popen) -> None:
    """SIGKILL to the job's process while it runs."""
    while process.poll() is None:
        for record in records(sweep_folder):
            if record["number"] == number and record["state"] == "running":
                os.kill(record["pid"], signal.SIGKILL)
                return
        time.sleep(0.01)
    raise AssertionError("the job was never seen running: " + str(process.communicate()))


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=550)
    return process.returncode, out, err


def lose_and_go_on(
    folder: Path, network: Path, photo: Path, *, jobs: int, missing: set[int], killed: int, launcher: list[str]
) -> None:
    """`jobs` jobs of a photo each, of which some find none and one is killed; then the same command once more."""
    names = [f"p{number}.png" for number in range(jobs)]
    for number in set(range(jobs)) - missing:
        (folder / names[number]).write_bytes(photo.read_bytes())
    settings = [*launcher, f"generator.path={network}", f"dataset.path={','.join(names)}"]
    first = start(folder, *settings)
    kill_job(folder / "sweep", killed, first)
    code, _, err = ended(first)
    lost = sorted({*missing, killed})
    head, *told = [line for line in err.splitlines() if line.startswith("#") or "jobs failed" in line]
    assert code == 2 and head == f"{len(lost)} of {jobs} jobs failed; the same command does what is missing:", err
    assert [int(line.split()[0][1:]) for line in told] == lost
    for number, line in zip(lost, told, strict=True):
        assert ("ended without a word" if number == killed else "does not exist") in line
    done = finished(folder)
    assert len(done) == jobs - len(lost)
    assert sum(line.startswith("| dataset.path=p") for line in table(folder)) >= jobs - len(lost)
    for number in missing:
        (folder / names[number]).write_bytes(photo.read_bytes())
    code, _, err = ended(start(folder, *settings))
    assert code == 0, err
    assert len(finished(folder)) == jobs and done.items() <= finished(folder).items(), "nothing is done twice"
    rows = [line for line in table(folder)[: jobs + 2] if line.startswith("| dataset.path=p")]
    assert sorted(line.split()[1] for line in rows) == sorted(f"dataset.path={name}" for name in names)
    assert not any("is not done" in line for line in table(folder))


def finished(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/*/metrics.json")}


def table(folder: Path) -> list[str]:
    return (folder / "sweep" / "table.md").read_text().splitlines()


# The second is Hydra's own name, which starts all jobs at once and would end at the one that is killed.
LAUNCHERS = [
    ["hydra/launcher=local", "hydra.launcher.parallel=2", "hydra.launcher.gpus_per_node=1"],
    ["hydra/launcher=submitit_local"],
]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS, ids=["local", "submitit_local"])
def test_one_job_fails_and_one_is_killed_among_six(
    launcher: list[str],
    tiny: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    pytest.importorskip("submitit", reason="needs the extra `sweep`")
    lose_and_go_on(tmp_path, tiny, photos / "anna.png", jobs=6, missing={4}, killed=1, launcher=launcher)
    if launcher is LAUNCHERS[0]:
        assert {record["cards"] for record in records(tmp_path / "sweep")} == {"0", "1"}


@pytest.mark.parametrize(
    ("cluster", "parallel", "each", "slots"),
    [
        ("Local", 2, 1, ["1", "3"]),
        ("Local", 8, 1, ["1", "3", "4"]),  # no more jobs at a time than there are cards
        ("Local", 2, 2, ["1,3"]),
        ("Local", 2, 0, [None, None]),
        ("Slurm", 2, 1, [None, None]),
    ],
)
def test_jobs_that_run_at_the_same_time_have_cards_of_their_own(
    cluster: str, parallel: int, each: int, slots: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3,4")
    found = Apart(cluster=cluster, parallel=parallel, submitit_folder="x", gpus_per_node=each).slots()
    assert [slot.get("setup") for slot in found] == [s and [f"export CUDA_VISIBLE_DEVICES={s}"] for s in slots]


def test_more_cards_than_there_are_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(InputError, match="^hydra.launcher.gpus_per_node: 2 asked for, and 1 can be seen"):
        Apart(cluster="Local", parallel=1, submitit_folder="x", gpus_per_node=2).slots()


@pytest.mark.slow
@pytest.mark.skipif("GANINV_NIGHTLY" not in os.environ, reason="48 processes: GANINV_NIGHTLY=1, or make sweep")
def test_two_jobs_fail_and_one_is_killed_among_twenty_four(
    tiny: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    pytest.importorskip("submitit", reason="needs the extra `sweep`")
    photo = photos / "anna.png"
    lose_and_go_on(tmp_path, tiny, photo, jobs=24, missing={3, 17}, killed=8, launcher=LAUNCHERS[0])


@pytest.mark.slow
def test_joblib_tells_of_a_job_that_fails(tiny: Path, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra `sweep`")
    settings = [f"generator.path={tiny}", f"dataset.path={photos}/anna.png,none.png"]
    code, _, err = ended(start(tmp_path, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *settings))
    assert code == 2 and "1 of 2 jobs failed; the same command does what is missing:\n#1 " in err
    assert "dataset.path: 'none.png' does not exist" in err and len(finished(tmp_path)) == 1
