"""Edits of what a run has finished: what is written, and that nothing is done twice."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganinv.dataset.pixels import to_uint8
from ganinv.edit import finished
from ganinv.edit.direction import Direction
from ganinv.edit.edits import Choice, Edits
from ganinv.errors import InputError
from ganinv.files import read_json, read_png, write_json
from ganinv.generator.checkpoint import Prior
from ganinv.mistakes import PhotosFailed
from ganinv.report.artefacts import load
from ganinv.report.page import edited


@pytest.fixture
def files(direction: Direction, tmp_path: Path) -> dict[str, Choice]:
    direction.save(tmp_path / "smile.safetensors")
    channel = torch.zeros(8)
    channel[2] = 1
    replace(direction, name="hat", space="s", values={"b8.conv1": channel}, strength=5).save(
        tmp_path / "hat.safetensors"
    )
    return {name: Choice(direction=str(tmp_path / f"{name}.safetensors")) for name in ("smile", "hat")}


def test_each_edit_and_all_together_of_each_photo(run: Path, prior: Prior, files, direction: Direction) -> None:
    photos = finished.edit_run(run, Edits(directions=files, columns=3), prior=prior)
    assert [photo.name for photo in photos] == ["a", "b"] and (run / "edits.png").is_file()
    names = {f"{name}{end}" for name in ("smile", "hat", "together") for end in (".png", "_strip.png", ".gif")}
    assert {path.name for path in (run / "a" / "edits").iterdir()} == names | {"edits.json"}
    inversion = load(run / "a", prior=prior)
    edited = inversion.render(inversion.latent.ws + 3 * direction.values["w"])
    difference = read_png(run / "a" / "edits" / "smile.png").short() - to_uint8(edited)[0].short()
    assert difference.abs().max() <= 1
    record = read_json(run / "a" / "edits" / "edits.json")["edits"]
    assert (
        record["hat"]["steps"][0]["strength"] == 5 and record["smile"]["steps"][0]["unit"] == "one standard deviation"
    )
    assert [step["direction"] for step in record["together"]["steps"]] == ["smile", "hat"]


def test_a_single_photo_and_a_strength_for_all(run: Path, prior: Prior, files) -> None:
    edits = Edits(directions={"smile": files["smile"]}, strength=-1, animate=None)
    assert finished.edit_run(run / "a", edits, prior=prior) == [run / "a"]
    assert {path.name for path in (run / "a" / "edits").iterdir()} == {"smile.png", "smile_strip.png", "edits.json"}
    assert read_json(run / "a" / "edits" / "edits.json")["edits"]["smile"]["steps"][0]["strength"] == -1
    assert not (run / "edits.png").exists() and not (run / "b" / "edits").exists()


def test_of_a_run_only_its_own_photos_with_a_whole_record(run: Path, prior: Prior, files) -> None:
    edits = Edits(directions={"smile": files["smile"]}, animate=None)
    (run / "b" / "metrics.json").write_text("{")
    assert finished.edit_run(run, edits, prior=prior, settings_hash="0") == [run / "a"]
    assert finished.edit_run(run, edits, prior=prior, settings_hash="1") == []


def test_what_stands_is_not_done_again(run: Path, prior: Prior, files, monkeypatch: pytest.MonkeyPatch) -> None:
    smile = {"smile": files["smile"]}
    finished.edit_run(run / "a", Edits(directions=smile), prior=prior)
    written: list[str] = []
    monkeypatch.setattr(finished, "write_edit", lambda place, name, *_: written.append(name))
    finished.edit_run(run / "a", Edits(directions=smile), prior=prior)
    assert written == []
    finished.edit_run(run / "a", Edits(directions=files), prior=prior)
    assert written == ["hat", "together"]
    written.clear()
    finished.edit_run(run / "a", Edits(directions=smile, strength=1), prior=prior)
    assert written == ["smile"]


def test_directions_of_another_generator_are_refused_before_anything_is_written(
    run: Path, prior, files, tmp_path
) -> None:
    stranger = Direction.load(tmp_path / "smile.safetensors")
    replace(stranger, fingerprint="sha256:0").save(tmp_path / "smile.safetensors")
    with pytest.raises(InputError, match="^smile: found on the generator tiny0 .* which is not tiny0"):
        finished.edit_run(run, Edits(directions=files), prior=prior)
    assert not (run / "a" / "edits").exists()


def test_wrong_folders_and_settings(run: Path, prior: Prior, files, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, said in ((tmp_path / "empty", "holds no finished photo"), (tmp_path / "nowhere", "no such folder")):
        with pytest.raises(InputError, match=f"{folder.name}: {said}; name a run's folder, or a photo's in it"):
            finished.edit_run(folder, Edits(directions=files), prior=prior)
    with pytest.raises(InputError, match="give the run's command again where it was stopped"):
        finished.edit_run(tmp_path / "empty", Edits(directions=files), prior=prior)
    with pytest.raises(InputError, match="^edit.strength: a strength must lie in -30 to 30"):
        Edits(directions=files, strength=31)
    with pytest.raises(InputError, match="^edit.directions: 'together' is what all of them together are called"):
        Edits(directions={"together": files["smile"]})
    with pytest.raises(InputError, match=r"^edit: layers are two numbers, \[from, to before\], got \[1\]"):
        Choice(direction="smile", layers=[1])
    with pytest.raises(InputError, match="^smile: layers 2 to before 40 are not in this generator, which has 6"):
        Edits(directions={"x": Choice(direction=files["smile"].direction, layers=[2, 40])}).steps(prior)


def test_a_sweep_as_mp4(run: Path, prior: Prior, files) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'ganinv[video]'")
    finished.edit_run(run / "a", Edits(directions={"smile": files["smile"]}, animate="mp4"), prior=prior)
    assert (run / "a" / "edits" / "smile.mp4").is_file() and not (run / "a" / "edits" / "smile.gif").exists()


def test_the_sheet_keeps_edits_of_before_and_a_new_strength_leaves_no_old_sweep(run: Path, prior: Prior, files) -> None:
    finished.edit_run(run, Edits(directions={"smile": files["smile"]}), prior=prior)
    wide = read_png(run / "edits.png").shape[2]
    finished.edit_run(run, Edits(directions={"hat": files["hat"]}, animate=None), prior=prior)
    assert read_png(run / "edits.png").shape[2] > wide, "the smile is still shown"
    assert (run / "a" / "edits" / "smile.gif").is_file()
    finished.edit_run(run, Edits(directions={"smile": files["smile"]}, strength=1, animate=None), prior=prior)
    assert not (run / "a" / "edits" / "smile.gif").exists(), "it is of another strength"


def test_the_sheet_keeps_what_was_together_and_says_of_what(run: Path, prior: Prior, files) -> None:
    finished.edit_run(run, Edits(directions=files, animate=None), prior=prior)
    wide = read_png(run / "edits.png").shape[2]
    made = [finished.read_record(run / name / "edits")["edits"] for name in ("a", "b")]
    assert finished.title("together", made) == "together"
    finished.edit_run(run, Edits(directions={"smile": files["smile"]}, strength=1, animate=None), prior=prior)
    assert read_png(run / "edits.png").shape[2] == wide
    made = [finished.read_record(run / name / "edits")["edits"] for name in ("a", "b")]
    assert finished.title("together", made) == "smile +3, hat +5"
    finished.edit_run(run / "b", Edits(directions=files, strength=1, animate=None), prior=prior)
    finished.edit_run(run, Edits(directions={"smile": files["smile"]}, strength=2, animate=None), prior=prior)
    made = [finished.read_record(run / name / "edits")["edits"] for name in ("a", "b")]
    assert finished.title("together", made) == "together, not alike"


def test_an_edit_of_one_photo_renews_the_sheet_of_the_run(run: Path, prior: Prior, files) -> None:
    finished.edit_run(run / "a", Edits(directions={"smile": files["smile"]}, animate=None), prior=prior)
    assert not (run / "edits.png").exists(), "the run has none that could be stale"
    finished.edit_run(run, Edits(directions={"smile": files["smile"]}, animate=None), prior=prior)
    before = (run / "edits.png").read_bytes()
    finished.edit_run(run / "a", Edits(directions={"smile": files["smile"]}, strength=-9, animate=None), prior=prior)
    assert (run / "edits.png").read_bytes() != before


def test_a_photo_is_edited_from_within_its_folder(
    run: Path, prior: Prior, files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run / "a")
    smile = Edits(directions={"smile": files["smile"]}, animate=None)
    assert finished.edit_run(Path(), smile, prior=prior) == [Path()]
    assert not (run / "a" / "edits.png").exists() and not (run / "edits.png").exists()


@pytest.mark.parametrize(("page", "why"), [(b"\xff", "cannot be read"), (b"<p>", "has no place for edits")])
def test_a_report_that_takes_no_edits_is_told_with_what_else_failed(
    run: Path, prior: Prior, files, page: bytes, why: str
) -> None:
    (run / "report.html").write_bytes(page)
    smile = Edits(directions={"smile": files["smile"]}, animate=None)
    with pytest.raises(PhotosFailed, match=f"^not edited: .*report.html: {why}"):
        finished.edit_run(run, smile, prior=prior)
    assert (run / "edits.png").is_file() and (run / "report.html").read_bytes() == page
    assert finished.edit_run(run, smile, prior=prior, settings_hash="0") == [run / "a", run / "b"]


def test_the_sheet_in_the_report_is_that_of_the_last_edit(run: Path, prior: Prior, files) -> None:
    smile = Edits(directions={"smile": files["smile"]}, animate=None)
    finished.edit_run(run, smile, prior=prior)
    assert not (run / "report.html").exists(), "a run that goes on writes it at its end"
    (run / "report.html").write_text("<p>é</p>" + edited(None) + "<footer></footer>", encoding="utf-8")
    finished.edit_run(run, Edits(directions=files, animate=None), prior=prior)
    expected = "<p>é</p>" + edited((run / "edits.png").read_bytes()) + "<footer></footer>"
    assert (run / "report.html").read_text(encoding="utf-8") == expected


def test_edits_of_another_tuning_go(run: Path, prior: Prior, files) -> None:
    finished.edit_run(run / "a", Edits(directions=files), prior=prior)
    record = read_json(run / "a" / "metrics.json")
    write_json(run / "a" / "metrics.json", record | {"finished": "later"})
    finished.edit_run(run / "a", Edits(directions={"smile": files["smile"]}), prior=prior)
    found = {path.name for path in (run / "a" / "edits").iterdir()}
    assert found == {"smile.png", "smile_strip.png", "smile.gif", "edits.json"}


def test_a_photo_that_cannot_be_read_stops_no_other(
    run: Path, prior: Prior, files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prior_of(path: Path) -> Prior:
        if path.read_bytes() == b"cut":
            raise InputError(f"{path}: not a whole safetensors file")
        return prior

    monkeypatch.setattr(finished, "prior_of", prior_of)
    (run / "a" / "generator.safetensors").write_bytes(b"cut")
    with pytest.raises(PhotosFailed, match="^not edited: .*a: "):
        finished.edit_run(run, Edits(directions=files))
    assert (run / "b" / "edits" / "smile.png").is_file() and (run / "edits.png").is_file()


def test_a_direction_is_added_on_the_command_line(tmp_path: Path) -> None:
    edits = Edits(directions={"hat": {"direction": str(tmp_path / "hat.safetensors"), "strength": 2.0}})
    assert edits.directions["hat"].strength == 2
    for wrong, said in (({"strength": 1}, "set direction to a name"), ({"direction": "x", "size": 1}, "setting: size")):
        with pytest.raises(InputError, match=f"^edit.directions.hat: .*{said}"):
            Edits(directions={"hat": wrong})
