"""A comparison as Markdown and as LaTeX."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .paired import Difference
from .table import Aggregate, figure

LATEX = {"\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
LATEX |= {
    "±": r"$\pm$",
    "−": "$-$",
    "α": r"$\alpha$",
    "∞": r"$\infty$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    name: str
    n: int
    figures: dict[str, Aggregate]
    differences: dict[str, Difference]
    baseline: str | None = None  # the row that the differences are to


def markdown(
    lines: Sequence[Line], columns: dict[str, str], *, baseline: str, stated: str, notes: Sequence[str]
) -> str:
    """Both tables, what is stated of them, and what is not in them."""
    parts = [_markdown(table(lines, columns))]
    if any(line.differences for line in lines):
        parts += [f"Difference to {_plain(baseline)}:\n\n{_markdown(differences(lines, columns))}"]
    parts.append(stated)
    if notes:
        parts.append("Not in the table, or to be known:\n\n" + "\n".join(f"* {_plain(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def latex(lines: Sequence[Line], columns: dict[str, str], *, baseline: str, stated: str) -> str:
    """Both tables as `tabular`, which need no package; the second one where there are differences."""
    are_compared = any(line.differences for line in lines)
    tables = [table(lines, columns), *([differences(lines, columns)] if are_compared else [])]
    said = f"% {stated}\n"
    return said + f"\n% difference to {baseline}\n".join(_latex(rows) for rows in tables)


def table(lines: Sequence[Line], columns: dict[str, str]) -> list[list[str]]:
    """Head and rows: name, n, and mean ± standard deviation of each column."""
    head = ["setting", "n", *columns.values()]
    return [head, *([each.name, str(each.n), *(_figure(each, column) for column in columns)] for each in lines)]


def differences(lines: Sequence[Line], columns: dict[str, str]) -> list[list[str]]:
    """Head and rows: name, what it is compared with where that differs, pairs, and mean difference with its interval;
    without the baselines.
    """
    own, rows = [line for line in lines if line.differences], []
    are_several = len({line.baseline for line in own}) > 1
    for line in own:
        pairs = max(difference.n for difference in line.differences.values())
        to = [str(line.baseline)] * are_several
        rows.append([line.name, *to, str(pairs), *(_difference(line.differences.get(c), pairs) for c in columns)])
    return [["setting", *["to"] * are_several, "pairs", *columns.values()], *rows]


def spread(mean: float, std: float | None) -> str:
    """ "41.0 ± 1.9": two digits of the deviation, and the mean to the same place."""
    if std is None or std == 0:
        return figure(mean) + ("" if std is None else " ± 0")
    places = max(0, 1 - math.floor(math.log10(std)))
    return f"{mean:.{places}f} ± {std:.{places}f}"


def _figure(line: Line, column: str) -> str:
    value: Aggregate | None = line.figures.get(column)
    if value is None:
        return "–"
    n = f" ({value.count})" if value.n != line.n else ""
    return spread(value.mean, value.std) + n


def _difference(value: Difference | None, pairs: int) -> str:
    if value is None:
        return "–"
    n = f" ({value.n} {'pair' if value.n == 1 else 'pairs'})" if value.n != pairs else ""
    if value.low is None or value.high is None:
        return signed(value.mean, 4) + n
    width = (value.high - value.low) / 2
    places = max(0, 1 - math.floor(math.log10(width))) if width else 4
    low, high = (f"{end:.{places}f}" for end in (value.low, value.high))
    return f"{value.mean:+.{places}f} [{low}, {high}]{n}".replace("-", "−")


def signed(value: float, digits: int) -> str:
    """With its sign, in significant digits."""
    return ("−" if value < 0 else "+") + figure(abs(value), digits=digits)


def _markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _latex(rows: list[list[str]]) -> str:
    lines = [" & ".join("".join(LATEX.get(letter, letter) for letter in cell) for cell in row) + r" \\" for row in rows]
    columns = "l" + "r" * (len(rows[0]) - 1)
    body = "\n".join([r"\hline", lines[0], r"\hline", *lines[1:], r"\hline"])
    return f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\n"
