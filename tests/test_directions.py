"""The two commands: a search for directions, and their use on a finished run."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from ganinv import directions, run
from ganinv.edit import __main__ as edit
from ganinv.edit import finished as finished_module
from ganinv.edit.direction import Direction
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior

ARCHITECTURE = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 64, "channel_max": 8, "mapping_layers": 1}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with tiny.safetensors and the photo me.png."""
    monkeypatch.chdir(tmp_path)
    generator, discriminator = build_generator(ARCHITECTURE), build_discriminator(ARCHITECTURE)
    save_prior("tiny.safetensors", Prior(generator, discriminator, fingerprint(generator), ARCHITECTURE, name="tiny"))
    Image.effect_noise((16, 16), 50).convert("RGB").save("me.png")
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """`command(module, "a=b", …)`: run it as from a shell; -> exit code."""

    def call(module, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        try:
            return module.main() or 0
        except SystemExit as stop:
            return int(stop.code or 0)

    return call


def mean_red(pixels: torch.Tensor) -> torch.Tensor:
    return pixels[:, 0].float().mean(dim=[1, 2])


def test_a_search_writes_directions_with_pictures(place: Path, command) -> None:
    assert command(directions, "generator.path=tiny.safetensors", "finder=sefa", "finder.keep=2", "folder=found") == 0
    assert {path.name for path in Path("found").iterdir()} == {
        "sefa_00.safetensors",
        "sefa_00.png",
        "sefa_01.safetensors",
        "sefa_01.png",
    }
    assert Direction.load("found/sefa_01.safetensors").prior == "tiny"


def test_scores_of_an_own_classifier(place: Path, command) -> None:
    own = ["scores=own", f"scores.score={__name__}:mean_red", "attribute=red", "finder.samples=100", "finder.share=0.2"]
    assert command(directions, "generator.path=tiny.safetensors", "finder=interfacegan", *own) == 0
    assert Direction.load("directions/red.safetensors").made["scores"]["classifier"].endswith("mean_red")


def test_pictures_for_the_eye_and_a_table_from_them(place: Path, command) -> None:
    base = ["generator.path=tiny.safetensors", "finder.samples=60"]
    assert command(directions, *base, "finder=pictures") == 0
    assert len(list(Path("samples").glob("*.png"))) == 60
    lines = Path("samples/samples.csv").read_text().splitlines()
    assert lines[:2] == ["sample,file", "0,000000.png"]
    scored = [f"{lines[0]},grey", *(f"{line},{i * 7 % 60}" for i, line in enumerate(lines[1:]))]
    Path("scores.csv").write_text("\n".join(scored) + "\n")
    table = ["scores=table", "scores.path=scores.csv", "attribute=grey", "finder.share=0.2"]
    assert command(directions, *base, "finder=interfacegan", *table) == 0
    assert Direction.load("directions/grey.safetensors").made["scores"]["from"] == "table"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["finder=sefa", "finder.keep=two"], "finder.keep: input should be a valid integer"),
        (["finder=sefi"], "finder: no option 'sefi' (did you mean sefa?); choose one of ganspace"),
        (["finder=localise"], "finder.region: must be set"),
        (["finder=interfacegan"], "scores: must be set for finder=interfacegan"),
        (["finder=sefa", "finder.layers=[4,40]"], "sefa: layers 4 to before 40 are not in this generator"),
        (["finder=published", "finder.path=nowhere.pt"], "finder.path: nowhere.pt does not exist"),
        (["finder=sefa", "colour=red"], "colour: no such setting"),
    ],
)
def test_mistakes_are_one_sentence(place: Path, command, capfd, arguments: list[str], said: str) -> None:
    assert command(directions, "generator.path=tiny.safetensors", *arguments) == 2
    error = capfd.readouterr().err
    assert said in error and "Traceback" not in error and len(error.strip().splitlines()) == 1


def test_a_sweep_goes_on_after_a_mistake_and_names_it_at_its_end(place: Path, command, capfd) -> None:
    sweep = ["finder=sefa", "finder.layers=[4,40],[0,2]", "finder.keep=1", "hydra.sweep.dir=here"]
    assert command(directions, "--multirun", "generator.path=tiny.safetensors", *sweep) == 2
    *_, head, line = capfd.readouterr().err.splitlines()
    assert head == "1 of 2 jobs failed; the same command does what is missing:" and line.startswith("#0 ")
    assert line.endswith(
        ": sefa: layers 4 to before 40 are not in this generator, which has 6; give two numbers, the first smaller, in"
        " 0 to 6"
    )
    assert Direction.load("directions/sefa_00.safetensors").layers == (0, 2)
    assert not list(Path("here").glob("table.*"))


QUICK = ["inverter=mean", "tuner.steps=1", "metric=[reconstruction]", "metric.reconstruction.lpips=null"]
QUICK += ["generator.path=tiny.safetensors", "dataset.path=me.png", "folder=runs/x"]
EDITS = "angry, beard, glasses, held_angry, held_glasses, held_smile, own, smile, yaw"
EDITING = Path(__file__).parents[1] / "docs" / "editing.md"
OWN = ["edit=[own]", "edit.directions.own.direction=sefa_00"]


