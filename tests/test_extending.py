"""docs/extending.md is followed: its files as they stand, its commands on one photo in the tests' few steps."""

import re
import shlex
from pathlib import Path

import pytest

from .running import Command, command, photos, tiny  # noqa: F401

PAGE = (Path(__file__).parents[1] / "docs/extending.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^python -m ganinv\.run (.*)$", PAGE, re.MULTILINE)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's three files, in the folder in which `command` runs."""
    for name, text in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "mine")


@pytest.mark.usefixtures("mine", "photos")
def test_the_page_can_be_followed(command: Command, tmp_path: Path) -> None:  # noqa: F811
    assert len(FILES) == 3 and len(COMMANDS) == 3
    for line in COMMANDS:
        words = [word for word in shlex.split(line, comments=True) if not word.startswith("tuner.steps")]
        ended = command(*words, "dataset.limit=1")
        assert ended.code == 0, ended.err
    runs = [path.read_text(encoding="utf-8") for path in tmp_path.glob("runs/*/*/config.yaml")]
    assert sorted(re.findall(r"\beps: (\S+)", " ".join(runs))) == ["0.001", "0.01"] and len(runs) == 3
    (table,) = tmp_path.glob("runs/**/table.md")
    assert "| charbonnier | 1 |" in table.read_text(encoding="utf-8")


@pytest.mark.usefixtures("mine", "photos")
def test_a_mistake_in_ones_own_setting_is_told(command: Command) -> None:  # noqa: F811
    ended = command("--config-dir=mine", "row=charbonnier", "loss.pyramid.epss=1")
    assert ended.code == 2 and "loss.pyramid.epss: no such setting; did you mean loss.pyramid.eps?" in ended.err
