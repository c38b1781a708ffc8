"""docs/results.md, docs/choices.md, docs/editing.md and the README say what the stored CSVs say."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = "\n".join((ROOT / "docs" / f"{name}.md").read_text() for name in ("results", "choices", "editing"))
README = (ROOT / "README.md").read_text()
# In the README, of these tables, each line's figures.
IN_README = ("methods", "reconstruction", "ablation")
# The stored run of these two photos has its figures of the picture elsewhere: only its ratios are in a CSV.
SHOWN = {"noise of the samples": [0, 1, 4, 5, 6, 7]}


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """benchmarks/tables.py, which is no part of the package."""
    spec = spec_from_file_location("tables_benchmark", ROOT / "benchmarks" / "tables.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def lines(text: str) -> list[list[str]]:
    """The cells of each line of a table."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def absent(benchmark: ModuleType, page: str, folder: Path) -> list[str]:
    """The lines that the CSVs in `folder` give and the page has not."""
    found = lines(page)
    missing = []
    for name, rows in benchmark.tables(folder).items():
        cells = [[row[i] for i in SHOWN.get(name, range(len(row))) if i < len(row)] for row in found]
        missing += [f"{name}: {' | '.join(row)}" for row in rows if row not in cells]
    return missing


def bodies(page: str) -> list[list[list[str]]]:
    """The lines of each table, without its head."""
    blocks = re.findall(r"^\|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [lines(block) for block in blocks]


def strange(benchmark: ModuleType, page: str) -> list[str]:
    """The lines of the page that no CSV gives, in tables of which one gives a line."""
    given = {(*row,) for name, rows in benchmark.tables().items() for row in rows if name not in SHOWN}
    parts = [set(map(tuple, body)) for body in bodies(page)]
    return [" | ".join(row) for body in parts if body & given for row in sorted(body - given)]


def test_no_line_of_a_table_is_made_up(benchmark: ModuleType) -> None:
    assert strange(benchmark, PAGE) == []
    row = " | ".join(benchmark.tables()["methods"][0])
    assert strange(benchmark, PAGE.replace(f"| {row} |", f"| {row} |\n| made | up |")) == ["made | up"]


def test_the_page_says_what_its_files_say(benchmark: ModuleType) -> None:
    assert absent(benchmark, PAGE, benchmark.RESULTS) == []
    said = " ".join(PAGE.split())
    assert benchmark.constant_noise(benchmark.RESULTS) in said
    assert benchmark.share_of_projector() in said
    assert benchmark.ablation_said() in said


def test_the_readme_says_what_the_files_say(benchmark: ModuleType) -> None:
    found = [row[1:] for row in lines(README)]
    for name in IN_README:
        for row in benchmark.tables()[name]:
            assert row[1:] in found, f"{name}: {' | '.join(row)}"
    said, made = " ".join(README.split()), benchmark.tables()
    assert f"that ratio is {made['drift, without the terms on samples'][0][5]}" in said
    assert f"is gentler: {made['drift, Muon'][0][5]} on the first ten" in said
    assert benchmark.ablation_said() in said


def test_every_stored_file_is_behind_a_table(benchmark: ModuleType, tmp_path: Path) -> None:
    for path in benchmark.RESULTS.glob("*.csv"):
        shutil.copytree(benchmark.RESULTS, tmp_path / path.stem)
        (tmp_path / path.stem / path.name).unlink()
        with pytest.raises(Exception, match=path.name):
            benchmark.tables(tmp_path / path.stem)
            benchmark.constant_noise(tmp_path / path.stem)


def test_another_figure_is_seen(benchmark: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(benchmark.RESULTS, tmp_path / "results")
    table = tmp_path / "results" / "muon.csv"
    table.write_text(table.read_text().replace("46.2363", "66.2363"))
    found = absent(benchmark, PAGE, tmp_path / "results")
    assert [line.split(":")[0] for line in found] == ["reconstruction", "every photo, Muon"]
    assert found[0].startswith("reconstruction: tuned, `tuner=muon`, 1,500 steps | 0.00011 ± 0.00003 | 47.7")
