"""benchmarks/collect.py: finished photos' figures come into a CSV as they are, in the place of those before."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganinv.files import write_png

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "collect.py"
HEAD = "row,dataset,image,mse,psnr,stopped,frechet_ratio\n"


def collect(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True)


def finished(run: Path, name: str, **metrics: float | str) -> None:
    (run / name).mkdir(parents=True)
    record = {"format": "ganinv-photo", "version": 1, "image": name, "source": name, "photo_digest": name}
    record |= {"settings_hash": "0123456789", "finished": "2026-11-30T10:25:54+00:00", "metrics": metrics}
    record |= {"prior": {"name": "tiny", "fingerprint": "sha256:0"}, "environment": {}}
    (run / name / "metrics.json").write_text(json.dumps(record))


def rows(table: Path) -> list[dict[str, str]]:
    return [*csv.DictReader(table.read_text().splitlines())]


def test_photos_are_added_and_replaced(tmp_path: Path) -> None:
    table = tmp_path / "methods.csv"
    table.write_text(HEAD + "full,ffhq,Tom,1,2,budget,3\nfull,ffhq,b,1,2,budget,3\nother,ffhq,Tom,1,2,budget,3\n")
    finished(tmp_path / "run", "Tom", mse=0.000123456789, psnr=45.25, stopped="target", lpips=7.0)
    ended = collect(table, tmp_path / "run", "--columns", "row=full", "dataset=ffhq")
    assert (ended.returncode, ended.stdout) == (0, f"1 photos -> {table}\n"), ended.stderr
    old, other, new = rows(table)
    assert (old["image"], other["row"], old["settings_hash"]) == ("b", "other", "")
    assert new == {
        "row": "full", "dataset": "ffhq", "image": "Tom", "mse": "0.000123457", "psnr": "45.25", "stopped": "target",
        "frechet_ratio": "", "settings_hash": "0123456789", "finished": "2026-11-30",
    }  # fmt: skip


def test_a_column_that_is_not_there_and_a_folder_without_photos_are_one_sentence(tmp_path: Path) -> None:
    table = tmp_path / "methods.csv"
    table.write_text(HEAD)
    finished(tmp_path / "run", "a", mse=1.0)
    finished(tmp_path / "both" / "one", "a", mse=1.0)
    finished(tmp_path / "both" / "other", "a", mse=2.0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken" / "a").mkdir(parents=True)
    (tmp_path / "broken" / "a" / "metrics.json").write_text("{")
    own = ("--columns", "row=full", "dataset=ffhq")
    for words, said in (
        ((tmp_path / "run", "--columns", "rwo=full"), "has no column rwo"),
        ((tmp_path / "run", "--columns", "full"), "--columns: NAME=VALUE"),
        ((tmp_path / "run",), "--columns must say row, dataset"),
        ((tmp_path / "empty", *own), "no finished photo there"),
        ((tmp_path / "both", *own), "holds a twice"),
        ((tmp_path / "broken", *own), "metrics.json"),
    ):
        ended = collect(table, *words)
        assert ended.returncode == 2 and said in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert table.read_text() == HEAD


def pictures(photo: Path, *, wrong: int) -> None:
    """A target with bars of two and three rows, a tuned picture whose middle row is a level off where `wrong`."""
    target = torch.zeros(3, 16, 16, dtype=torch.uint8)
    target[:, 2:13] = 100
    tuned = target.clone()
    tuned[:, 7] += wrong
    for name, pixels in (("target", target), ("initial", torch.zeros_like(target)), ("tuned", tuned)):
        write_png(photo / f"{name}.png", pixels)


def test_within_bars_only_what_lies_between_them_is_scored(tmp_path: Path) -> None:
    table = tmp_path / "methods.csv"
    table.write_text("row,dataset,image,initial_mse,mse,exact_pixels,lpips,scored\n")
    finished(tmp_path / "run", "a", mse=1.0, initial_mse=2.0, exact_pixels=0.5, lpips=0.25)
    pictures(tmp_path / "run" / "a", wrong=3)
    ended = collect(table, tmp_path / "run", "--columns", "row=full", "dataset=cars", "--within-bars")
    assert ended.returncode == 0, ended.stderr
    (row,) = rows(table)
    assert float(row["initial_mse"]) == pytest.approx((100 * 2 / 255) ** 2, rel=1e-5)
    assert float(row["mse"]) == pytest.approx((3 * 2 / 255) ** 2 / 11, rel=1e-5)  # one of the 11 rows
    assert float(row["exact_pixels"]) == pytest.approx(10 / 11, rel=1e-5)
    assert (row["lpips"], row["scored"]) == ("0.25", "within bars")


def test_bars_that_cannot_be_told_or_were_left_out_are_one_sentence(tmp_path: Path) -> None:
    table, dark = tmp_path / "methods.csv", torch.full((3, 16, 16), 9, dtype=torch.uint8)
    table.write_text(HEAD.replace("mse", "mse,scored"))
    finished(tmp_path / "dark", "a", mse=1.0)
    spot = dark.clone()
    spot[:, 6:9, 6:9] = 200
    for name in ("target", "initial", "tuned"):
        write_png(tmp_path / "dark" / "a" / f"{name}.png", spot)
    finished(tmp_path / "reduced", "a", mse=1.0, scored_at="8 x 8")
    own = ("--columns", "row=full", "dataset=cars", "--within-bars")
    for run, said in (("dark", "too dark to tell its bars"), ("reduced", "leave --within-bars out")):
        ended = collect(table, tmp_path / run, *own)
        assert ended.returncode == 2 and said in ended.stderr, ended.stderr
    before = table.read_text()
    table.write_text(HEAD)
    ended = collect(table, tmp_path / "dark", *own)
    assert "has no column scored" in ended.stderr and table.read_text() == HEAD != before
