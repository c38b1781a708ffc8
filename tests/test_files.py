"""Whole files or none: what a full disk, a folder that takes nothing and Ctrl-C leave behind."""

import errno
import json
import math
import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.files import (
    alone,
    join_csv,
    number,
    read_csv,
    read_json,
    read_png,
    write_bytes,
    write_csv,
    write_json,
    write_png,
)


def failing(code: int):
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_file_is_written_into_a_new_folder_and_nothing_else_is(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b.bin", b"12")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"12"
    assert os.listdir(tmp_path / "a") == ["b.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_names_the_folder_and_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics.json").write_bytes(b"old")
    monkeypatch.setattr(os, step, failing(errno.ENOSPC))
    with pytest.raises(InputError, match="No space left.*free some space") as caught:
        write_bytes(tmp_path / "metrics.json", b"new")
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "metrics.json").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["metrics.json"]


def test_a_file_cut_short_by_the_system_never_gets_its_name(tmp_path: Path) -> None:
    """The kernel itself refuses to write on after 1,000 bytes, as a full disk does in the middle of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match="cannot be written"):
            write_bytes(tmp_path / "target.png", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("code", "advice"), [(errno.EACCES, "allow writing"), (errno.EROFS, "writable disk")])
def test_an_unwritable_folder_is_named(code: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.open", failing(code))
    with pytest.raises(InputError, match=advice) as caught:
        write_bytes(tmp_path / "run" / "x.csv", b"")
    assert str(tmp_path / "run") in str(caught.value)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(InputError, match="run: x.csv cannot be written in this folder"):
        write_bytes(tmp_path / "run" / "x.csv", b"")


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "x.csv", b"1")
    assert os.listdir(tmp_path) == []


def test_json_is_standard_and_keeps_infinity(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"psnr": math.inf, "mse": 1 / 3, "name": "é \udc80", "list": [math.nan]})
    record = read_json(tmp_path / "x.json")
    json.loads((tmp_path / "x.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert number(record["psnr"]) == math.inf and record["mse"] == 1 / 3 and record["name"] == "é \udc80"
    assert number("info") == "info"


def test_csv_keeps_exact_numbers_gaps_and_names_that_look_like_numbers(tmp_path: Path) -> None:
    rows = [{"image": "00012", "psnr": math.inf, "mse": None}, {"image": 'a, "b"\nc', "psnr": 1 / 3, "extra": 2}]
    write_csv(tmp_path / "x.csv", rows, columns=("image", "mse"))
    assert (tmp_path / "x.csv").read_text().splitlines()[0] == "image,mse,psnr,extra"
    assert read_csv(tmp_path / "x.csv", text=("image",)) == [
        {"image": "00012", "mse": None, "psnr": math.inf, "extra": None},
        {"image": 'a, "b"\nc', "mse": None, "psnr": 1 / 3, "extra": 2.0},
    ]


def test_tables_are_joined_with_every_column_and_a_broken_one_leaves_the_old_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"step": 0.1, "mse": None}])
    write_csv(tmp_path / "b.csv", [{"step": 2.0, "term": 1e-300}])
    tables = {"x, y": tmp_path / "a.csv", "7": tmp_path / "b.csv"}
    join_csv(tmp_path / "all.csv", tables, name="image")
    assert read_csv(tmp_path / "all.csv", text=("image",)) == [
        {"image": "x, y", "step": 0.1, "mse": None, "term": None},
        {"image": "7", "step": 2.0, "mse": None, "term": 1e-300},
    ]
    before = (tmp_path / "all.csv").read_bytes()
    with pytest.raises(InputError, match=r"none\.csv: not a readable table"):
        join_csv(tmp_path / "all.csv", tables | {"z": tmp_path / "none.csv"}, name="image")
    assert (tmp_path / "all.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 3


def test_png_is_lossless_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    pixels = torch.randint(256, [3, 5, 7], dtype=torch.uint8)
    write_png(tmp_path / "x.png", pixels)
    assert torch.equal(read_png(tmp_path / "x.png"), pixels)
    data = (tmp_path / "x.png").read_bytes()
    for length in (0, 10, len(data) // 2):
        (tmp_path / "x.png").write_bytes(data[:length])
        with pytest.raises(InputError, match="not a whole picture"):
            read_png(tmp_path / "x.png")


@pytest.mark.parametrize("text", ["", '{"a": ', "[1]", "\x80"])
def test_a_json_file_that_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="x.json"):
        read_json(tmp_path / "x.json")


def add(path: Path, name: str) -> None:
    with alone(path):
        record = read_json(path) if path.exists() else {}
        write_json(path, record | {name: "why"})


def test_what_many_add_to_one_file_at_a_time_is_all_there(tmp_path: Path) -> None:
    path, names = tmp_path / "failed.json", [f"{i}.png" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: add(path, name), names))
    assert read_json(path).keys() == set(names)


def test_those_that_wait_say_so(tmp_path: Path) -> None:
    path, said = tmp_path / "failed.json", threading.Event()

    def wait() -> None:
        with alone(path, on_wait=said.set):
            pass

    with alone(path):
        other = threading.Thread(target=wait)
        other.start()
        assert said.wait(10) and other.is_alive()
    other.join(10)
    assert not other.is_alive()
