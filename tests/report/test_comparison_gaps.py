"""Runs side by side where something is lacking: one photo, columns of a few, no photo in common, broken files."""

import csv
import math
from pathlib import Path

import pytest

from ganinv.config import read, settings_hash
from ganinv.errors import InputError
from ganinv.job import write
from ganinv.report.comparison import beside, compare, heading
from ganinv.report.jobs import Setting, gather, read_settings
from ganinv.report.naming import named, short

from .test_comparison import Run, run  # noqa: F401


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "table.csv").read_text().splitlines()))


def test_one_photo_has_no_deviation_and_no_interval(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", ["seed=0"], anna={"mse": 1.0})
    run("runs/b", ["seed=1"], anna={"mse": 3.0})
    found = compare([tmp_path], out=tmp_path)
    assert "| seed=0 | 1 | 1.000 |" in found.told and "| seed=1 | 1 | +2.000 |" in found.told
    assert "'seed=0' on the same photos, mean; one pair has no interval." in found.told
    assert "nan" not in found.told and "[" not in found.told.split("Difference to")[1].split("\n\n")[1]
    other = rows(tmp_path)[1]
    assert (other["mse_difference"], other["mse_low"], other["mse_high"], other["mse_pairs"]) == ("2.0", "", "", "1")


def test_a_column_of_one_setting_or_of_a_few_photos(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", ["seed=0"], anna={"mse": 1.0, "ssim": 0.5}, carl={"mse": 2.0, "ssim": None})
    run("runs/b", ["seed=1"], anna={"mse": 1.0, "psnr": 40.0}, carl={"mse": 3.0, "psnr": math.inf})
    told = compare([tmp_path], out=tmp_path, columns=["mse", "psnr", "ssim"]).told
    assert "| seed=0 | 2 | 1.50 ± 0.71 | – | 0.5000 (n = 1) |" in told
    assert "| seed=1 | 2 | 2.0 ± 1.4 | 40.00 (n = 1; 1 more exact) | – |" in told
    assert "| seed=1 | 2 | +0.5 [−5.9, 6.9] | – | – |" in told
    other = rows(tmp_path)[1]
    assert other["psnr_exact"] == "1" and "psnr_difference" not in other and other["ssim_mean"] == ""


def test_a_setting_whose_photos_are_all_exact_says_so(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", ["seed=0"], anna={"mse": 1.0, "psnr": 40.0, "drift_mse": 0.1}, carl={"mse": 1.0, "psnr": 40.0})
    run("runs/b", ["seed=1"], anna={"mse": 0.0, "psnr": math.inf, "drift_mse": 0.1}, carl={"mse": 0, "psnr": math.inf})
    told = compare([tmp_path], out=tmp_path, columns=["psnr"]).told
    assert "| seed=1 | 2 | ∞ (all 2 exact) |" in told and "or of a finite PSNR: seed=1" in told
    assert "* seed=1: every photo exact, an infinite PSNR, which has no difference\n" in told
    assert r"$\infty$ (all 2 exact)" in (tmp_path / "table.tex").read_text()
    run("runs/b", ["seed=1"], dora={"mse": 1.0, "psnr": 50.0})
    assert "* seed=1: 2 of 3 photos exact, an infinite PSNR, which has no difference; its PSNR, and" in (
        compare([tmp_path], out=tmp_path).told
    )


def test_a_plot_of_before_does_not_stay_beside_another_table(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", ["seed=0"], anna={"psnr": 40.0, "drift_mse": 0.1})
    compare([tmp_path / "runs" / "a"], out=tmp_path / "out")
    assert (tmp_path / "out" / "fidelity_drift.svg").is_file()
    run("runs/b", ["seed=1"], anna={"psnr": math.inf, "drift_mse": 0.1})
    told = compare([tmp_path / "runs" / "b"], out=tmp_path / "out").told
    assert not (tmp_path / "out" / "fidelity_drift.svg").exists() and "no row has drift and a finite PSNR" in told


def test_the_pairs_that_a_column_lacks_are_counted(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", ["seed=0"], anna={"mse": 1.0, "psnr": 40.0}, carl={"mse": 1.0, "psnr": 40.0})
    run("runs/b", ["seed=1"], anna={"mse": 2.0, "psnr": 41.0}, carl={"mse": 4.0, "psnr": math.inf})
    told = compare([tmp_path], out=tmp_path, columns=["mse", "psnr"]).told
    assert "+1.000 (1 pair) |" in told and "paired, Student's t); one pair has no interval" in told


def test_settings_without_a_photo_in_common_have_no_difference(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", ["seed=0"], anna={"mse": 1.0})
    run("runs/b", ["seed=1"], carl={"mse": 1.0})
    found = compare([tmp_path], out=tmp_path)
    assert [line.differences for line in found.lines] == [{}, {}]
    assert "Mean ± standard deviation over the photos.\n" in found.told and "Difference to" not in found.told
    assert (tmp_path / "table.tex").read_text().count("tabular}{") == 1
    assert found.told.endswith("table.tex; no row has drift and a finite PSNR to plot")
    assert found.notes == ["seed=0: lacks carl", "seed=1: lacks anna"]


def test_a_folder_that_is_named_twice_or_above_another_counts_once(run: Run, tmp_path: Path) -> None:  # noqa: F811
    place = run("runs/a", [], anna={"mse": 1.0})
    run("elsewhere/a", [], carl={"mse": 3.0})
    found = gather([place, tmp_path / "runs", tmp_path / "runs", tmp_path / "elsewhere"])
    assert [record["image"] for record in found.settings[0].photos.values()] == ["anna", "carl"] and found.notes == []


def test_columns_of_which_one_has_no_figures(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/a", [], anna={"mse": 1.0, "ssim": None})
    with pytest.raises(InputError, match="^--columns: ssim, zeta has no figures; there are mse, "):
        compare([tmp_path], out=tmp_path / "out", columns=["mse", "ssim", "zeta"])
    assert not (tmp_path / "out").exists()


def test_broken_files_are_named_and_the_rest_is_compared(run: Run, tmp_path: Path) -> None:  # noqa: F811
    place = run("runs/a", [], anna={"mse": 1.0})
    (place / "failed.json").write_text("{")
    run("runs/b", ["seed=1"])
    (tmp_path / "runs/b/config.yaml").write_text("tuner: [")
    (tmp_path / "runs/jobs").mkdir()
    (tmp_path / "runs/jobs/0.json").write_text("{")
    found = gather([tmp_path])
    assert [len(setting.photos) for setting in found.settings] == [1]
    said = sorted(note.split(str(tmp_path))[1].split(" (")[0] for note in found.notes)
    assert said[0] == "/runs/a/failed.json: not a whole JSON file" and said[1:] == [
        "/runs/b/config.yaml: not the settings of a run", "/runs/jobs/0.json: not a whole record of a job"
    ]  # fmt: skip
    with pytest.raises(InputError, match="none.yaml: not the settings of a run"):
        read_settings(tmp_path / "none.yaml")


def test_machines_with_other_folders_above_keep_the_rows_names(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for machine in ("m1", "m2"):
        photos = tmp_path / machine / "photos"
        photos.mkdir(parents=True)
        for number, row in enumerate(("full", "without_locality")):
            overrides = [f"dataset.path={photos}", f"row={row}"]
            place = run(f"{machine}/runs/{row}", overrides, **{machine: {"mse": 1.0 + number}})
            mark = settings_hash(read(overrides))
            record = {"number": number, "overrides": overrides, "folder": str(place), "settings_hash": mark}
            write(tmp_path / machine / "sweep", record | {"state": "done", "why": None, "code": 0})
    found = compare([tmp_path], out=tmp_path)
    assert [(line.name, line.n) for line in found.lines] == [("full", 2), ("without locality", 2)]
    places = f"{tmp_path}/m1/photos, {tmp_path}/m2/photos"
    assert found.notes == [f"dataset.path: {places} count as one; where they differ, give them different names"]


def test_a_job_that_another_sweep_has_done_is_not_missing(run: Run, tmp_path: Path) -> None:  # noqa: F811
    place = run("runs/a", ["seed=0"], anna={"mse": 1.0})
    record = {"number": 1, "overrides": ["seed=0"], "folder": str(place), "settings_hash": None, "code": 1}
    write(tmp_path / "sweeps/1", record | {"state": "failed", "why": "it was killed"})
    assert gather([tmp_path]).notes == ["job #1 seed=0 is not done: it was killed"]
    write(tmp_path / "sweeps/2", record | {"state": "done", "why": None})
    assert gather([tmp_path]).notes == []


def test_runs_of_no_sweep_are_named_by_their_commands(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for row in ("full", "pti"):
        place = run(f"runs/{row}", [f"row={row}"], anna={"mse": 1.0})
        (place / "overrides.yaml").write_text(f"- dataset.path=.\n- row={row}\n- folder=runs/{row}\n")
    run("runs/old", ["seed=5"], anna={"mse": 1.0})
    found = compare([tmp_path / "runs/full", tmp_path / "runs/pti"], out=tmp_path)
    assert ([line.name for line in found.lines], found.baseline) == (["full", "pti"], "full")
    assert [line.name for line in compare([tmp_path], out=tmp_path).lines][::2] == ["full", "pti"]


def test_each_dataset_is_compared_with_its_own_baseline(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for name in ("faces", "cars"):
        (tmp_path / name).mkdir()
        for row, mse in (("full", 1.0), ("without_locality", 3.0)):
            overrides = [f"dataset.path={tmp_path / name}", f"row={row}"]
            place = run(f"runs/{name}-{row}", overrides, **{name: {"mse": mse + len(name)}})
            (place / "overrides.yaml").write_text("".join(f"- {each}\n" for each in overrides))
    found = compare([tmp_path / "runs"], out=tmp_path)
    assert found.notes == [] and found.baseline == "dataset.path=cars, full or dataset.path=faces, full"
    assert [each.differences["mse"].mean for each in found.lines if each.differences] == [2, 2]
    assert [row["baseline"] for row in rows(tmp_path)] == [
        f"dataset.path={n}, full" for n in ("cars", "cars", "faces", "faces")
    ]
    assert "| dataset.path=cars, without locality | dataset.path=cars, full | 1 | +2.000 |" in found.told
    said = "Difference: to 'dataset.path=cars, full' or 'dataset.path=faces, full' on the same photos"
    assert said in found.told
    assert "Difference to dataset.path=cars, full or dataset.path=faces, full:" in found.told
    with pytest.raises(InputError, match="--baseline: no row is called 'none'; there are 'dataset.path=cars, full'"):
        compare([tmp_path / "runs"], out=tmp_path, baseline="none")


def test_the_networks_stand_in_the_heads(run: Run, tmp_path: Path) -> None:  # noqa: F811
    networks = {"lpips_network": "alex", "frechet_network": "FID"}
    for seed in (0, 1):
        figures = {"psnr": 40.0 + seed, "lpips": 0.1, "frechet_ratio": 1.0, "frechet_ratio_near_0.25": 1.1}
        run(f"runs/{seed}", [f"seed={seed}"], anna=figures | networks)
    told = compare([tmp_path], out=tmp_path).told
    assert "| LPIPS (alex) | FID, ratio | FID, ratio, α .25 |" in told
    assert "FID, tuned over untouched" in (tmp_path / "fidelity_drift.svg").read_text()
    assert [(row["lpips_network"], row["frechet_network"]) for row in rows(tmp_path)] == [("alex", "FID")] * 2


def commanded(run: Run, folder: str, overrides: list[str], **photos: dict) -> None:  # noqa: F811
    """A run of no sweep."""
    place = run(folder, overrides, **photos)
    (place / "overrides.yaml").write_text("".join(f"- {each}\n" for each in overrides) or "[]\n")


def test_the_baseline_is_the_one_with_the_most_photos(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for name, images in (("a", "xyz"), ("b", "zuv")):
        (tmp_path / name).mkdir()
        for row in ("full", "without_locality"):
            photos = {image: {"mse": 1.0} for image in images}
            commanded(run, f"runs/{name}-{row}", [f"dataset.path={tmp_path / name}", f"row={row}"], **photos)
    found = compare([tmp_path / "runs"], out=tmp_path)
    assert [(line.name, line.baseline) for line in found.lines] == [
        (f"dataset.path={name}, {row}", f"dataset.path={name}, full")
        for name in ("a", "b") for row in ("full", "without locality")
    ]  # fmt: skip


def test_of_two_baselines_the_one_with_more_of_the_same_settings_counts(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for steps in (3, 5):
        for row in ("full", "pti_regulariser"):
            overrides = [f"row={row}", f"tuner.steps={steps}"]
            commanded(run, f"runs/{row}-{steps}", overrides, anna={"mse": float(steps)})
    found = compare([tmp_path], out=tmp_path, baseline="full")
    assert [(line.name, line.baseline) for line in found.lines] == [
        (f"{row}, tuner.steps={steps}", f"full, tuner.steps={steps}")
        for row in ("full", "pti regulariser") for steps in (3, 5)
    ]  # fmt: skip


def test_a_dataset_without_the_baseline_is_told(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("runs/1", ["row=full"], anna={"mse": 1.0})
    commanded(run, "runs/1", ["row=full"])
    for row in ("root", "closest"):
        commanded(run, f"runs/{row}", [f"row={row}"], carl={"mse": 1.0})
    found = compare([tmp_path], out=tmp_path)
    assert [(line.name, line.baseline) for line in found.lines] == [
        ("full", "full"),
        ("closest", "closest"),
        ("root", "closest"),
    ]
    assert "root: shares no photo with full, and is compared with closest" in found.notes
    found = compare([tmp_path], out=tmp_path, baseline="full")
    assert [line.baseline for line in found.lines] == ["full", None, None]
    assert "root: shares no photo with full" in found.notes and found.lines[2].differences == {}


def test_a_command_that_sets_nothing_is_the_default(run: Run, tmp_path: Path) -> None:  # noqa: F811
    commanded(run, "runs/a", ["row=closest"], anna={"mse": 1.0})
    commanded(run, "runs/b", [], anna={"mse": 2.0})
    found = compare([tmp_path], out=tmp_path)
    assert ([line.name for line in found.lines], found.baseline) == (["closest", "default"], "default")


def test_a_row_of_two_sweeps_keeps_the_name_of_the_first(run: Run, tmp_path: Path) -> None:  # noqa: F811
    asked = {"s1": ["row=full", "row=pti"], "s2": ["loss.locality=0", "loss.locality=0.5"]}
    for sweep, rows_of in asked.items():
        for number, override in enumerate(rows_of):
            place = run(f"runs/{override}", [override], anna={"mse": 1.0})
            mark = settings_hash(read(["dataset.path=.", override]))
            record = {"number": number, "overrides": [override], "folder": str(place), "settings_hash": mark}
            write(tmp_path / sweep, record | {"state": "done", "why": None, "code": 0})
    assert sorted(s.name for s in gather([tmp_path / "s1", tmp_path / "s2"]).settings) == [
        "full",
        "loss.locality=0",
        "pti",
    ]


def test_paths_in_names_lose_their_folders_and_quotes() -> None:
    given = [
        "dataset.path='/a/my photos'",
        "dataset.path=.",
        "generator.path=/n/x.pkl",
        "+a.weights=b/c.pth",
        "row=full",
    ]
    kept = ("dataset.path=my photos", "dataset.path=.", "generator.path=x.pkl", "+a.weights=c.pth", "row=full")
    assert short(given) == kept
    assert named(given[2:], most=128) == "generator.path=x.pkl,+a.weights=c.pth,row=full"
    assert named(["folder=/a/b/c", "seed=1"], most=128) == "folder=c,seed=1"
    assert named(given, most=10) == "…,row=full" and named([], most=10) == ""


def test_an_asked_column_names_its_network() -> None:
    networks: dict[str, str | None] = {"LPIPS": "alex", "Fréchet distance": "FID"}
    heads = [heading(name, networks) for name in ("initial_lpips", "frechet_tuned", "ganinverter_lpips", "psnr")]
    assert heads == ["initial lpips (alex)", "FID tuned", "LPIPS as GANInverter (alex)", "PSNR, dB"]


def test_of_baselines_alike_the_one_tuned_most_alike_is_taken() -> None:
    photos = {"a": {"metrics": {"mse": 1.0}}}
    own = Setting({"loss.locality": 0, "tuner.steps": 200, "metric.frechet.samples": 500}, "other", photos=photos)
    near = Setting({"loss.locality": 1, "tuner.steps": 200, "metric.frechet.samples": 1000}, "full", photos=photos)
    far = Setting({"loss.locality": 1, "tuner.steps": 300, "metric.frechet.samples": 500}, "full", photos=photos)
    for called in ([near, far], [far, near]):
        assert beside(own, called, []) is near, "what was measured does not count"
    empty = Setting({"loss.locality": 1, "tuner.reals": None}, "full", photos=photos)
    same = Setting({"loss.locality": 0}, "full", photos=photos)
    assert beside(own, [empty, same], []) is same, "that a setting is absent here and empty there is no likeness"
