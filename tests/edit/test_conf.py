"""The choices in conf/finder, conf/scores and conf/edit build what they say."""

import itertools
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ganinv.schema import against_signature

CONF = Path(__file__).parents[2] / "conf"
FINDERS, SCORES, EDITS = (sorted((CONF / group).glob("*.yaml")) for group in ("finder", "scores", "edit"))


def composed(file: Path) -> DictConfig:
    """With the choices of its folder that it builds on."""
    own = OmegaConf.load(file)
    assert isinstance(own, DictConfig)
    above = [composed(file.with_name(f"{name}.yaml")) for name in own.pop("defaults", []) if name != "_self_"]
    merged = OmegaConf.merge(*above, own)
    assert isinstance(merged, DictConfig)
    return merged


@pytest.mark.parametrize("file", [*FINDERS, *SCORES, *EDITS], ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_setting_is_one_of_the_code(file: Path) -> None:
    whole = OmegaConf.create({"seed": 0, "attribute": "smile", "node": composed(file)})
    tree = OmegaConf.to_container(whole, resolve=True)
    assert isinstance(tree, dict) and list(against_signature(tree["node"], "node")) == []


@pytest.mark.parametrize("file", [*FINDERS, *SCORES, *EDITS], ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_first_lines_say_what_it_is_and_how_to_use_it(file: Path) -> None:
    text = file.read_text()
    head = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    start = " ".join(line.lstrip("# ") for line in head)
    chosen = {"finder": f"finder={file.stem}", "scores": f"scores={file.stem}", "edit": f"edit=[{file.stem}]"}
    assert text.startswith("# ") and "python -m ganinv." in start and chosen[file.parent.name] in start


@pytest.mark.parametrize("file", EDITS, ids=lambda file: file.stem)
def test_an_edit_is_one_direction_of_its_name(file: Path) -> None:
    assert list(OmegaConf.load(file).directions) == [file.stem]
