"""benchmarks/many.py: a row every so many photos, and one at the end."""

import csv
from importlib import import_module
from pathlib import Path

import pytest

from ganinv import photos

many = import_module("many")  # of benchmarks/, which is no part of the package


def test_a_row_every_so_many_photos_and_one_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr("ganinv.photos.save_photo", lambda number: saved.append(number))
    out = tmp_path / "many.csv"
    with many.recorded(out, every=2, memory=lambda: (10.2 + len(saved), 20.0)):
        for number in range(5):
            photos.save_photo(number)  # pyright: ignore
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["photos"], row["memory_mib"], row["peak_mib"]) for row in rows] == [
        ("2", "12", "20"), ("4", "14", "20"), ("5", "15", "20")
    ]  # fmt: skip
    assert saved == list(range(5)) and sorted(float(row["seconds"]) for row in rows) == [
        float(row["seconds"]) for row in rows
    ]


def test_memory_is_this_process() -> None:
    now, most = many.resident()
    assert 10 < now <= most * 1.01
