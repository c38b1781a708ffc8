"""report.html: a run on one page that needs no other file, no network and no script."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from .card import card, shown
from .drift_table import drift_table
from .table import COLUMNS, TEXT, Aggregate, aggregate, count, figure, lpips_network, row

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the browser holds the page to its word
EDITED = '<section id="edits">', "</section><!-- edits -->"
HEADLINES = (
    ("PSNR", "psnr", "initial_psnr", "peak² = 4, as on [−1, 1]"),
    ("MSE", "mse", "initial_mse", "on [−1, 1], of the 8-bit picture"),
    ("LPIPS", "lpips", "initial_lpips", "distance in the network's features"),
    ("SSIM", "ssim", "initial_ssim", "1: the same picture"),
    ("exact", "exact_pixels", "initial_exact_pixels", "8-bit values equal to the target's"),
    ("time", "seconds", "", "of tuning a photo"),
)


def page(
    records: Sequence[dict[str, Any]],
    *,
    settings: str,
    failed: dict[str, str],
    most: int,
    edits: bytes | str | None = None,
) -> str:
    """The whole HTML page.

    `records` as `table.records` gives them, `settings` the resolved YAML, `failed` source -> why, `most` the number of
    photos shown with pictures: those with the largest error, where there are more. `edits`: the PNG of their sheet.
    """
    rows = [row(record) for record in records]
    sections = [headline(records, rows), failures(failed), drift_table(rows), cards(records, most), edited(edits)]
    sections += [table(rows), details("Settings", f"<pre>{escape(settings)}</pre>"), origin(records)]
    return document(title=title(records, failed), body="\n".join(section for section in sections if section))


def document(*, title: str, body: str) -> str:
    """The frame of the page."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def title(records: Sequence[dict[str, Any]], failed: dict[str, str]) -> str:
    """What happened, in one line."""
    words = f"{count(len(records), 'photo')} inverted" if records else "No photo was inverted"
    return f"{words}, {len(failed)} failed" if failed else words


