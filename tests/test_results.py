"""The pages of docs/ and the README say what the stored CSVs say."""

import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = {
    name: (ROOT / "docs" / f"{name}.md").read_text()
    for name in ("results", "results_edits", "results_other", "choices", "editing")
}
PAGES = DOCS | {"README": (ROOT / "README.md").read_text()}
IN_README = ("methods, in short", "ablation")
# Columns of the page alone: the stored run of these two photos has its figures of the picture elsewhere.
BESIDE = {"noise of the samples": ("PSNR, dB", "exact")}
# Heads of the tables that have no CSV, and where their figures are from; a table that is in neither fails.
HAND_TAKEN = {
    "results": [("what | PSNR, dB | exact", "trials on one photo")],
    "results_edits": [],
    "results_other": [
        ("form | MiB | reading the bytes, s | loading, s | of it CPU, s | peak memory, × file", "printed by load.py"),
        ("part | calls | s", "printed by large.py"),
    ],
    "choices": [
        ("initial latent | near_share | initial MSE | PSNR, dB | ratio everywhere", "trials on three photos"),
        ("what changes | PSNR, dB | exact | ratio everywhere", "trials on two photos, before they were stored"),
        ("prior | optimiser | rate | steps | PSNR, dB | exact | ratio everywhere | at α .25 | at α .5", "one photo"),
        ("what changes | PSNR, dB | exact | ratio everywhere", "trials on one photo"),
        ("what changes | PSNR, dB | exact | ratio everywhere | drift, MSE", "trials on one photo"),
        ("photo | optimiser | steps | PSNR, dB | exact | ratio everywhere | at α .25 | at α .5", "two photos"),
        ("what changes | steps | PSNR | ratio everywhere | at α .25 | at α .5", "trials on one photo"),
        ("setting | steps | PSNR | ratio | ratio at α .25 | at α .5", "trials on two photos"),
    ],
    "editing": [
        ("edit | found by | strength | score | MSE", "trials of the finders"),
        ("edit | learned on | strength | transfer | identity", "trials of the finders"),
        (
            "edit | learned on samples and | strength | FFHQ, 50 | lacking | CelebA-HQ, 28 | lacking | identity, FFHQ",
            "trials of the finders",
        ),
        ("largest differences, 64 pixels | random weights | `ffhq64b`", "printed by parity.py"),
    ],
    "README": [],
}

Table = list[list[str]]  # lines of cells, the head first
benchmark = import_module("tables")  # of benchmarks/, which is no part of the package


@pytest.fixture(scope="module")
def given() -> dict[str, Table]:
    """What the stored CSVs give."""
    return benchmark.tables()


def tables_in(page: str) -> list[Table]:
    """The tables of a page, without the rules below their heads."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        has_rule = len(lines) > 1 and lines[1] == ["---"] * len(lines[0])
        found.append([lines[0], *lines[2:]] if has_rule else [["no rule below the head"], *lines])
    return found


def without(table: Table, names: tuple[str, ...]) -> Table:
    """A table without the columns `names`."""
    kept = [i for i, name in enumerate(table[0]) if name not in names]
    return [[line[i] for i in kept if i < len(line)] for line in table]


def absent(given: dict[str, Table], page: str) -> list[str]:
    """The tables that the CSVs give and the page has not whole: each with the first line that the nearest has not."""
    missing = []
    for name, table in given.items():
        shown = [without(each, BESIDE.get(name, ())) for each in tables_in(page)]
        if table not in shown:
            nearest = max(shown, key=lambda each: sum(line in each for line in table), default=[])
            lacking = [line for line in table if line not in nearest] or [["lines of another table, or their order"]]
            missing.append(f"{name}: {' | '.join(lacking[0])}")
    return missing


def strange(given: dict[str, Table], page: str) -> list[str]:
    """The heads of the page's tables that no CSV gives."""
    known = [(table, BESIDE.get(name, ())) for name, table in given.items()]
    return [
        " | ".join(each[0])
        for each in tables_in(page)
        if not any(without(each, beside) == table for table, beside in known)
    ]


def unsaid(phrases: list[str], page: str) -> list[str]:
    """The phrases that the page has not; "7.2 dB" is not in "47.2 dB"."""
    text = " ".join(page.split())
    return [each for each in phrases if not re.search(rf"(?<![\d.−]){re.escape(each)}(?!\.?\d)", text)]


def said(names: tuple[str, ...]) -> list[str]:
    """The phrases that the files give on each of `names`."""
    return [phrase for name in names for phrase in getattr(benchmark, f"{name}_said")()]


def test_the_pages_have_every_table(given: dict[str, Table]) -> None:
    assert absent(given, "\n".join(PAGES.values())) == []
    assert absent({name: given[name] for name in IN_README}, PAGES["README"]) == []


@pytest.mark.parametrize("name", PAGES)
def test_no_table_is_made_up(given: dict[str, Table], name: str) -> None:
    assert sorted(strange(given, PAGES[name])) == sorted(head for head, _ in HAND_TAKEN[name])


