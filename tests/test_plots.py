"""The plots of docs/results.md are those of the CSVs beside them, and stand under their tables."""

import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "results.md").read_text()
plots = import_module("plots")  # of benchmarks/, which is no part of the package


@pytest.mark.parametrize("name", plots.PLOTS)
def test_the_stored_file_is_what_its_csv_gives(name: str, tmp_path: Path) -> None:
    stored = (plots.RESULTS / f"{name}.svg").read_bytes()
    assert stored == plots.plot(name).encode()
    shutil.copy(plots.RESULTS / f"{name}.csv", tmp_path)
    table = tmp_path / f"{name}.csv"
    lines = table.read_text().splitlines(keepends=True)
    wanted = plots.PLOTS[name][2].values()
    shown = [i for i, line in enumerate(lines) if all(f",{value}," in line for value in wanted)]
    table.write_text("".join(lines[: shown[-1]] + lines[shown[-1] + 1 :]))
    assert stored != plots.plot(name, tmp_path).encode()


@pytest.mark.parametrize("name", plots.PLOTS)
def test_every_setting_has_its_own_name(name: str) -> None:
    column, baseline, wanted = plots.PLOTS[name]
    settings = {row[column] for row in plots.rows(name, **wanted) if plots.is_shown(row, column)}
    assert {*plots.FAR_OFF} <= {row["setting"] for row in plots.rows("sweeps")}
    shown = re.findall(r"</title>([^<]+)</text>", plots.plot(name))
    assert sorted(shown) == sorted(plots.label(each, name) for each in settings) and len({*shown}) == len(settings)
    assert plots.label(baseline, name) in shown


def test_each_stands_under_its_table_with_a_caption() -> None:
    shown = re.findall(
        r"^\|.*\|\n\n!\[[^]]+\]\(results/(\w+)\.svg\)\n\n\*Fidelity against drift, [^*]+\.\*$", PAGE, re.M
    )
    assert sorted(shown) == sorted(plots.PLOTS) == sorted(path.stem for path in plots.RESULTS.glob("*.svg"))
    sections = {name: part for part in PAGE.split("\n## ") for name in plots.PLOTS if f"(results/{name}.svg)" in part}
    assert len(sections) == len(plots.PLOTS) and all(f"(results/{name}.csv)" in part for name, part in sections.items())
