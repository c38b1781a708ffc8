"""Sweeps in processes of their own, jobs that fail or are killed among them, and what is left of each."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

import ganinv
from ganinv.files import read_csv
from ganinv.report.dashboard import WORDS

from .running import TINY

FAST = [*TINY, "tuner.progress=false"]


def records(folder: Path) -> list[dict]:
    found = [json.loads(path.read_text()) for path in folder.rglob("jobs/*.json")]
    return sorted(found, key=lambda record: record["number"])


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


def pictures(folder: Path, *, number: int) -> None:
    """The photos of a job in a folder of its own: one or two of them, which no other job has."""
    folder.mkdir()
    noise = torch.Generator().manual_seed(number)
    for name in ("a", "b")[: 1 + number % 2]:
        pixels = torch.randint(256, (16, 16, 3), dtype=torch.uint8, generator=noise)
        Image.fromarray(pixels.numpy()).save(folder / f"{name}.png")


def lose_and_go_on(
    folder: Path, network: Path, *, jobs: int, missing: set[int], killed: int, launcher: list[str]
) -> None:
    """Jobs with photos of their own, of which some find none and one is killed; then the same command once more."""
    every, lost = set(range(jobs)), {*missing, killed}
    for number in every - missing:
        pictures(folder / f"p{number}", number=number)
    names = ",".join(f"p{number}" for number in sorted(every))
    settings = [*launcher, f"generator.path={network}", f"dataset.path={names}"]
    first = start(folder, *settings)
    kill_job(folder / "sweep", killed, first)
    code, _, err = ended(first)
    assert code == 2
    expect_told(err, jobs=jobs, lost=sorted(lost), killed=killed)
    done = finished(folder)
    expect_own_figures(folder, every - lost)
    for number in missing:
        pictures(folder / f"p{number}", number=number)
    code, _, err = ended(start(folder, *settings))
    assert code == 0, err
    assert done.items() <= finished(folder).items(), "nothing is done twice"
    expect_own_figures(folder, every)
    assert "is not done" not in (folder / "sweep" / "table.md").read_text()


def expect_told(err: str, *, jobs: int, lost: list[int], killed: int) -> None:
    """The end names the jobs that are lost, and why each is."""
    head, *told = [line for line in err.splitlines() if line.startswith("#") or "jobs failed" in line]
    assert head == f"{len(lost)} of {jobs} jobs failed; the same command does what is missing:", err
    assert [int(line.split()[0][1:]) for line in told] == lost
    for number, line in zip(lost, told, strict=True):
        assert ("ended without a word" if number == killed else "does not exist") in line


def finished(folder: Path) -> dict[Path, int]:
    """The records of all photos that are done, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/*/metrics.json")}


def expect_own_figures(folder: Path, numbers: set[int]) -> None:
    """The table has a row of each of these jobs of photos and no other; no two have the same figures."""
    rows = {row["setting"]: row for row in read_csv(folder / "sweep" / "table.csv", text=WORDS)}
    assert len(rows) == len({row["mse_mean"] for row in rows.values()}) == len(numbers)
    for record in records(folder / "sweep"):
        if record["number"] in numbers:
            (asked,) = [override for override in record["overrides"] if override.startswith("dataset.path=")]
            expect_row(rows[asked], folder / asked.partition("=")[2], run=folder / record["folder"], sources=folder)


def expect_row(row: dict, photos: Path, *, run: Path, sources: Path) -> None:
    """A row of table.csv has what its run measured, on these photos and no other; paths begin at `sources`."""
    measured = [json.loads(path.read_text()) for path in run.glob("*/metrics.json")]
    asked = {photos} if photos.is_file() else set(photos.iterdir())
    assert {sources / record["source"] for record in measured} == asked
    assert row["photos"] == len(asked)
    for column in ("mse", "psnr"):
        values = [record["metrics"][column] for record in measured]
        spread = statistics.stdev(values) if len(values) > 1 else None
        assert row[f"{column}_n"] == len(asked)
        assert row[f"{column}_mean"] == pytest.approx(statistics.fmean(values), rel=1e-12)
        assert row[f"{column}_std"] == (None if spread is None else pytest.approx(spread, rel=1e-9))