def test_what_is_changed_in_a_table_is_seen(given: dict[str, Table]) -> None:
    readme = PAGES["README"]
    own = {name: given[name] for name in IN_README}
    line = f"| {' | '.join(given['ablation'][-1])} |"
    head = " | ".join(given["methods, in short"][0])
    for broken in (
        readme.replace("| PSNR, dB | LPIPS (alex) |", "| LPIPS (alex) | PSNR, dB |", 1),
        readme.replace(line, line + "\n| made | up |"),
        readme.replace("| FFHQ | the method, default |", "| CelebA-HQ | the method, default |"),
        readme.replace("|---|---|---|---|---|---|---|---|\n", "", 1),
    ):
        assert broken != readme and len(absent(own, broken)) == 1 == len(strange(given, broken))
    swapped = [text.replace("PSNR, dB | LPIPS", "LPIPS | PSNR, dB", 1) for text in (readme, head)]
    assert strange(given, swapped[0]) == [swapped[1]]
    assert strange(given, f"{readme}\n| new | table |\n|---|---|\n| 1 | 2 |\n") == ["new | table"]


def test_the_prose_says_what_the_files_say(given: dict[str, Table]) -> None:
    of = ("ablation", "today", "closest", "exact", "methods", "swept", "strangers")
    assert unsaid(said(of), DOCS["results"]) == []
    assert unsaid(benchmark.edits_said(), DOCS["results_edits"]) == []
    assert unsaid([benchmark.constant_noise(benchmark.RESULTS)], DOCS["choices"]) == []
    ratios = {name: given[f"drift, {name}"][1][5] for name in ("Muon", "without the terms on samples")}
    phrases = [f"that ratio is {ratios['without the terms on samples']}", f"a ratio of {ratios['Muon']} on the first"]
    assert unsaid([*phrases, benchmark.share_of_projector()], DOCS["results_other"]) == []
    assert unsaid(benchmark.ablation_said()[:1], PAGES["README"]) == []


def test_another_phrase_is_seen() -> None:
    pages = " ".join(" ".join(DOCS.values()).split())
    phrases = said(("methods", "ablation", "today", "closest", "exact", "swept", "strangers", "edits"))
    assert len(phrases) > 15
    for phrase in phrases:
        other = re.sub(r"\d", lambda digit: str(9 - int(digit[0])), phrase)
        assert unsaid([phrase], pages.replace(phrase, other)) == [phrase]
    assert unsaid(["7.2 dB"], "47.2 dB") and unsaid([".3 [.1, .2]"], "−.3 [.1, .2]") and unsaid(["16 s"], "16\ns") == []


def test_every_stored_file_is_behind_a_table(tmp_path: Path) -> None:
    for path in benchmark.RESULTS.glob("*.csv"):
        shutil.copytree(benchmark.RESULTS, tmp_path / path.stem)
        (tmp_path / path.stem / path.name).unlink()
        with pytest.raises(Exception, match=path.name):
            benchmark.tables(tmp_path / path.stem)
            benchmark.constant_noise(tmp_path / path.stem)


def test_another_figure_is_seen(tmp_path: Path) -> None:
    shutil.copytree(benchmark.RESULTS, tmp_path / "results")
    table = tmp_path / "results" / "muon.csv"
    table.write_text(table.read_text().replace("46.2363", "66.2363"))
    found = absent(benchmark.tables(tmp_path / "results"), "\n".join(PAGES.values()))
    assert [line.split(":")[0] for line in found] == ["reconstruction", "every photo, Muon"]
    assert found[0].startswith("reconstruction: tuned, `tuner=muon`, 1,500 steps | 0.00011 ± 0.00003 | 47.7")


def test_writing_the_pages_changes_nothing(given: dict[str, Table]) -> None:
    writer = import_module("pages")
    texts = {page.name: page.read_text(encoding="utf-8") for page in writer.pages()}
    assert {name: writer.filled(text, given) for name, text in texts.items()} == texts
    marker = "<!-- table: methods -->"
    broken = texts["results.md"].replace(f"{marker}\n|", f"{marker}\n| more |\n|", 1)
    assert writer.filled(broken, given) == texts["results.md"] != broken
    unfilled = r"\b[A-Z]+_(SAID|\d|RATIO)\b|^[A-Z]{4,}$"
    assert not re.search(unfilled, "\n".join(texts.values()), re.MULTILINE), "a place that was to be filled"


def test_exact_photos_are_counted_in_a_cell() -> None:
    spread, fixed = import_module("cells").spread, import_module("cells").fixed
    exact = float("inf")
    assert spread([60.0, exact, 62.0], 1) == "61.0 ± 1.4; 1 exact" and spread([exact], 1) == "∞" == fixed(exact, 1)
    assert spread([1.0], 2) == "1.00" == fixed(1.0, 2)