@pytest.fixture
def finished(place: Path, command) -> Path:
    """A run of one step on me.png, and a direction of its prior."""
    assert command(run, *QUICK) == 0
    assert command(directions, "generator.path=tiny.safetensors", "finder=sefa", "finder.keep=1") == 0
    return Path("runs/x")


def test_a_finished_run_is_edited_without_tuning(finished: Path, command, capfd) -> None:
    before = (finished / "me" / "generator.safetensors").stat().st_mtime_ns
    assert command(edit, str(finished), *OWN, "edit.strength=2") == 0
    assert (finished / "me" / "edits" / "own_strip.png").is_file() and (finished / "edits.png").is_file()
    assert (finished / "me" / "generator.safetensors").stat().st_mtime_ns == before
    assert command(edit, str(finished / "me"), *OWN, "edit.strength=1") == 0


def test_a_run_with_edits_goes_on_from_one_without(finished: Path, command) -> None:
    before = (finished / "me" / "metrics.json").read_text()
    assert command(run, *QUICK, *OWN) == 0
    assert (finished / "me" / "metrics.json").read_text() == before
    assert (finished / "me" / "edits" / "own.gif").is_file() and (finished / "edits.png").is_file()


def test_a_run_refuses_an_edit_that_does_not_fit_before_the_first_photo(place: Path, command, capfd) -> None:
    assert command(directions, "generator=ffhq64b", "finder=sefa", "finder.keep=1") == 0
    assert command(run, *QUICK, *OWN) == 2
    assert "sefa_00: found on the generator ffhq64b" in capfd.readouterr().err and not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["edit=[smil]"], f"edit: no option 'smil' (did you mean smile?); choose one of {EDITS}"),
        (["edit=[own]"], "edit.directions.own.direction: must be set"),
        (["edit=[own]", "edit.directions.own.direction=sefi"], "sefi: no direction of that name, and no file"),
        (
            ["edit=[own]", "edit.directions.own.direction=hat"],
            "labelled photos make one: `python -m ganinv.directions attribute=hat scores=labelled ",
        ),
        (["edit=[smile]"], "smile: found on the generator ffhq64b "),
        ([*OWN, "device=gpu"], "device: "),
        (
            ["edit=[own]", "edit.directions.own.direction=sefa_00", "edit.strength=99"],
            "edit.strength: a strength must lie",
        ),
    ],
)
def test_mistakes_of_edits_are_one_sentence(finished: Path, command, capfd, arguments: list[str], said: str) -> None:
    capfd.readouterr()
    assert command(edit, str(finished), *arguments) == 2
    error = capfd.readouterr().err
    assert said in error and "Traceback" not in error


def test_a_sheet_of_before_is_not_shown_where_no_edit_succeeds(
    finished: Path, command, caplog, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", logger="ganinv")
    assert command(edit, str(finished), *OWN) == 0
    assert {str(finished / name) for name in ("edits.png", "report.html")} <= {*caplog.messages}
    assert "photos and their edits" in (finished / "report.html").read_text(encoding="utf-8")

    def refuse(*_: object, **__: object) -> None:
        raise InputError("no room")

    caplog.clear()
    monkeypatch.setattr(finished_module, "edit_photo", refuse)
    assert command(edit, str(finished), *OWN) == 1
    assert (finished / "edits.png").is_file() and str(finished / "edits.png") not in caplog.messages


def test_the_pages_example_in_python(finished: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", EDITING.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    small = {"package:ffhq64b.safetensors": "tiny.safetensors", "runs/demo/<settings>/demo": str(finished / "me")}
    for theirs, ours in small.items():
        assert example.count(theirs) == 1
        example = example.replace(theirs, ours)
    names: dict[str, Any] = {}
    exec(example, names)
    found, inversion, pictures = (names[name] for name in ("found", "inversion", "pictures"))
    assert Direction.load("directions/sefa_00.safetensors").values["w"].equal(found[0].values["w"])
    assert pictures.shape == (3, 3, 16, 16)
    assert_close(pictures[1:2], inversion.render())
    assert not torch.allclose(pictures[2], pictures[0])
    assert names["both"].shape == (1, 3, 16, 16)


def test_edits_are_made_on_the_device_that_is_named(finished: Path, command, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    monkeypatch.setattr(finished_module, "to_device", lambda prior, device: moved.append(str(device)) or prior)
    assert command(edit, str(finished), *OWN, "device=cpu") == 0 and moved == ["cpu"]


def test_without_an_edit_the_choices_are_named(finished: Path, command, capfd) -> None:
    capfd.readouterr()
    assert command(edit, str(finished)) == 2
    error = capfd.readouterr().err
    assert error == f"edit: must be set; choose of {EDITS}, as edit=[angry]\n"
