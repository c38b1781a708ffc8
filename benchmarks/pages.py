"""Write the tables of docs/results/*.csv into the pages that show them, each below its marker.

    python benchmarks/pages.py

A marker is a line `<!-- table: NAME -->`, of the names of tables.py; what stands below it in lines of a table is
replaced. tests/test_results.py holds the pages to it.
"""

import re
import sys
from pathlib import Path

from tables import tables

from ganinv.files import write_text

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"^<!-- table: (.+?) -->\n(?:\|.*\n)*", re.MULTILINE)


def pages() -> list[Path]:
    """The README, and docs/."""
    return [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def filled(text: str, given: dict[str, list[list[str]]]) -> str:
    """`text` with the tables of its markers. KeyError: no table has that name."""
    return MARKED.sub(lambda found: f"<!-- table: {found[1]} -->\n{drawn(given[found[1]])}", text)


def drawn(lines: list[list[str]]) -> str:
    """A table's lines, the head first, as Markdown."""
    head, *body = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *body, ""])


def main() -> int:
    """Fill every page, and name those that changed."""
    given = tables()
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := filled(text, given)) != text:
            write_text(page, new)
            print(page.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
