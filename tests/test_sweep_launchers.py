"""The launchers of sweeps: cards, processes that are killed, interrupted or out of time, settings that do not apply."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from ganinv import job
from ganinv.errors import InputError
from hydra_plugins.ganinv_sweep import Apart, Processes

from .running import Command
from .sweeping import records
from .test_run_terminal import start


def test_without_the_extra_the_launcher_says_how_to_get_it(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    ended = command("--multirun", "hydra/launcher=local", "tuner.steps=1,2")
    assert ended.code == 2 and ended.err.endswith("needs the extra `sweep`: pip install 'ganinv[sweep]'\n")


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


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Processes]:
    """A launcher of which job 0 is killed, job 1 ends with an error, job 2 waits for Ctrl-C and the others are done."""
    core = pytest.importorskip("hydra_plugins.hydra_joblib_launcher._core", reason="needs the extra `sweep`")

    def execute(number: int, overrides: list[str], **known: Any) -> JobReturn:
        import os
        import signal
        import time

        (Path(known["config"].hydra.sweep.dir) / f"begun{number}").touch()
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        assert number != 1
        time.sleep(600 if number == 2 else 0)
        return JobReturn(overrides=overrides, status=JobStatus.COMPLETED)

    def make(**settings: Any) -> Processes:
        launcher, config = Processes(**settings), OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
        launcher.setup(hydra_context=cast(Any, None), task_function=cast(Any, None), config=config)
        return launcher

    monkeypatch.setattr(core, "execute_job", execute)
    return make


def begun(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("begun")) for path in folder.glob("begun*"))


def test_a_process_that_is_killed_ends_no_other(processes: Callable[..., Processes], tmp_path: Path) -> None:
    launcher = processes(n_jobs=2, batch_size="auto", require=None)
    assert len(launcher.launch([["a=0"], ["a=1"]], 0)) == 2 and len(launcher.launch([["a=3"], ["a=4"]], 3)) == 2
    assert begun(tmp_path) == [0, 1, 3, 4]
    killed, wrong = records(tmp_path)
    assert [(each["number"], each["overrides"]) for each in (killed, wrong)] == [(0, ["a=0"]), (1, ["a=1"])]
    assert killed["why"].endswith(": SIGKILL") and wrong["why"].endswith(": exit code 1")


def test_a_process_out_of_time_is_ended(processes: Callable[..., Processes], tmp_path: Path) -> None:
    processes(n_jobs=1, timeout=0.5).launch([["a=2"]], 2)
    assert [each["why"].partition("?): ")[2] for each in records(tmp_path)] == [
        "hydra.launcher.timeout=0.5 seconds were over"
    ]


def test_ctrl_c_ends_the_processes_and_begins_no_other(processes: Callable[..., Processes], tmp_path: Path) -> None:
    def interrupt() -> None:
        while begun(tmp_path) != [2]:
            done.wait(0.05)
        signal.pthread_kill(main, signal.SIGINT)

    done, main = threading.Event(), cast(int, threading.main_thread().ident)
    thread = threading.Thread(target=interrupt)
    thread.start()
    job.announce(tmp_path, number=2, overrides=["a=2"])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            processes(n_jobs=1).launch([["a=2"], ["a=3"]], 2)
    finally:
        signal.signal(signal.SIGINT, before)
        thread.join()
    assert begun(tmp_path) == [2]
    assert [each["state"] for each in records(tmp_path)] == ["waiting"], "what the job itself recorded stays"


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "joblib"])
def test_a_sweep_that_is_terminated_ends_with_its_jobs(launcher: str, tiny: Path, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="needs the extra `sweep`")
    endless = ["inverter=w", "inverter.steps=100000", f"generator.path={tiny}", f"dataset.path={photos}/anna.png"]
    one = "hydra.launcher.parallel=1" if launcher == "local" else "hydra.launcher.n_jobs=1"
    settings = [f"hydra/launcher={launcher}", one, "seed=0,1", "hydra.sweep.dir=here", "--multirun"]
    process = start(tmp_path, *endless, *settings)
    until = time.monotonic() + 300
    while not list(tmp_path.glob("run/*/run.log")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    process.terminate()
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, out + err
    assert "1 of 2 jobs failed, 1 were not begun; the same command does what is missing" in err
    assert [each["state"] for each in records(tmp_path / "here")] in (["stopped", "waiting"], ["failed", "waiting"])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"n_jobs": 0}, "^hydra.launcher.n_jobs: 0 jobs at a time"),
        ({"require": "sharedmem"}, "^hydra.launcher.require: does not apply, each job has a process of its own"),
    ],
)
def test_settings_that_do_not_apply_to_processes_are_told(
    setting: dict, said: str, processes: Callable[..., Processes]
) -> None:
    with pytest.raises(InputError, match=said):
        processes(**setting)
