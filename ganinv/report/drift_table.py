"""The drift block of report.html: what the tuning did to the rest of the generator."""

from collections.abc import Sequence
from html import escape
from typing import Any

from .table import Aggregate, aggregate, figure, frechet_network, lpips_network

LABELS = {
    "drift_lpips": "LPIPS, tuned against untouched",
    "drift_mse": "MSE, tuned against untouched",
    "frechet_ratio": "Fréchet distance to real images, tuned over untouched (1: nothing lost)",
    "frechet_untouched": "Fréchet distance, untouched",
    "frechet_tuned": "Fréchet distance, tuned",
}
NEAR = "_near_"


def drift_table(rows: Sequence[dict[str, Any]]) -> str:
    """HTML: a line a measure; columns: everywhere, then near the photo by α. Empty where nothing was measured."""
    found = {name: value for name, value in aggregate(rows).items() if name.startswith(("drift", "frechet"))}
    if not found:
        return ""
    alphas = sorted({name.partition(NEAR)[2] for name in found})
    measures = dict.fromkeys(name.partition(NEAR)[0] for name in found)
    order = [*(name for name in LABELS if name in measures), *(name for name in measures if name not in LABELS)]
    head = "".join(f"<td>{f'near, α = {escape(alpha)}' if alpha else 'everywhere'}</td>" for alpha in alphas)
    body = "".join(_line(name, [found.get(name + (NEAR + a if a else "")) for a in alphas], rows) for name in order)
    return (
        "<section><h2>Drift: what tuning did to the rest of the generator</h2>"
        '<p class="note">Tuned and untouched generator at the same random latents under the same noise; near the photo:'
        " at w + α (w_z − w).</p>"
        f'<div class="scroll"><table class="figures wide"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _line(name: str, values: Sequence[Aggregate | None], rows: Sequence[dict[str, Any]]) -> str:
    title = frechet_network(rows) or "Fréchet distance"
    label = LABELS.get(name, name.replace("_", " ")).replace("Fréchet distance", title)
    network = lpips_network(rows) if name == "drift_lpips" else None
    cells = "".join(f"<td>{_cell(value)}</td>" for value in values)
    return f"<tr><th>{escape(label)}{f' ({escape(network)})' if network else ''}</th>{cells}</tr>"


def _cell(value: Aggregate | None) -> str:
    if value is None:
        return "–"
    spread = "" if value.std is None else f' <span class="note">± {figure(value.std, digits=2)}</span>'
    return figure(value.mean, digits=3) + spread
