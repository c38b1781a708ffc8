"""The commands of the README fit the code: each composes and passes the check."""

import re
import shlex
from pathlib import Path

import pytest

from ganinv.config import check, read
from ganinv.published import TABLE
from ganinv.schema import CHECKPOINTS, PATHS
from ganinv.weights import find

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OWN_FILES = (*PATHS, *CHECKPOINTS)  # the reader's, made up here


def commands(text: str) -> list[list[str]]:
    """The arguments of each command in fenced blocks that starts a run."""
    lines = "".join(FENCED.findall(text)).replace("\\\n", " ").splitlines()
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    runs = [w[3:] if w[:3] == ["python", "-m", "ganinv.run"] else w[1:] if w[:1] == ["ganinv"] else None for w in words]
    return [arguments for arguments in runs if arguments is not None]


def jobs(arguments: list[str]) -> list[str]:
    """The overrides, of a sweep those of its first job."""
    overrides = [a for a in arguments if not a.startswith("-")]
    if {"-m", "--multirun"} & set(arguments):
        overrides = [re.sub(r"=([^,\[]*),.*", r"=\1", a) for a in overrides]
    return overrides


def at_hand(name: str) -> Path:
    """As `ganinv.weights.find`, as if every published file were there."""
    return Path(name) if name in TABLE else find(name)


README = commands((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_readme_shows_how_to_run() -> None:
    assert README


@pytest.mark.parametrize("arguments", README, ids=" ".join)
def test_a_command_of_the_readme(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganinv.schema.find", at_hand)
    for name, _, value in (override.partition("=") for override in jobs(arguments)):
        if name in OWN_FILES:
            Path(value).expanduser().parent.mkdir(parents=True, exist_ok=True)
            Path(value).expanduser().touch()
    check(read(jobs(arguments)))


def test_settings_objects_stay_where_contributing_says() -> None:
    rule = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("Settings objects stay in")[1].split("\n*")[0]
    named = {*re.findall(r"`([\w/]+\.py)`", rule), "edit/__main__.py", "metric/__main__.py", "report/__main__.py"}
    for file in (ROOT / "ganinv").rglob("*.py"):
        if re.search(r"\b(DictConfig|OmegaConf)\b", file.read_text(encoding="utf-8")):
            assert file.relative_to(ROOT / "ganinv").as_posix() in named, file


def test_commands_are_found_and_sweeps_cut_to_their_first_job() -> None:
    text = "```bash\nmake demo\npython -m ganinv.run a=1 \\\n  b=2 # why\nganinv -m a=1,2 'c=[d,e]'\n```\n"
    assert commands(text) == [["a=1", "b=2"], ["-m", "a=1,2", "c=[d,e]"]]
    assert jobs(commands(text)[1]) == ["a=1", "c=[d,e]"]
