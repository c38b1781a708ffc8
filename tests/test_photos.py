"""Every photo of a run: what a rerun does, and what a photo that fails does to the others."""

import json
from pathlib import Path

import pytest

from ganinv import photos as each
from ganinv.errors import InputError

from .running import Command, results, run_folder


def test_a_rerun_skips_what_is_finished(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}", "dataset.limit=2")
    folder = run_folder(tmp_path)
    first = (folder / "anna" / "metrics.json").stat().st_mtime_ns
    ended = command(f"dataset.path={photos}")
    assert "1/3 anna: finished before" in ended.out and "carl: finished before" not in ended.out
    assert run_folder(tmp_path) == folder
    assert (folder / "anna" / "metrics.json").stat().st_mtime_ns == first
    assert len((folder / "metrics.csv").read_text().splitlines()) == 4


def test_other_metrics_of_a_finished_photo_tune_nothing_again(command: Command, photos: Path, tmp_path: Path) -> None:
    one = f"dataset.path={photos}/anna.png"
    command(one, "folder=whole", "metric.drift.samples=3")
    whole = json.loads((tmp_path / "whole" / "anna" / "metrics.json").read_text())
    command(one, "folder=parts")
    before, tuned = results(tmp_path / "parts"), json.loads((tmp_path / "parts/anna/metrics.json").read_text())
    ended = command(one, "folder=parts", "metric.drift.samples=3")
    assert ended.code == 0 and "anna: " in ended.out and "tuned before, measured again" in ended.out
    again = json.loads((tmp_path / "parts/anna/metrics.json").read_text())
    assert tuned["metrics"]["drift_mse"] != whole["metrics"]["drift_mse"] and results(tmp_path / "parts") == before
    timed = {name: tuned["metrics"][name] for name in ("seconds", "initial_seconds")}
    assert again["metrics"] == whole["metrics"] | timed and again["finished"] == tuned["finished"]
    assert "finished before" in command(one, "folder=parts", "metric.drift.samples=3").out


def test_another_size_of_scores_tunes_nothing_again(command: Command, photos: Path, tmp_path: Path) -> None:
    one = f"dataset.path={photos}/anna.png"
    command(one, "folder=whole", "+dataset.score_size=8")
    whole = json.loads((tmp_path / "whole" / "anna" / "metrics.json").read_text())["metrics"]
    command(one, "folder=parts")
    before = json.loads((tmp_path / "parts/anna/metrics.json").read_text())["metrics"]
    assert "tuned before, measured again" in command(one, "folder=parts", "+dataset.score_size=8").out
    again = json.loads((tmp_path / "parts/anna/metrics.json").read_text())["metrics"]
    timed = {name: before[name] for name in ("seconds", "initial_seconds")}
    assert again == whole | timed and again["psnr"] != before["psnr"]


def test_tables_hold_only_photos_that_were_measured_alike(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}", "folder=run")
    command(f"dataset.path={photos}", "folder=run", "metric.drift.samples=3", "dataset.limit=1")
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 2
    command(f"dataset.path={photos}", "folder=run", "metric.drift.samples=3")
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 4


def test_a_file_of_a_metric_that_changed_measures_again(command: Command, photos: Path, tmp_path: Path) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    place = tmp_path / "run/anna/metrics.json"
    command(*one)
    before, record = results(tmp_path / "run"), json.loads(place.read_text())
    place.write_text(json.dumps(record | {"inputs": {"metric.frechet.real": "of other images"}}))
    assert "measured again" in command(*one).out and results(tmp_path / "run") == before
    place.write_text(json.dumps(record | {"inputs": {"tuner.reals": "of other images"}}))
    assert "measured again" not in command(*one).out


def test_photos_of_an_earlier_version_are_not_tuned_over(command: Command, photos: Path, tmp_path: Path) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    command(*one)
    place = tmp_path / "run/anna/metrics.json"
    now = json.loads(place.read_text())
    for record in (
        {key: value for key, value in now.items() if key != "metric_hash"},
        now | {"settings_hash": "of dataset.score_size too"},
    ):
        place.write_text(json.dumps(record))
        ended = command(*one)
        assert ended.code == 2 and "photos of an earlier version" in ended.err
        assert json.loads(place.read_text()) == record


