"""Editability of finished photos: closed cases, several runs in one table, wrong input, the command."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ganinv.config import as_yaml, read
from ganinv.dataset.images import Photo, digest
from ganinv.dataset.pixels import to_float
from ganinv.edit.direction import Direction
from ganinv.edit.edits import Choice, Edits
from ganinv.edit.scores import Own, Table
from ganinv.errors import InputError
from ganinv.files import read_csv, read_json
from ganinv.generator.checkpoint import Prior, save_prior
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.latent import Latent
from ganinv.metric import __main__ as command
from ganinv.metric.editability import Editability, Judged
from ganinv.metric.editability_judge import judges_of
from ganinv.metric.identity import MobileFaceNet
from ganinv.report.artefacts import save_photo
from ganinv.report.jobs import Setting
from ganinv.tuner.tuned import Tuned

BIAS = "synthesis.b16.torgb.bias"


def bright(pixels: Tensor) -> Tensor:
    """Mean of the 8-bit values, 0 at grey."""
    return pixels.float().mean(dim=[1, 2, 3]) - 127.5


def red(pixels: Tensor) -> Tensor:
    return pixels[:, 0].float().mean(dim=[1, 2]) - 127.5


def photos(prior: Prior, folder: Path, *, seeds: range, colour: float = 0.0) -> Setting:
    """A finished run: sampled latents, on a generator whose last red bias has moved by `colour`."""
    found = Setting({}, name=folder.name)
    for seed in seeds:
        generator = copy.deepcopy(prior.generator)
        assert isinstance(generator, Generator)
        weight = generator.get_parameter(BIAS)
        weight[0] += colour
        z = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed))
        ws = generator.mapping(z, psi=0.7)
        tuned = Tuned(generator, {BIAS: weight.clone()}, [{"step": 0.0, "total": 1.0}], 1, 1.0, "budget")
        pixels = torch.full([3, 16, 16], seed, dtype=torch.uint8)
        photo = Photo(f"{seed:02}", to_float(pixels), f"{seed}.png", digest(pixels))
        images = {"initial": prior.generator.synthesis(ws)[0], "tuned_image": generator.synthesis(ws)[0]}
        metrics = {"psnr": 40.0, "mse": 0.0001, "lpips": None}
        more = {"tuned": tuned, "prior": prior, "metrics": metrics, "settings_hash": "0"}
        save_photo(folder / photo.name, photo=photo, latent=Latent(ws=ws, space="w"), **images, **more)
        found.photos[photo.digest] = {"image": photo.name, "folder": folder / photo.name, "metrics": metrics}
    return found


@pytest.fixture
def edits(prior: Prior, tmp_path: Path) -> Edits:
    """Brighter: the steepest way in w at the mean."""
    w = prior.generator.mapping.w_avg.clone().requires_grad_()
    ws = w.expand(1, prior.generator.num_ws, -1)
    (way,) = torch.autograd.grad(prior.generator.synthesis(ws).mean(), w)
    made = {"finder": "hand", "scores": {"from": "own", "classifier": "elsewhere"}}
    known = {"fingerprint": prior.fingerprint, "prior": prior.name, "made": made}
    direction = Direction(name="bright", space="w", values={"w": way / way.norm()}, unit="1", **known)
    direction.save(tmp_path / "bright.safetensors")
    return Edits(directions={"bright": Choice(direction=str(tmp_path / "bright.safetensors"), strength=0.5)})


def judged(prior: Prior, edits: Edits, *settings: Setting, flips: float | None = None, **given) -> Judged:
    judges = judges_of({"bright": Own(score=bright), "red": Own(score=red)}, resolution=16, thresholds={"bright": 30.0})
    metric = Editability(samples=24, flips=flips, lpips=None, **given)
    return metric(settings=settings, prior=prior, edits=edits, judges=judges)


def test_an_untouched_generator_keeps_the_edit_whole(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    (row,) = judged(prior, edits, photos(prior, tmp_path / "same", seeds=range(8))).table
    assert row["transfer_same_w"] == pytest.approx(1, abs=1e-6) and row["consistency"] == pytest.approx(1, abs=1e-6)
    assert row["transfer_low"] < 1 < row["transfer_high"] and row["change"] > 0  # other latents than the samples'
    assert row["photos"] == 8 and row["psnr"] == 40 and row["strength"] == 0.5


def test_a_colour_that_is_added_changes_no_edit_but_where_it_saturates(prior, edits, tmp_path: Path) -> None:
    runs = [photos(prior, tmp_path / name, seeds=range(6), colour=c) for name, c in {"a": 0.0, "b": 0.05}.items()]
    found = judged(prior, edits, *runs)
    assert [row["setting"] for row in found.table] == ["a", "b"] and len(found.photos) == 12
    assert found.table[1]["transfer_same_w"] == pytest.approx(1, abs=0.05)
    assert found.table[1]["consistency"] == pytest.approx(1, abs=1e-4)
    assert "other_red" in found.table[0] and any("identity is empty" in note for note in found.notes)


def test_identity_beside_that_of_the_untouched_generator(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    network = MobileFaceNet()
    for weight in (weight for weight in network.parameters() if weight.ndim > 1):
        torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")  # as it comes, it sees no difference
    save_file(network.state_dict(), face := tmp_path / "face.safetensors")
    runs = [photos(prior, tmp_path / name, seeds=range(4), colour=c) for name, c in {"a": 0.0, "b": 0.5}.items()]
    same, moved = judged(prior, edits, *runs, identity=str(face)).table
    assert same["identity_same_w"] == same["identity_same_w_low"] == 0
    assert moved["identity_same_w"] == pytest.approx(moved["identity"] - same["identity"], abs=1e-9) != 0


def test_the_strength_that_flips_enough_is_sought(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    run, path = photos(prior, tmp_path / "same", seeds=range(3)), str(tmp_path / "bright.safetensors")

    def flipped(strength: float) -> float:
        """Share of the samples at a strength that is given, not sought."""
        given = Edits(directions={"bright": Choice(direction=path, strength=strength)})
        return judged(prior, given, run).table[0]["flipped_samples"]

    found = judged(prior, edits, run, flips=0.6)
    (row,), sought = found.table, found.record["bright"]["sought"]
    assert sought["is_enough"] and row["flipped_samples"] == flipped(row["strength"]) >= 0.6
    assert flipped(0.94 * row["strength"]) < 0.6 and row["strength"] != 0.5


def test_a_share_that_no_strength_flips_is_told(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    found = judged(prior, edits, photos(prior, tmp_path / "same", seeds=range(3)), flips=0.6, most=0.01)
    assert not found.record["bright"]["sought"]["is_enough"] and found.table[0]["strength"] == 0.5
    assert any("bright: no strength up to 0.01 flips 60%" in note for note in found.notes)


def test_only_photos_that_all_runs_have(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    runs = [photos(prior, tmp_path / "a", seeds=range(4)), photos(prior, tmp_path / "b", seeds=range(2, 6))]
    assert [row["photos"] for row in judged(prior, edits, *runs).table] == [2, 2]
    apart = photos(prior, tmp_path / "c", seeds=range(6, 8))
    with pytest.raises(InputError, match="a, c: have no photo in common"):
        judged(prior, edits, runs[0], apart)


def test_what_cannot_be_judged_is_told(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    run = photos(prior, tmp_path / "a", seeds=range(2))
    with pytest.raises(InputError, match="the edit bright has no scores"):
        Editability(samples=10, lpips=None)(settings=[run], prior=prior, edits=edits, judges={})
    with pytest.raises(InputError, match="hat is no edit here"):
        judged(prior, edits, run, regions={"hat": (0.0, 0.0, 0.5, 0.5)})
    with pytest.raises(InputError, match="cannot score edited photos"):
        judges_of({"bright": Table(path="scores.csv", column="bright")}, resolution=16, thresholds={})


def test_a_judge_that_found_the_direction_is_refused(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    run, path = photos(prior, tmp_path / "a", seeds=range(2)), tmp_path / "bright.safetensors"
    own = judges_of({"bright": Own(score=bright)}, resolution=16, thresholds={})["bright"].made
    replace(Direction.load(path), made={"finder": "hand", "scores": own}).save(path)
    with pytest.raises(InputError, match="which found it"):
        judged(prior, edits, run)
    assert any("which found it" in note for note in judged(prior, edits, run, independent=False).notes)


def test_the_command_writes_its_tables(prior: Prior, edits: Edits, tmp_path: Path, capsys) -> None:
    photos(prior, tmp_path / "run", seeds=range(3))
    (tmp_path / "run" / "config.yaml").write_text(as_yaml(read([])))
    architecture = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 64, "channel_max": 8}
    save_prior(tmp_path / "prior.safetensors", replace(prior, architecture=architecture | {"mapping_layers": 2}))
    given = [str(tmp_path / "run"), f"--prior={tmp_path / 'prior.safetensors'}", f"--out={tmp_path / 'out'}"]
    given += ["edit=[own]", f"edit.directions.own.direction={tmp_path / 'bright.safetensors'}", "scores=own"]
    given += [
        f"scores.score={__name__}:bright",
        "editability.samples=10",
        "editability.lpips=null",
        "thresholds={own: 30}",
    ]
    code = command.main([*given, "editability.flips=null"])
    assert code == 0, capsys.readouterr()
    (row,) = read_csv(tmp_path / "out" / "editability.csv", text=("setting", "edit"))
    assert row["edit"] == "own" and row["photos"] == 3
    assert len(read_csv(tmp_path / "out" / "photos.csv", text=("setting", "edit", "image", "flipped"))) == 3
    assert read_json(tmp_path / "out" / "editability.json")["own"]["space"] == "w"
    assert "| own | 0.7 | 3 |" in capsys.readouterr().out
    other = replace(Direction.load(tmp_path / "bright.safetensors"), fingerprint="sha256:0")
    other.save(tmp_path / "bright.safetensors")
    assert command.main([*given, "scores.score=nowhere:none"]) == 2
    assert "found on the generator tiny (sha256:0…)" in capsys.readouterr().err, (
        "which is told before any judge is made"
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("attributes=5", "attributes: must be values by attribute"),
        ("attributes=[smile]", "attributes: must be values by attribute"),
        ("attributes={smile: word}", "attributes: must be values by attribute"),
        ("thresholds=5", "thresholds: must be values by attribute"),
        ("thresholds={smile: abc}", "thresholds: must be values by attribute"),
        ("thresholds={smile: true}", "thresholds: must be values by attribute"),
        ("thresholds={smile: .nan}", "thresholds: must be values by attribute"),
    ],
)
def test_settings_by_attribute_that_are_none(setting: str, said: str) -> None:
    cfg = read(["edit=[smile]", "scores.photos=faces.zip", setting], name="editability")
    with pytest.raises(InputError, match=f"^{said}"):
        (command.attributes if setting.startswith("attributes") else command.thresholds)(cfg)


def test_no_edit_is_told() -> None:
    with pytest.raises(InputError, match="^edit: must be set; choose edits"):
        command.attributes(read(["edit=[]", "scores.photos=faces.zip"], name="editability"))


def test_attributes_share_a_network_where_it_is_the_same(tmp_path: Path) -> None:
    network = "network: {_target_: tests.metric.conftest"
    settings = ["edit=[smile]", f"scores.photos={tmp_path}", "scores.network._target_=tests.metric.conftest.Graded"]
    settings += [f"attributes={{a: {{}}, b: {{even: true}}, c: {{{network}.Other}}}}}}"]
    made = command.scorers(command.attributes(read(settings, name="editability")))
    assert made["a"].network is made["b"].network and made["b"].even
    assert [type(made[name].network.network).__name__ for name in "abc"] == ["Graded", "Graded", "Other"]


def test_folders_of_one_name_are_one_row(prior: Prior, tmp_path: Path) -> None:
    runs = [photos(prior, tmp_path / name, seeds=seeds) for name, seeds in {"a": range(2), "b": range(2, 5)}.items()]
    folders = [tmp_path / "a", tmp_path / "b"]
    (row,) = command.rename(runs, folders, ["ours", "ours"])
    assert row.name == "ours" and len(row.photos) == 5 and len(runs[0].photos) == 2
    assert [row.name for row in command.rename(runs, folders, ["x", "y"])] == ["x", "y"]


def test_names_that_do_not_tell_runs_apart(prior: Prior, tmp_path: Path) -> None:
    a, b = (photos(prior, tmp_path / name, seeds=range(2)) for name in "ab")
    folders = [tmp_path / "a", tmp_path / "b"]
    part = Setting({}, photos=dict(list(a.photos.items())[:1]))
    cases = [
        ([a, b], folders, ["x"], "--names: one for each of 2 folders, separated by commas; got x"),
        ([a, b], folders, ["x", "x"], "--names: x names runs that share photos"),
        ([a, part], folders, ["x", "y"], "--names: a folder holds several settings"),
        ([a], folders, ["x", "y"], "--names: y has no row"),
        ([a], folders[1:], ["x"], "--names: .* lies in none of the folders"),
    ]
    for settings, places, names, said in cases:
        with pytest.raises(InputError, match=f"^{said}"):
            command.rename(settings, places, names)


def test_photos_that_a_direction_was_learned_on_do_not_judge_it(prior: Prior, edits: Edits, tmp_path: Path) -> None:
    run = photos(prior, tmp_path / "a", seeds=range(3))
    path = tmp_path / "bright.safetensors"
    direction = Direction.load(path)
    replace(direction, made=direction.made | {"bases": list(run.photos)[:2]}).save(path)
    with pytest.raises(InputError, match="^bright: was learned on 2 of the 3 photos"):
        judged(prior, edits, run)
    assert "bright: was learned on 2 of the 3 photos" in judged(prior, edits, run, independent=False).notes
