"""What a person at a terminal meets while a run goes: the bar, Ctrl-C in its middle, a folder that takes no file."""

import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ganinv

from .running import TINY, Command, results

# So many that a photo is not done before a signal, sent at its first sign of life, arrives.
STEPS = 100


def start(folder: Path, *settings: str) -> subprocess.Popen:
    """The run's command in a process of its own, as a shell in the foreground starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "ganinv.run", *TINY, f"tuner.steps={STEPS}", "folder=run", *settings],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where this test runs in the background of a shell, they would be ignored.
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)],
        env=os.environ | {"PYTHONPATH": str(Path(ganinv.__file__).parents[1]), "OMP_NUM_THREADS": "1"},
    )


def read_until(process: subprocess.Popen, shown: str) -> str:
    """What `process` has said once `shown` is among it, or all of it where it ends before."""
    assert process.stdout is not None
    said = ""
    while shown not in said and (more := process.stdout.read(1)):
        said += more
    return said


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_the_second_photo(
    tiny: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    settings = [f"generator.path={tiny}", f"dataset.path={photos}", "dataset.limit=2"]
    first = tmp_path / "run" / "anna" / "metrics.json"
    process = start(tmp_path, *settings, "tuner.progress=true")
    said = read_until(process, "böb smith:") + read_until(process, f" 10/{STEPS} [")
    assert first.exists() and process.poll() is None, said
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert (
        err == ""
        and f"{STEPS}/{STEPS}" not in out
        and "stopped; what is finished stays in run, and the same command goes on from there; what was in" in out
    )
    assert results(tmp_path / "run").keys() == {"anna"}
    written = first.stat().st_mtime_ns
    again = start(tmp_path, *settings, "tuner.progress=false")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert "1/2 anna: finished before" in out and out.count("finished before") == 1
    assert first.stat().st_mtime_ns == written
    assert results(tmp_path / "run").keys() == {"anna", "böb smith"}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_run_says_how_to_go_on_wherever_it_was(
    ending: signal.Signals, tiny: Path, photos: Path, tmp_path: Path
) -> None:
    settings = [f"generator.path={tiny}", f"dataset.path={photos}/anna.png", "inverter=w", "inverter.steps=100000"]
    process = start(tmp_path, *settings)
    said = read_until(process, "1 photo -> run")  # the latent is sought then, long before any step of tuning
    process.send_signal(ending)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, ""), said + out
    assert "stopped; what is finished stays in run, and the same command goes on from there" in out
    assert results(tmp_path / "run") == {}


def test_the_bar_shows_step_error_psnr_and_time_left(command: Command, photos: Path) -> None:
    ended = command(f"dataset.path={photos}/anna.png", "tuner.steps=30", "tuner.progress=true")
    assert ended.code == 0
    line = re.compile(r"anna: +(\d+)%.* (\d+)/30 \[\d\d:\d\d<\d\d:\d\d, .*mse=([\d.e-]+), psnr=([\d.]+)\]")
    shown = [found.groups() for found in map(line.match, re.split("[\r\n]", ended.out)) if found]
    assert {step for _, step, *_ in shown} >= {"10", "20", "30"}
    assert {percent for percent, *_ in shown} >= {"33", "67", "100"}
    for *_, mse, psnr in shown:  # as rounded for the bar, 10 log10(4 / MSE)
        assert float(psnr) == pytest.approx(10 * math.log10(4 / float(mse)), abs=0.2)


def test_without_the_bar_there_is_none(command: Command, photos: Path) -> None:
    assert "/30 [" not in command(f"dataset.path={photos}/anna.png", "tuner.steps=30", "tuner.progress=false").out


def is_one_sentence_on(ended: tuple, place: str) -> bool:
    code, _, err = ended
    return code == 2 and len(err.splitlines()) == 1 and place in err and "choose another folder" in err


def test_a_folder_below_a_file_is_a_sentence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a file, no folder")
    assert is_one_sentence_on(command("folder=notes.txt/run"), "notes.txt/run")
    assert (tmp_path / "notes.txt").read_text() == "a file, no folder"


def test_a_file_in_the_place_of_a_photos_folder_is_a_sentence(
    command: Command,
    photos: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "böb smith").write_text("in the way")
    assert is_one_sentence_on(command(f"dataset.path={photos}", "folder=run"), "böb smith")
    assert results(tmp_path / "run").keys() == {"anna"}
    (tmp_path / "run" / "böb smith").unlink()
    again = command(f"dataset.path={photos}", "folder=run")
    assert again.code == 0 and again.out.count("finished before") == 1


@pytest.mark.parametrize("closed", ["run", "run/anna"])
def test_a_folder_without_the_right_to_write_is_a_sentence(
    closed: str,
    command: Command,
    photos: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / closed).mkdir(parents=True)
    (tmp_path / closed).chmod(0o555)
    if os.access(tmp_path / closed, os.W_OK):
        pytest.skip("this user, as root does, may write into every folder; the tests above do without the right")
    try:
        ended = command(f"dataset.path={photos}", "folder=run")
    finally:
        (tmp_path / closed).chmod(0o755)
    assert is_one_sentence_on(ended, closed) and "allow writing there" in ended.err
    assert command(f"dataset.path={photos}", "folder=run").code == 0
