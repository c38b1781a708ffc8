"""A model card: what a prior was trained on and how, its curve and its pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files import write_text
from ..generator.checkpoint import Prior
from ..report.curve import Frame, series

WIDTH, HEIGHT, MARGIN = 480, 200, 40
MEASURED = " The distance is to the images that it was trained on: it does not tell learning from memorising."


def write_card(folder: Path, prior: Prior, rows: Sequence[dict[str, Any]], *, title: str | None) -> None:
    """card.md with curve.svg beside it; `title` of the Fréchet distance, None where none was measured."""
    points = series([{"step": row["kimg"], "frechet": row.get("frechet")} for row in rows], "frechet")
    if len(points) > 1:
        write_text(folder / "curve.svg", curve(points, title or ""))
    picture = "best.png" if (folder / "best.png").exists() else "samples.png"
    write_text(folder / "card.md", card(prior, title=title, has_curve=len(points) > 1, picture=picture))


def card(prior: Prior, *, title: str | None, has_curve: bool, picture: str) -> str:
    """The text, in Markdown."""
    training, settings = prior.training, prior.training.get("settings", {})
    assert prior.discriminator is not None
    modules = (prior.generator, prior.discriminator)
    weights = sum(p.numel() for module in modules for p in module.parameters()) / 1e6
    rows = {
        "resolution": f"{prior.architecture['img_resolution']} pixels",
        "weights": f"{weights:.2f} million, G and D",
        "data": f"{training.get('data')}, {training.get('images'):,} images",
        "licence": prior.licence,
        "shown": f"{training.get('kimg', 0):.1f} thousand images" + _before(training),
        "time": f"{training.get('seconds', 0) / 3600:.2f} hours",
        "hardware": training.get("environment", {}).get("hardware", "not known"),
        "versions": training.get("environment", {}).get("versions", "not known"),
        "settings": ", ".join(f"{key} {value}" for key, value in settings.items()),
        "fingerprint": prior.fingerprint,
    }
    if title and "frechet" in training:
        relative = training.get("frechet_relative")
        more = f", {relative:.1f} times that between two halves of the training images" if relative else ""
        rows[title] = f"{training['frechet']:.2f}{more}"
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    curve_line = f"![{title} over thousand images](curve.svg)\n\n" if has_curve else ""
    return (
        f"# Prior of {training.get('data')}\n\n| | |\n|---|---|\n{table}\n\n{curve_line}"
        f"![samples at ψ 1, constant noise, the same latents throughout]({picture})\n\n## Limits\n\n"
        f"Images are as those of its training set, and as biased.{MEASURED if title else ''}\n"
    )


def _before(training: dict[str, Any]) -> str:
    before = training.get("before") or {}
    images = before.get("kimg", before.get("images", 0) / 1000)
    return f", started from a prior after {images:.1f} thousand" if images else ""


def curve(points: Sequence[tuple[float, float]], title: str) -> str:
    """SVG of (kimg, distance)."""
    top = max(y for _, y in points)
    frame = Frame((0, points[-1][0]), (0, top), MARGIN, WIDTH - MARGIN, MARGIN, HEIGHT - MARGIN)
    text = '<text x="{}" y="{}" font-family="sans-serif" font-size="11" fill="#282828">{}</text>'
    labels = [
        text.format(MARGIN, MARGIN - 12, f"{title} over thousand images"),
        text.format(4, MARGIN + 4, f"{top:.3g}"),
        text.format(4, HEIGHT - MARGIN, "0"),
        text.format(WIDTH - MARGIN, HEIGHT - MARGIN + 16, f"{points[-1][0]:.4g}"),
        text.format(WIDTH - MARGIN + 4, frame.at(*points[-1])[1], f"{points[-1][1]:.3g}"),
    ]
    axes = f"M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="100%" height="100%" fill="#fafaf8"/><path d="{axes}" stroke="#999" fill="none"/>'
        f'<path d="{frame.path(points)}" stroke="#1f5fa8" stroke-width="2" fill="none"/>{"".join(labels)}</svg>\n'
    )
