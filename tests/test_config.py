"""Every shipped YAML against the code that it names; every wrong setting in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganinv import config
from ganinv.config import SettingsError, check, expect_single, read
from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior
from ganinv.paths import CONF
from ganinv.published import TABLE

PRIOR = str(Path(config.__file__).parent / "generator" / "ffhq64b.safetensors")
# Those of a training are checked by test_pretrain.py, those of a search by edit/test_conf.py.
GROUPS = [p for p in CONF.iterdir() if p.is_dir() and p.name not in ("stage", "training", "finder", "scores")]
OPTIONS = sorted(p.relative_to(CONF) for group in GROUPS for p in group.rglob("*.yaml"))
# What an option cannot have a value for: the user's own files.
OWN_FILES = {
    **{f"dataset/{name}.yaml": ["dataset.path=."] for name in ("folder", "afhq_wild", "lsun_horse", "stanford_cars")},
    "metric/fid.yaml": [f"metric.frechet.network.weights={CONF}/run.yaml"],
    "edit/own.yaml": ["edit.directions.own.direction=smile"],
    **{f"inverter/{name}.yaml": [f"inverter.path={CONF}/run.yaml"] for name in ("file", "e4e", "psp")},
    "metric/identity.yaml": [f"metric.pictures.identity.weights={CONF}/run.yaml"],
    "generator/file.yaml": ["generator.path=package:ffhq64.safetensors"],
}
# Options whose file must be fetched first.
NETWORKS = [p for p in OPTIONS if p.parent.name == "generator" and p.stem in TABLE]
OWN_FILES |= {p.as_posix(): OWN_FILES["generator/file.yaml"] for p in NETWORKS}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of this machine are found."""
    for name in ("GANINV_WEIGHTS", "GANINV_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GANINV_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


def override(option: Path) -> list[str]:
    """Overrides that choose `option`, a path below conf/."""
    group, name = option.parent.as_posix(), option.stem
    if group == "metric":
        return [f"metric=[{','.join(dict.fromkeys(['reconstruction', name]))}]"]
    return [f"{group}={name}"]


def lines(*overrides: str) -> list[str]:
    """The lines of the mistake that `overrides` are."""
    with pytest.raises(SettingsError) as error:
        check(read(list(overrides)))
    return str(error.value).splitlines()


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_every_option_fits_the_code(option: Path) -> None:
    check(read(override(option) + OWN_FILES.get(option.as_posix(), [])))


@pytest.mark.parametrize("option", NETWORKS, ids=str)
def test_a_network_that_is_not_at_hand_ends_the_check(option: Path) -> None:
    (line,) = lines("dataset=ffhq", f"generator={option.stem}")
    assert line.startswith(f"generator.path: {option.stem} (")
    assert f"is not at hand; get it with `python -m ganinv.weights {option.stem}`" in line
    text, entry = (CONF / option).read_text(), TABLE[option.stem]
    assert f"path: {option.stem}\n" in text and entry.amount in text.splitlines()[0]
    assert entry.what[1:] in text.splitlines()[0] and entry.licence.split(";")[0] in text.splitlines()[0]


@pytest.mark.parametrize("option", [*OPTIONS, Path("run.yaml")], ids=str)
def test_every_yaml_begins_with_what_it_is_and_a_command(option: Path) -> None:
    text = (CONF / option).read_text()
    comment = [line for line in text.splitlines() if line.startswith("#")]
    assert text.startswith("# ")
    assert any("python -m ganinv.run " in line for line in comment)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("tuner.steps=1.5", "tuner.steps: input should be a valid integer, got 1.5"),
        ("tuner.steps=true", "tuner.steps: input should be a valid integer, got True"),
        ("tuner.steps=abc", "tuner.steps: input should be a valid integer, got 'abc'"),
        ("loss.pyramid=abc", "loss.pyramid: is a group of settings, got 'abc'; set one of them"),
        ("tuner.steps=-1", "tuner.steps: input should be greater than 0, got -1"),
        ("dataset.limit=0", "dataset.limit: input should be greater than 0, got 0"),
        (
            "metric.reconstruction.lpips=resnet",
            "metric.reconstruction.lpips: input should be 'alex', 'squeeze' or 'vgg'",
        ),
        ("seed=abc", "seed: Value 'abc' of type 'str' could not be converted to Integer"),
        ("seed=-1", "seed: must lie in 0 … 2**32 - 1, got -1"),
        ("seed=99999999999999999999", "seed: must lie in 0 … 2**32 - 1, got 99999999999999999999"),
        (
            "tuner.near_moves=[0,0]",
            "tuner.near_moves: entry 1 should be greater than 0 and entry 2 should be greater than 0, got [0, 0]",
        ),
        ("tuner.near_moves=[1,0]", "tuner.near_moves: entry 2 should be greater than 0, got [1, 0]"),
        ("tuner.betas=0.9", "tuner.betas: input should be a list, got 0.9"),
        ("tuner.betas=[0.9]", "tuner.betas: input should have at least 2 items, not 1, got [0.9]"),
        ("tuner.lr=inf", "tuner.lr: input should be a finite number, got inf"),
        ("tuner.reals=no/such", "tuner.reals: 'no/such' does not exist; name a folder or zip of real images"),
        ("metric.frechet.real=no/such", "metric.frechet.real: 'no/such' does not exist; name a folder or zip"),
        ("metric.reconstruction.weights=no/such", "metric.reconstruction.weights: "),
        ("device=gpu", "device: Invalid value 'gpu', expected one of [auto, cpu, cuda]"),
        (
            "dataset=ffhqq",
            "dataset: no option 'ffhqq' (did you mean ffhq?); choose one of afhq_wild, celeba_hq, demo",
        ),
        ("dataset=folder", "dataset.path: must be set; name a photo, a folder of photos or a zip of photos"),
        ("dataset=stanford_cars", "dataset.path: must be set; name a photo, a folder of photos or a zip of photos"),
        ("+dataset.fit=pad", "dataset.fit: input should be 'crop' or 'stretch', got 'pad'"),
        ("+dataset.aspect=3", "dataset.aspect: input should be less than or equal to 2, got 3"),
        ("dataset.shard=1", "dataset.shard: must be 0 to 0, below dataset.num_shards, got 1"),
        ("generator=file", "generator.path: must be set"),
        (
            "edit=[own]",
            "edit.directions.own.direction: must be set; name a direction's file, or one in ./directions by its name",
        ),
        (
            "metric=[reconstruction,fid]",
            "metric.frechet.network.weights: inception (Inception v3 of 2015, for FID) is not",
        ),
        ("dataset.path=no/such", "dataset.path: 'no/such' does not exist; name a photo"),
        ("generator.path=no.safetensors", "generator.path: no.safetensors: no such file"),
        ("tuner.stepss=1", "tuner.stepss: no such setting; did you mean tuner.steps?"),
        ("+tuner.foo=1", "tuner.foo: no such setting; known are "),
        ("+foo=1", "foo: no such setting; known are dataset, device, "),
        ("+tuner.objective=1", "tuner.objective: no such setting"),
        ("tuner.steps=${nothing}", "tuner.steps: Interpolation key 'nothing' not found"),
        (
            "tuner._target_=ganinv.tuner.nothing.Tune",
            "tuner._target_: module 'ganinv.tuner' has no attribute 'nothing'",
        ),
        ("tuner.steps", "tuner.steps: cannot be read as KEY=VALUE (missing EQUAL at '<EOF>')"),
        ("~logger", "logger: must be set"),
        ("~metric.reconstruction", "metric: must hold reconstruction, as metric=[reconstruction]"),
        ("generator=3", "generator: takes a choice's name, got 3; choose one of afhq_cat, "),
        ("report=null", "report: takes a choice's name, got null; choose one of page, or leave report out"),
        ("edit=null", "edit: takes a choice's name, got null; choose one of angry, beard, "),
        ("+inverter/start@inverter.x=1", "inverter/start@inverter.x: takes a choice's name, got 1; choose one of enco"),
        ("hydra/output=null", "hydra/output: takes a choice's name, got null; leave hydra/output out"),
    ],
)
def test_a_wrong_setting_is_one_line(override: str, line: str) -> None:
    found = lines(override)
    assert len(found) == 1
    assert found[0].startswith(line)


