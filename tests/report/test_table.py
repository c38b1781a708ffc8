"""metrics.csv and its summary against numbers worked out by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ganinv.report.table import COLUMNS, aggregate, describe, figure, read_table, records, row, write_table


def test_mean_and_sample_deviation_by_hand() -> None:
    rows = [{"image": "a", "mse": 1.0}, {"image": "b", "mse": 2.0}, {"image": "c", "mse": 6.0}]
    value = aggregate(rows)["mse"]
    # mean 9 / 3; ((1 - 3)² + (2 - 3)² + (6 - 3)²) / 2 = 7
    assert value.mean == 3 and value.std == pytest.approx(math.sqrt(7)) and value.n == 3
    assert str(value) == "3.000 ± 2.6 (n = 3)"


def test_gaps_do_not_count_and_exact_images_are_told_apart() -> None:
    rows = [{"psnr": 40.0, "lpips": None}, {"psnr": math.inf, "lpips": None}, {"psnr": 50.0, "lpips": 0.5}]
    summary = aggregate(rows)
    assert (summary["psnr"].mean, summary["psnr"].n, summary["psnr"].exact) == (45, 2, 1)
    assert (summary["lpips"].mean, summary["lpips"].std, summary["lpips"].n) == (0.5, None, 1)
    assert str(summary["psnr"]) == "45.00 ± 7.1 (n = 2; 1 more exact)"


def test_photos_that_are_all_exact_are_no_gap() -> None:
    value = aggregate([{"psnr": math.inf}, {"psnr": math.inf}])["psnr"]
    assert (value.mean, value.std, value.n, value.exact) == (math.inf, None, 0, 2) and str(value) == "∞ (all 2 exact)"


def test_texts_and_empty_columns_have_no_mean() -> None:
    assert aggregate([{"image": "7", "stopped": "target", "lpips": None}]) == {}
    assert aggregate([]) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (math.inf, "∞"), (0.0, "0"), (0.000106249, "0.0001062"), (42.8, "42.80"), (1e-9, "1.000e-09")],
)
def test_figures_for_a_reader(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_the_summary_names_the_lpips_network() -> None:
    lines = describe([{"image": "a", "lpips": 0.25, "lpips_network": "alex", "mse": 0.5}])
    assert lines == [f"{'mse':<28} 0.5000 (n = 1)", f"{'lpips (alex)':<28} 0.2500 (n = 1)"]


def test_columns_are_in_order_with_others_after(tmp_path: Path) -> None:
    rows = [{"image": "007", "zeta": 1.0, "mse": 1 / 3, "psnr": math.inf, "stopped": "target", "lpips": None}]
    write_table(tmp_path / "metrics.csv", rows)
    back = read_table(tmp_path / "metrics.csv")
    assert list(back[0]) == [*COLUMNS, "zeta"]
    assert {key: value for key, value in back[0].items() if value is not None} == {
        key: value for key, value in rows[0].items() if value is not None
    }


def test_rows_of_all_finished_photos_by_name(saved: Callable[..., Path], tmp_path: Path) -> None:
    run = saved("b", mse=2.0).parent
    saved("a", mse=1.0)
    saved("cut")
    (run / "cut" / "metrics.json").write_text("{")
    (run / "half").mkdir()
    (run / "half" / "target.png").touch()
    rows = [row(record) for record in records(run)]
    assert [(each["image"], each["mse"]) for each in rows] == [("a", 1.0), ("b", 2.0)]
    assert rows[0]["steps"] == 10 and rows[0]["stopped"] == "budget"


def test_photos_of_other_settings_stay_out(saved: Callable[..., Path]) -> None:
    run = saved("a").parent
    assert len(records(run, settings_hash="0123456789")) == 1
    assert records(run, settings_hash="another") == []


def test_a_photo_whose_folder_took_another_name_counts_once(case, tmp_path: Path) -> None:
    for name, mse in (("a", 1.0), ("a_png", 2.0)):  # a.jpg has joined a.png between the two
        changes = case.named(name, mse=mse)
        case.save(tmp_path / name, photo=replace(changes["photo"], source="photos/a.png"), metrics=changes["metrics"])
    jpg = case.named("a_jpg", mse=3.0)
    case.save(tmp_path / "a_jpg", photo=replace(jpg["photo"], source="photos/a.jpg"), metrics=jpg["metrics"])
    assert [(each["image"], each["metrics"]["mse"]) for each in records(tmp_path)] == [("a_jpg", 3.0), ("a_png", 2.0)]
    case.save(tmp_path / "a", photo=replace(case.photo, name="a", source="photos/a.png"), metrics={"mse": 4.0})
    assert [each["image"] for each in records(tmp_path)] == ["a", "a_jpg"]


def test_the_name_under_which_a_photo_was_measured_so_counts(case, tmp_path: Path) -> None:
    photo = replace(case.named("a")["photo"], source="photos/a.png")
    for name, measured in (("a", "so"), ("a_png", "otherwise")):
        case.save(tmp_path / name, photo=replace(photo, name=name), metrics={"mse": 1.0}, metric_hash=measured)
    assert [each["image"] for each in records(tmp_path)] == ["a_png"]
    assert [each["image"] for each in records(tmp_path, metric_hash="so")] == ["a"]


def test_names_of_networks_are_text_in_the_table(tmp_path: Path) -> None:
    write_table(tmp_path / "metrics.csv", [{"image": "a", "frechet_network": "FID", "frechet_ratio": 1.0}])
    assert read_table(tmp_path / "metrics.csv")[0]["frechet_network"] == "FID"
