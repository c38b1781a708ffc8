"""Runs side by side: what is merged, what is left out and said, and the figures against numbers worked out by hand."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganinv.config import as_yaml, read, settings_hash
from ganinv.dataset.images import digest
from ganinv.dataset.pixels import to_uint8
from ganinv.errors import InputError
from ganinv.job import write
from ganinv.report.__main__ import main
from ganinv.report.comparison import compare
from ganinv.report.jobs import gather

Run = Callable[..., Path]


@pytest.fixture
def run(case, tmp_path: Path) -> Run:
    """`run("runs/a", ["tuner.steps=3"], anna={"mse": 1.0})`: a finished run of these settings and photos."""

    def make(folder: str, overrides: list[str], **photos: dict[str, Any]) -> Path:
        cfg, place = read(["dataset.path=.", *overrides]), tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.yaml").write_text(as_yaml(cfg))
        for name, metrics in photos.items():
            image = torch.full_like(case.photo.image, (sum(map(ord, name)) % 256 - 127.5) / 127.5)
            photo = replace(
                case.photo, name=name, image=image, digest=digest(to_uint8(image)), source=f"photos/{name}.png"
            )
            case.save(place / name, photo=photo, metrics=metrics, settings_hash=settings_hash(cfg))
        return place

    return make


def test_mean_deviation_and_paired_difference_by_hand(run: Run, tmp_path: Path) -> None:
    run("runs/a", ["loss.locality=1.0"], anna={"mse": 1.0}, carl={"mse": 3.0}, dora={"mse": 5.0})
    run("runs/b", ["loss.locality=0"], anna={"mse": 2.0}, carl={"mse": 5.0}, dora={"mse": 8.0})
    found = compare([tmp_path], out=tmp_path, baseline="loss.locality=1")
    assert [line.name for line in found.lines] == ["loss.locality=1", "loss.locality=0"]
    plain, other = found.lines
    assert (plain.figures["mse"].mean, plain.figures["mse"].std, plain.n) == (3, 2, 3)
    difference = other.differences["mse"]
    # 1, 2, 3: mean 2, s 1, t(2) = 4.3027
    assert difference.mean == 2 and difference.n == 3 and difference.high == pytest.approx(2 + 4.302653 / 3**0.5)
    assert plain.differences == {} and found.notes == []
    assert "| loss.locality=1 | 3 | 3.0 ± 2.0 |" in found.told
    assert "| loss.locality=0 | 3 | +2.0 [−0.5, 4.5] |" in found.told


def test_the_files_say_the_same(run: Run, tmp_path: Path) -> None:
    run("runs/a", ["seed=0"], anna={"mse": 1.0, "psnr": 40.0, "frechet_ratio": 1.0, "zeta": 7.0}, carl={"mse": 1 / 3})
    run("runs/b", ["seed=1"], anna={"mse": 2.0, "psnr": float("inf"), "frechet_ratio": 1.5}, carl={"mse": 1.0})
    compare([tmp_path], out=tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out/table.csv").read_text().splitlines()))
    assert [row["setting"] for row in rows] == ["seed=0", "seed=1"]
    assert (
        float(rows[0]["mse_mean"]) == (1 + 1 / 3) / 2 and rows[0]["mse_difference"] == "" and rows[0]["zeta_n"] == "1"
    )
    assert float(rows[1]["mse_difference"]) == pytest.approx((1 + 2 / 3) / 2) and rows[1]["mse_pairs"] == "2"
    markdown = (tmp_path / "out/table.md").read_text()
    assert "zeta" not in markdown and "Difference to seed=0" in markdown and "(paired, Student's t)" in markdown
    latex = (tmp_path / "out/table.tex").read_text()
    assert latex.count(r"\begin{tabular}") == 2 and r"$\pm$" in latex and "±" not in latex.split("\n", 1)[1]
    assert compare([tmp_path], out=tmp_path, columns=["zeta"]).told.startswith("| setting | n | zeta |")


def test_a_plot_where_all_rows_have_both_figures(run: Run, tmp_path: Path) -> None:
    for seed, ratio in ((0, 1.0), (1, 1.5)):
        run(f"runs/{seed}", [f"seed={seed}"], anna={"psnr": 40.0 + seed, "frechet_ratio": ratio})
    assert "fidelity_drift.svg" in compare([tmp_path], out=tmp_path).told
    assert "seed=1" in (tmp_path / "fidelity_drift.svg").read_text()


def test_a_row_without_drift_is_not_in_the_plot_and_is_counted(run: Run, tmp_path: Path) -> None:
    for seed, drift in ((0, {"drift_mse": 0.5, "frechet_ratio": 1.0}), (1, {"drift_mse": 0.6}), (2, {})):
        run(f"runs/{seed}", [f"seed={seed}"], anna={"psnr": 40.0 + seed, **drift})
    told = compare([tmp_path], out=tmp_path).told
    assert told.endswith("fidelity_drift.svg; not in the plot, for want of drift_mse or of a finite PSNR: seed=2")
    plot = (tmp_path / "fidelity_drift.svg").read_text()
    assert "seed=1" in plot and "seed=2" not in plot and "drift: MSE" in plot


def test_shards_and_machines_are_one_row(run: Run, tmp_path: Path) -> None:
    for name in ("one/photos", "two/photos"):
        (tmp_path / name).mkdir(parents=True)
    first, second = f"dataset.path={tmp_path}/one/photos", f"dataset.path={tmp_path}/two/photos"
    run("machine1/a", [first, "dataset.num_shards=2"], anna={"mse": 1.0})
    run("machine2/a", [second, "dataset.num_shards=2", "dataset.shard=1", "device=cpu"], carl={"mse": 2.0})
    found = compare([tmp_path / "machine1", tmp_path / "machine2"], out=tmp_path)
    assert [(line.name, line.n) for line in found.lines] == [("all", 2)]


def test_other_folders_of_photos_are_other_rows(run: Run, tmp_path: Path) -> None:
    for name in ("faces", "cars"):
        (tmp_path / name).mkdir()
        run(f"runs/{name}", [f"dataset.path={tmp_path / name}"], anna={"mse": 1.0})
    assert [s.name for s in gather([tmp_path / "runs"]).settings] == ["dataset.path=cars", "dataset.path=faces"]


def test_a_photo_that_stands_twice_counts_once(run: Run, tmp_path: Path) -> None:
    run("machine1/a", [], anna={"mse": 1.0})
    place = run("machine2/a", [], anna={"mse": 2.0}) / "anna" / "metrics.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"finished": "2999-01-01T00:00:00+00:00"}))
    found = gather([tmp_path])
    (record,) = found.settings[0].photos.values()
    assert record["metrics"]["mse"] == 2 and found.notes == ["anna: stands twice (a/anna, a/anna), and counts once"]


def test_what_is_missing_is_named(run: Run, tmp_path: Path) -> None:
    run("runs/a", ["seed=0"], anna={"mse": 1.0}, carl={"mse": 2.0})
    other = run("runs/b", ["seed=1"], anna={"mse": 1.0}, dora={"mse": 2.0})
    (other / "dora" / "metrics.json").write_text("{")
    (other / "failed.json").write_text(json.dumps({"photos/carl.png": "is cut short", "photos/anna.png": "was bad"}))
    run("runs/c", ["seed=2"])
    (tmp_path / "runs/d").mkdir()
    (tmp_path / "runs/d/config.yaml").write_text("- a list")
    notes = compare([tmp_path], out=tmp_path).notes
    assert len(notes) == 5
    assert any(n.startswith(f"{other}/dora/metrics.json: not a whole JSON file") for n in notes)
    assert f"{other.name}: not inverted: photos/carl.png: is cut short" in notes
    assert f"{tmp_path}/runs/c: no finished photo" in notes and "seed=1: lacks carl" in notes
    assert any(n.startswith(f"{tmp_path}/runs/d/config.yaml: not the settings of a run") for n in notes)
    assert "* seed=1: lacks carl" in (tmp_path / "table.md").read_text()


def test_photos_of_other_settings_in_the_same_folder_stay_out(run: Run, tmp_path: Path) -> None:
    run("runs/a", ["seed=1"], anna={"mse": 1.0})
    run("runs/a", ["seed=0"], carl={"mse": 2.0})
    found = gather([tmp_path])
    assert [r["image"] for r in found.settings[0].photos.values()] == ["carl"]
    assert "anna was made with other settings than its config.yaml says" in found.notes[0]


def test_a_sweep_names_its_rows_and_its_failures(run: Run, tmp_path: Path) -> None:
    rows = {"full": ["loss.locality=1"], "without_locality": ["loss.locality=0"]}
    sweep, common = tmp_path / "sweep", ["experiment=ablate_loss", "dataset.limit=2"]
    for number, (name, overrides) in enumerate(reversed(rows.items())):
        place = run(f"elsewhere/{name}", overrides, anna={"mse": 1.0})
        mark = settings_hash(read(["dataset.path=.", *overrides]))
        asked = {"number": number, "overrides": [*common, f"row={name}"], "folder": str(place), "settings_hash": mark}
        write(sweep, asked | {"state": "done", "why": None, "code": 0})
    lost = {"number": 7, "overrides": [*common, "row=lost"], "folder": None, "settings_hash": None, "code": 1}
    write(sweep, lost | {"state": "failed", "why": "it was killed"})
    found = compare([sweep], out=sweep)
    assert [line.name for line in found.lines] == ["without locality", "full"] and found.baseline == "full"
    assert found.notes == [f"job #7 {' '.join(common)} row=lost is not done: it was killed"]


def test_networks_that_do_not_compare_are_named(run: Run, tmp_path: Path) -> None:
    for network in ("alex", "squeeze"):
        overrides = [f"metric.reconstruction.lpips={network}"]
        run(f"runs/{network}", overrides, anna={"lpips": 1.0, "lpips_network": network})
    assert compare([tmp_path], out=tmp_path).notes == [
        "LPIPS is of several networks (alex, squeeze), which do not compare"
    ]


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the command says of a mistake."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


def test_mistakes_are_a_sentence(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert "no such folder; name the folder of a run" in told(capsys, tmp_path / "none")
    assert "holds no run (a folder with config.yaml)" in told(capsys, tmp_path / "empty")
    run("runs/none", [])
    assert "holds no finished photo" in told(capsys, tmp_path / "runs")
    run("runs/a", [], anna={"mse": 1.0})
    assert "--baseline: no row is called 'full'; there are 'all'" in told(capsys, tmp_path, "--baseline", "full")
    assert "--columns: nothing has no figures; there are mse, " in told(capsys, tmp_path, "--columns", "nothing")


def test_several_priors_do_not_compare(run: Run, case, other_prior, tmp_path: Path) -> None:
    run("runs/a", ["seed=0"], anna={"mse": 1.0})
    place = run("runs/b", ["seed=1"], anna={"mse": 1.0}) / "anna" / "metrics.json"
    record = json.loads(place.read_text())
    record["prior"] |= {"name": "other", "fingerprint": other_prior.fingerprint}
    place.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"photos of 2 priors \(tiny in .*a, other in .*b\) do not compare"):
        gather([tmp_path])


def test_the_command_prints_its_table_and_says_where_it_lies(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("runs/a", [], anna={"mse": 1.0})
    assert main([str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("| setting | n | MSE |") and f"{tmp_path / 'out'}: table.csv, table.md, table.tex" in out