ALL_ZERO = [f"loss.{name}=0" for name in ("reconstruction", "adversarial_local", "adversarial_global", "locality")]


def test_settings_that_do_not_go_together_stand_beside_the_others() -> None:
    found = lines("tuner.steps=x", "dataset.num_shards=2", "dataset.shard=2", *ALL_ZERO, "dataset.path=no/such")
    assert found[1:3] == [
        "dataset.shard: must be 0 to 1, below dataset.num_shards, got 2",
        "loss: weights: all terms are 0, so nothing would move; set at least one above 0",
    ]
    assert [line.split(":")[0] for line in found] == ["tuner.steps", "dataset.shard", "loss", "dataset.path"]


def test_a_weight_without_its_network_and_one_that_is_left_to_its_default() -> None:
    assert lines("+loss.perceptual=0.1") == [
        "loss: perceptual: a weight above 0 needs the network of LPIPS; choose loss=perceptual"
    ]
    check(read(["~loss.reconstruction", *ALL_ZERO[1:]]))


@pytest.mark.parametrize("wrong", ["dataset.shard=x", "dataset.num_shards=0", "loss.locality=x"])
def test_a_wrong_type_is_told_once(wrong: str) -> None:
    (line,) = lines(wrong)
    assert line.startswith(wrong.split("=")[0])


