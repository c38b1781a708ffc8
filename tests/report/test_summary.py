"""The files of the whole run, over resumed and sharded runs."""

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ganinv.errors import InputError
from ganinv.files import read_json
from ganinv.report import summary
from ganinv.report.artefacts import read_record, save_metrics
from ganinv.report.summary import Report
from ganinv.report.table import read_table


def sum_up(run: Path, failed: dict[str, str] | None = None):
    return Report()(run, settings_hash="0123456789", settings="seed: 0\n", failed=failed or {})


def test_the_files_of_a_run_are_written(saved: Callable[..., Path]) -> None:
    run = saved("a", mse=1.0).parent
    saved("b", mse=3.0)
    found = sum_up(run)
    assert {path.name for path in run.glob("[!.]*") if path.is_file()} == {"metrics.csv", "grid.png", "report.html"}
    assert [row["image"] for row in read_table(run / "metrics.csv")] == ["a", "b"]
    assert found.aggregate["mse"].mean == 2 and found.report == run / "report.html"
    assert any(line.startswith("mse") and "2.000 ± 1.4" in line for line in found.lines)


def test_a_photo_that_was_measured_otherwise_is_left_out_and_told(saved: Callable[..., Path]) -> None:
    run = saved("a").parent
    saved("b")
    save_metrics(run / "a", metrics=read_record(run / "a")["metrics"], metric_hash="new", inputs={})
    found = Report()(run, settings_hash="0123456789", metric_hash="new", settings="seed: 0\n", failed={})
    assert [row["image"] for row in found.rows] == ["a"]
    assert found.lines[-1].startswith("photos here that were measured otherwise: 1; not in metrics.csv")
    assert not any("otherwise" in line for line in sum_up(run).lines)


def test_a_photo_added_later_joins_the_table(saved: Callable[..., Path]) -> None:
    run = saved("b").parent
    assert len(sum_up(run).rows) == 1
    saved("a")
    assert [row["image"] for row in sum_up(run).rows] == ["a", "b"]


def test_failures_of_another_shard_are_kept_until_the_photo_succeeds(
    saved: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved("a").parent
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("b", "c"):
        (tmp_path / "photos" / f"{name}.png").touch()
    assert sum_up(run, {"photos/b.png": "is empty"}).failed == {"photos/b.png": "is empty"}
    assert list(sum_up(run, {"photos/c.png": "is empty"}).failed) == ["photos/b.png", "photos/c.png"]
    (tmp_path / "photos" / "c.png").unlink()
    assert list(sum_up(run).failed) == ["photos/b.png"]
    saved("b")
    assert sum_up(run).failed == {} and "failed" not in (run / "report.html").read_text().split("<body>")[1]


def test_shards_that_end_together_sum_up_one_after_the_other(
    saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, others = saved("a").parent, []
    write_grid = summary.write_grid

    def slow(*given, **settings) -> None:
        if not others:
            others.append(threading.Thread(target=sum_up, args=(run, {str(run / "second"): "is empty"})))
            saved("b")
            others[0].start()
            others[0].join(0.2)
            assert others[0].is_alive()
        write_grid(*given, **settings)

    monkeypatch.setattr(summary, "write_grid", slow)
    for name in ("first", "second"):
        (run / name).touch()
    sum_up(run, {str(run / "first"): "is empty"})
    others[0].join(30)
    assert read_json(run / "failed.json").keys() == {str(run / "first"), str(run / "second")}
    assert [row["image"] for row in read_table(run / "metrics.csv")] == ["a", "b"]


def test_a_disk_without_locks_takes_the_report(saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lock: object, **settings: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert sum_up(saved("a").parent).report.exists()


def test_a_run_without_a_photo_is_summed_up(tmp_path: Path) -> None:
    found = sum_up(tmp_path / "run", {"x.png": "is empty"})
    assert found.rows == [] and found.grid is None and found.report.exists()
    assert (tmp_path / "run" / "metrics.csv").read_text().startswith("image,initial_mse,")


def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(InputError, match="metrics.csv cannot be written in this folder"):
        sum_up(tmp_path / "run")


def test_failures_in_a_zip_are_kept_while_the_zip_stands(saved: Callable[..., Path], tmp_path: Path) -> None:
    run, archive = saved("a").parent, tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("deep/b.png", b"")
    failed = {f"{archive}/deep/b.png": "is empty"}
    assert sum_up(run, failed).failed == failed
    assert sum_up(run).failed == failed
    archive.unlink()
    assert sum_up(run).failed == {}
