"""One photo in report.html: its pictures, its figures, its curves."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from ..files import png, read_csv, read_png
from .artefacts import PICTURES
from .curve import error_curve, term_curves
from .pictures import error_map, reduce
from .table import count, decibels, figure, lpips_network

MOST = 512  # side up to which a picture goes into the page at full size
LARGE = 192  # side above which the pictures take the page's whole width, and are smoothed
STOPPED = {
    "target": "reached the target error",
    "budget": "used its budget of steps",
    "not finite": "stopped at a value that was not finite; the best weights were kept",
}
FIGURES = {
    "PSNR": ("initial_psnr", "psnr"),
    "MSE": ("initial_mse", "mse"),
    "LPIPS": ("initial_lpips", "lpips"),
    "SSIM": ("initial_ssim", "ssim"),
    "exact": ("initial_exact_pixels", "exact_pixels"),
}


def card(record: dict[str, Any]) -> str:
    """The HTML of a photo, read from its folder."""
    folder: Path = record["folder"]
    target, initial, tuned = (read_png(folder / name) for name in PICTURES)
    rows, metrics = read_csv(folder / "curve.csv"), record["metrics"]
    pictures = [
        ("target", target),
        (f"initial, {decibels(metrics.get('initial_psnr'))}", initial),
        (f"tuned, {decibels(metrics.get('psnr'))}", tuned),
        ("difference ×10", error_map(tuned, target)),
    ]
    name, size = escape(record["image"]), " large" if target.shape[-1] > LARGE else ""
    figures = "".join(picture(pixels, caption, f"{name}: {caption}") for caption, pixels in pictures)
    return (
        f'<article><header><h3>{name}</h3><p class="note">{course(metrics)}</p></header>'
        f'<div class="photo{size}"><div><div class="pictures">{figures}</div>{terms(rows)}</div>'
        f'<div class="side">{figures_table(metrics)}{error_curve(rows)}</div></div></article>'
    )


def picture(pixels: Tensor, caption: str, alternative: str) -> str:
    """A figure with its picture inside; one beyond `MOST` pixels is averaged down."""
    data = base64.b64encode(png(reduce(pixels, most=MOST))).decode()
    image = f'<img src="data:image/png;base64,{data}" alt="{alternative}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def course(metrics: dict[str, Any]) -> str:
    """How the tuning went, in words."""
    reason = STOPPED.get(str(metrics["stopped"]), str(metrics["stopped"]))
    return escape(f"{count(metrics['steps'], 'step')} in {metrics['seconds']:.0f} s, {reason}")


def figures_table(metrics: dict[str, Any]) -> str:
    """Initial beside tuned, for the figures that the run has."""
    network = lpips_network([metrics])
    lines = ""
    for label, (before, after) in FIGURES.items():
        if metrics.get(after) is None:
            continue
        hint = f' <span class="note">{escape(network)}</span>' if label == "LPIPS" and network else ""
        cells = (shown(label, metrics.get(before)), shown(label, metrics[after]))
        lines += f"<tr><th>{label}{hint}</th><td>{cells[0]}</td><td><b>{cells[1]}</b></td></tr>"
    head = "<tr><th></th><td>initial</td><td>tuned</td></tr>"
    return f'<table class="figures"><thead>{head}</thead><tbody>{lines}</tbody></table>'


def shown(label: str, value: float | None, *, digits: int = 3) -> str:
    """A figure in the unit of its label."""
    if value is None:
        return "–"
    if label == "PSNR":
        return decibels(value)
    if label == "exact":
        return f"{100 * value:.1f} %"
    # SSIM ends close to 1, where the fourth digit tells.
    return figure(value, digits=digits + (label == "SSIM")) + (" s" if label == "time" else "")


def terms(rows: Sequence[dict[str, Any]]) -> str:
    """The terms of the loss, folded away."""
    curves = term_curves(rows)
    summary = "<summary>Terms of the loss over the steps</summary>"
    return f'<details class="terms">{summary}<div>{curves}</div></details>' if curves else ""