def headline(records: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> str:
    """The aggregate figures, large."""
    if not records:
        return ""
    summary, network = aggregate(rows), lpips_network(rows)
    tiles = "".join(
        tile(f"LPIPS ({network})" if label == "LPIPS" and network else label, label, summary, names, note)
        for label, *names, note in HEADLINES
    )
    return f'<p class="lead">{lead(records, summary)}</p>\n<section class="tiles">{tiles}</section>'


def lead(records: Sequence[dict[str, Any]], summary: dict[str, Aggregate]) -> str:
    """Prior, latent space, and by how much the error fell."""
    priors = ", ".join(sorted({escape(record["prior"]["name"]) for record in records}))
    spaces = ", ".join(sorted({escape(str(record.get("space", "?")).upper()) for record in records}))
    side = records[0].get("resolution", "?")
    words = f"Prior <b>{priors}</b> at {side} × {side} pixels, start in <b>{spaces}</b>."
    before, after = summary.get("initial_mse"), summary.get("mse")
    if after and not after.mean:
        return words + " Every 8-bit value is the photo's."
    times = before.mean / after.mean if before and after else 0
    if times >= 1.05:  # what is shown as 1.1 at least
        factor = f"{times:,.0f}".replace(",", " ") if times >= 10 else f"{times:.2g}"
        words += f" Tuning the generator made the squared error {factor} times smaller than the initial latent's."
    return words


def tile(heading: str, label: str, summary: dict[str, Aggregate], names: Sequence[str], note: str) -> str:
    """One aggregate figure: mean ± std, n, and where it started."""
    value, start = summary.get(names[0]), summary.get(names[1])
    if value is None:
        return ""
    spread = "" if value.std is None else f"± {shown(label, value.std, digits=2)}"
    before = f"<p>from {shown(label, start.mean)}</p>" if start else ""
    return (
        f'<div><h2>{escape(heading)}</h2><p class="big">{shown(label, value.mean)}</p>'
        f'<p>{spread} <span class="note">{value.count}</span></p>{before}<p class="note">{note}</p></div>'
    )


def failures(failed: dict[str, str]) -> str:
    """The photos that could not be inverted, each with its reason."""
    items = "".join(f"<li><b>{escape(name)}</b> {escape(reason)}</li>" for name, reason in sorted(failed.items()))
    return f'<section class="failed"><h2>Not inverted</h2><ul>{items}</ul></section>' if failed else ""


def cards(records: Sequence[dict[str, Any]], most: int) -> str:
    """A card a photo; of many, those with the largest error."""
    if not records:
        return ""
    worst = sorted(records, key=lambda record: record["metrics"].get("mse") or 0, reverse=True)[:most]
    chosen = sorted(worst, key=lambda record: record["image"])
    hidden = len(records) - len(chosen)
    note = "Difference ×10: black is exact, full brightness is 25.5 of 255 levels or more, the hue names the channel."
    if hidden:
        note += f" Shown are the {len(chosen)} photos with the largest error; the table below has all of them."
    body = "\n".join(card(record) for record in chosen)
    return f'<section><h2>Photos</h2><p class="note">{note}</p>\n{body}</section>'


def table(rows: Sequence[dict[str, Any]]) -> str:
    """metrics.csv for the eye, folded away."""
    names = dict.fromkeys([*COLUMNS, *(key for each in rows for key in each)])
    filled = [name for name in names if any(each.get(name) not in (None, "") for each in rows)]
    head = "".join(f"<th{kind(name)}>{escape(name.replace('_', ' '))}</th>" for name in filled)
    lines = "".join(f"<tr>{''.join(cell(name, each.get(name)) for name in filled)}</tr>" for each in rows)
    body = f'<div class="scroll"><table class="all"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    return details(f"All figures of {count(len(rows), 'photo')} (metrics.csv)", body) if rows else ""


def kind(name: str) -> str:
    """Numbers stand to the right."""
    return "" if name in TEXT else ' class="number"'


def cell(name: str, value: Any) -> str:
    """A number in four digits, a text as it is."""
    text = figure(value) if isinstance(value, int | float) else str(value or "")
    return f"<td{kind(name)}>{escape(text)}</td>"


def edited(sheet: bytes | str | None) -> str:
    """The sheet of edits: a row a photo, a column an edit. Without one its place is kept, for edits that come later.

    A text: why there is no picture.
    """
    if sheet is None:
        return EDITED[0] + EDITED[1]
    if isinstance(sheet, str):
        return f'{EDITED[0]}<h2>Edits</h2>\n<p class="note">{escape(sheet)}</p>{EDITED[1]}'
    data = base64.b64encode(sheet).decode()
    picture = f'<img class="sheet" src="data:image/png;base64,{data}" alt="photos and their edits">'
    return f'{EDITED[0]}<h2>Edits</h2>\n<div class="scroll">{picture}</div>{EDITED[1]}'


def with_edits(text: str, sheet: bytes | str | None) -> str | None:
    """A whole page with this sheet of edits in the place of the one that it has; None: it has no place for one."""
    before, start, rest = text.partition(EDITED[0])
    _, end, after = rest.partition(EDITED[1])
    return before + edited(sheet) + after if start and end else None


def details(summary: str, body: str) -> str:
    """A part that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def origin(records: Sequence[dict[str, Any]]) -> str:
    """Hardware, versions, licences, and how to load a result again."""
    if not records:
        return ""
    lines = {
        "Computed on": {record["environment"].get("hardware", "?") for record in records},
        "Versions": {record["environment"].get("versions", "?") for record in records},
        "Prior": {f"{record['prior']['name']}, {record['prior']['fingerprint'][:19]}…" for record in records},
        "Licence of the prior": {record["prior"]["licence"] for record in records},
        "Settings": {record["settings_hash"] for record in records},
        "Finished": {max(str(record["finished"]) for record in records)},
        "To load again": {f'ganinv.load("{records[0]["folder"].as_posix()}")'},
    }
    body = "".join(
        f"<dt>{label}</dt>" + "".join(f"<dd>{escape(text)}</dd>" for text in sorted(texts))
        for label, texts in lines.items()
    )
    return f"<footer><dl>{body}</dl></footer>"
