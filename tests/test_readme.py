"""The commands of the README and of docs/ fit the code: each composes, and a run passes the check."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganinv.config import check, read, settings_hash
from ganinv.directions import FinderSettings  # noqa: F401  (known to Hydra once it is imported)
from ganinv.job import tells
from ganinv.published import TABLE
from ganinv.schema import CHECKPOINTS, PATHS
from ganinv.weights import find

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNED = re.compile(r'^([A-Z]+)="([^"]*)"$', re.MULTILINE)
PROGRAMS = {f"ganinv.{name}": name for name in ("run", "directions", "edit", "pretrain")} | {
    "ganinv.metric": "editability"
}
MOST = 8  # jobs of a sweep that are read
OWN_FILES = (*PATHS, *CHECKPOINTS, "metric.pictures.identity.weights")  # the reader's, made up here


def lines(text: str) -> Iterator[list[str]]:
    """The words of each line of fenced blocks, with what the page calls NAME="…" in the place of $NAME."""
    fenced = "".join(FENCED.findall(text)).replace("\\\n", " ")
    given, open_line = {name: " ".join(value.split()) for name, value in ASSIGNED.findall(fenced)}, ""
    for line in re.sub(r"\$([A-Z]+)", lambda name: given.get(name[1], name[0]), ASSIGNED.sub("", fenced)).splitlines():
        try:
            yield shlex.split(open_line + line.removeprefix("$ "), comments=True)
            open_line = ""
        except ValueError:  # a quotation goes on in the next line
            open_line += line


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Program and arguments of each command that reads settings."""
    words = [["python", "-m", "ganinv.run", *w[1:]] if w[:1] == ["ganinv"] else w for w in lines(text)]
    return [(PROGRAMS[w[2]], w[3:]) for w in words if w[:2] == ["python", "-m"] and w[2] in PROGRAMS]


def jobs(arguments: list[str]) -> list[list[str]]:
    """The overrides of each job; of a command that is no sweep, of one."""
    overrides = [a for a in arguments if "=" in a and not a.startswith("--")]
    is_sweep = {"-m", "--multirun"} & set(arguments) or any(a.startswith("experiment=") for a in arguments)
    choices = [
        [f"{name}={each}" for each in swept(value)] if is_sweep else [whole]
        for whole, (name, _, value) in ((a, a.partition("=")) for a in overrides)
    ]
    return [list(job) for job in itertools.product(*choices)]


def swept(value: str) -> list[str]:
    """What a sweep sets one after the other."""
    if found := re.fullmatch(r"range\((\d+)\)", value):
        return [str(number) for number in range(int(found[1]))]
    return [value] if re.search(r"[\[{]", value) else value.split(",")


def at_hand(name: str) -> Path:
    """As `ganinv.weights.find`, as if every published file were there."""
    return Path(name) if name in TABLE else find(name)


PAGES = {page.relative_to(ROOT).as_posix(): page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}
COMMANDS = [(page, *each) for page, path in PAGES.items() for each in commands(path.read_text(encoding="utf-8"))]


def test_pages_show_how_to_run() -> None:
    assert {page for page, program, _ in COMMANDS if program == "run"} >= {"README.md", "docs/results.md"}
    assert {program for _, program, _ in COMMANDS} == set(PROGRAMS.values())


@pytest.mark.parametrize(
    ("page", "program", "arguments"),
    COMMANDS,
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:60],
)
def test_a_command_of_the_pages(
    page: str, program: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganinv.schema.find", at_hand)
    asked = jobs(arguments)
    for name, _, value in (override.partition("=") for job in asked for override in job):
        if name in OWN_FILES:
            Path(value).expanduser().parent.mkdir(parents=True, exist_ok=True)
            Path(value).expanduser().touch()
    read_back = [read(job, name=program) for job in asked[:MOST]]
    if program == "run":
        for cfg in read_back:
            check(cfg)
        rows = {tuple(filter(tells, job)) for job in asked[:MOST]}
        assert len({settings_hash(cfg) for cfg in read_back}) == len(rows), "jobs that were to differ are one row"


def test_settings_objects_stay_where_contributing_says() -> None:
    rule = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("Settings objects stay in")[1].split("\n*")[0]
    named = {*re.findall(r"`([\w/]+\.py)`", rule), "edit/__main__.py", "metric/__main__.py", "report/__main__.py"}
    for file in (ROOT / "ganinv").rglob("*.py"):
        if re.search(r"\b(DictConfig|OmegaConf)\b", file.read_text(encoding="utf-8")):
            assert file.relative_to(ROOT / "ganinv").as_posix() in named, file


def test_commands_are_found_with_their_jobs_and_names() -> None:
    text = (
        "```bash\nA=\"b=2\n c=3\"\nmake demo\npython -m ganinv.run a=1 \\\n  $A # why\nganinv -m a=1,2 'c=[d,e]'\n```\n"
    )
    assert commands(text) == [("run", ["a=1", "b=2", "c=3"]), ("run", ["-m", "a=1,2", "c=[d,e]"])]
    assert jobs(commands(text)[1][1]) == [["a=1", "c=[d,e]"], ["a=2", "c=[d,e]"]]