def test_cuda_without_a_device_stands_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = lines("device=cuda", "dataset.path=no/such")
    assert [line.split(":")[0] for line in found] == ["device", "dataset.path"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    check(read(["device=cuda"]))


def test_a_folder_is_a_prior_where_it_has_a_record(tmp_path: Path) -> None:
    (tmp_path / "network").mkdir()
    setting = f"generator.path={tmp_path}/network"
    assert lines("generator=file", setting) == [
        f"generator.path: {tmp_path}/network: this folder has no config.json; give a checkpoint's file or folder"
    ]
    with pytest.raises(InputError) as refusal:
        load_prior(tmp_path / "network")
    assert lines("generator=file", setting) == [f"generator.path: {refusal.value}"]
    (tmp_path / "network" / "config.json").touch()
    check(read(["generator=file", setting]))
    (line,) = lines(f"metric.reconstruction.weights={tmp_path}/network")
    assert line.startswith(f"metric.reconstruction.weights: {tmp_path}/network: is a folder")


def test_a_setting_of_what_has_none_is_told() -> None:
    with pytest.raises(SettingsError, match="^tuner.steps: no such setting; tuner takes none here; leave it out$"):
        check(read(["row=projector", "tuner.steps=4"]))


def test_several_mistakes_are_told_at_once() -> None:
    found = lines("seed=-1", "dataset.limit=1.5", "+generator.foo=3", "tuner.steps=x", "dataset.path=no/such")
    assert [line.split(":")[0] for line in found] == [
        "seed",
        "dataset.limit",
        "generator.foo",
        "tuner.steps",
        "dataset.path",
    ]


def test_conf_is_found_beside_the_package_in_a_checkout() -> None:
    assert (CONF / "run.yaml").is_file()
    assert CONF in (Path(config.__file__).parent / "conf", Path(config.__file__).parents[1] / "conf")


UNREAD = [
    ("inspect", PRIOR),
    ("weights",),
    *((name, "--help") for name in ("run", "weights", "export", "edit", "report")),
]


@pytest.mark.parametrize("words", UNREAD)
def test_what_nobody_reads_says_nothing(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", f"ganinv.{words[0]}", *words[1:]]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=buffered)
    os.close(writing)
    assert ended.stderr == b"" and ended.returncode in (0, 141)  # 120: Python could not flush at its end


def test_the_command_line_answers_without_torch() -> None:
    script = (
        "import sys, ganinv, ganinv.run, ganinv.config; sys.exit(any(m in sys.modules for m in ('torch', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize(
    "override", ["logger=[csv,wandb]", "loss=[full]", "+inverter=[w, mean]", "inverter@encoder=[restyle]"]
)
def test_one_choice_where_there_is_one(override: str) -> None:
    expect_single(["metric=[reconstruction,drift]", "edit=[smile]", "tuner.betas=[0.9,0.99]", "logger=csv"])
    key = override.partition("=")[0].lstrip("+").partition("@")[0]
    with pytest.raises(SettingsError, match=f"^{key}: takes one choice, got .*metric and edit alone take several"):
        expect_single([override])