def test_a_metric_that_refuses_tunes_nothing_again(command, photos, tmp_path: Path, monkeypatch) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    command(*one)

    def refuse(*given, **parts):
        raise InputError("no face in it")

    monkeypatch.setattr(each, "measure_again", refuse)
    ended = command(*one, "metric.drift.samples=3")
    assert ended.code == 1 and "no face in it" in ended.err and "tuned again" not in ended.out


def test_a_damaged_generator_that_should_be_measured_is_tuned_again(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    one = [f"dataset.path={photos}/anna.png", "folder=run"]
    command(*one)
    before = results(tmp_path / "run")
    (tmp_path / "run/anna/generator.safetensors").write_bytes(b"cut")
    ended = command(*one, "metric.drift.samples=3")
    assert "so it is tuned again" in ended.out and results(tmp_path / "run") == before


def test_a_photo_that_changed_is_done_again(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png")
    before = results(run_folder(tmp_path))["anna"]
    (photos / "carl.png").replace(photos / "anna.png")
    assert "finished before" not in command(f"dataset.path={photos}/anna.png").out
    assert results(run_folder(tmp_path))["anna"] != before


def test_results_do_not_depend_on_shard_or_place(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}", "folder=whole")
    for shard in (0, 1):
        command(f"dataset.path={photos}", "folder=parts", "dataset.num_shards=2", f"dataset.shard={shard}")
    whole = results(tmp_path / "whole")
    assert len(whole) == 3 and len({tuned for tuned, _ in whole.values()}) == 3
    assert results(tmp_path / "parts") == whole
    assert len((tmp_path / "parts" / "metrics.csv").read_text().splitlines()) == 4


def test_another_seed_gives_another_generator(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", "folder=a")
    command(f"dataset.path={photos}/anna.png", "folder=b", "seed=1")
    assert results(tmp_path / "a") != results(tmp_path / "b")


def test_one_bad_photo_among_good_ones(command: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "böb smith.png").write_bytes((photos / "carl.png").read_bytes()[:100])
    ended = command(f"dataset.path={photos}")
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert "böb smith.png" in line and "damaged or cut short" in line
    assert results(run_folder(tmp_path)).keys() == {"anna", "carl"}
    (photos / "carl.png").replace(photos / "böb smith.png")
    again = command(f"dataset.path={photos}")
    assert again.code == 0 and "anna: finished before" in again.out


def test_a_photo_that_the_method_refuses_is_named(
    command: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invert = each.invert

    def refuse(photo, parts):
        if photo.name == "anna":
            raise InputError("no face in it")
        return invert(photo, parts)

    monkeypatch.setattr(each, "invert", refuse)
    ended = command(f"dataset.path={photos}")
    assert ended.code == 1 and "anna.png: no face in it" in ended.err
    assert results(run_folder(tmp_path)).keys() == {"böb smith", "carl"}


def test_ctrl_c_keeps_what_is_finished(
    command: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invert = each.invert

    def stop(photo, parts):
        if photo.name == "carl":
            raise KeyboardInterrupt
        return invert(photo, parts)

    with monkeypatch.context() as patch:
        patch.setattr(each, "invert", stop)
        ended = command(f"dataset.path={photos}")
    assert ended.code == 130
    assert "the same command goes on" in ended.out and ended.err == ""
    assert results(run_folder(tmp_path)).keys() == {"anna", "böb smith"}
    again = command(f"dataset.path={photos}")
    assert again.code == 0 and again.out.count("finished before") == 2


def test_a_folder_with_photos_of_other_settings_is_refused(command: Command, photos: Path, tmp_path: Path) -> None:
    command(f"dataset.path={photos}/anna.png", "folder=run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    ended = command(f"dataset.path={photos}/anna.png", "folder=run", "tuner.steps=1")
    assert ended.code == 2
    assert ended.err.startswith("folder: run holds photos of other settings (tuner.steps differ); name another folder")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert command(f"dataset.path={photos}/anna.png", "folder=run", "dataset.limit=1").code == 0
