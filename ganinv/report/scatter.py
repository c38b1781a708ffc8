"""Fidelity against drift as one SVG that needs no other file: a point a setting, with the means' intervals."""

import math
from collections.abc import Sequence
from html import escape

from .curve import Frame
from .paired import margin
from .table import Aggregate

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 250, 24, 52  # margins; the names stand at the right
MOST_NAME = 40  # letters
DRIFTS = {
    "frechet_ratio": "Fréchet distance, tuned over untouched (1: unharmed)",
    "drift_lpips": "drift: LPIPS, tuned against untouched (0: unharmed)",
    "drift_mse": "drift: MSE, tuned against untouched (0: unharmed)",
}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.rule{stroke:#ddd}.bar{stroke:#8aa}"
    ".dot{fill:#0a6ebd}.base{fill:#c2410c}.number{fill:#fff;font-size:10px;text-anchor:middle}"
)
Named = tuple[str, dict[str, Aggregate]]


def scatter(settings: Sequence[Named], *, baseline: str) -> str:
    """PSNR to the right, drift upwards: lower right is best. Empty where no measure of drift stands in all rows."""
    drift = next((name for name in DRIFTS if all(name in figures for _, figures in settings)), None)
    if drift is None or not all("psnr" in figures for _, figures in settings):
        return ""
    points = [(span(figures["psnr"]), span(figures[drift])) for _, figures in settings]
    across, up = ticks([v for x, _ in points for v in x]), ticks([v for _, y in points for v in y])
    ends = (across[0], across[-1]), (up[0], up[-1])
    frame = Frame(*ends, LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM)
    body = _axes(frame, across, up, title=DRIFTS[drift])
    body += "".join(_point(frame, i, *point, name=settings[i][0], baseline=baseline) for i, point in enumerate(points))
    height = max(HEIGHT, TOP + 20 * len(points) + 10)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>PSNR against {escape(DRIFTS[drift])}, {len(points)} settings</title><style>{STYLE}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{body}</svg>\n'
    )


def span(value: Aggregate) -> tuple[float, float, float]:
    """Low end, mean and high end of the mean's 95 % interval by Student's t; of a single photo the mean alone."""
    half = 0.0 if value.std is None else margin(value.std, value.n)
    return value.mean - half, value.mean, value.mean + half


def ticks(values: Sequence[float], *, count: int = 5) -> list[float]:
    """About `count` round steps that cover `values`."""
    low, high = min(values), max(values)
    reach = (high - low) or abs(high) or 1
    power = 10 ** math.floor(math.log10(reach / count))
    step = next(power * k for k in (1, 2, 5, 10) if power * k * count >= reach)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    return [k * step for k in range(first, last + 1)]


def _axes(frame: Frame, across: Sequence[float], up: Sequence[float], *, title: str) -> str:
    parts = []
    for value in across:
        x, _ = frame.at(value, up[0])
        parts.append(f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{frame.bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{frame.bottom + 18}" text-anchor="middle">{value:.6g}</text>')
    for value in up:
        _, y = frame.at(across[0], value)
        parts.append(f'<line class="rule" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{frame.left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>')
    parts.append(f'<text x="{frame.right}" y="{frame.bottom + 38}" text-anchor="end">PSNR, dB</text>')
    return "".join(parts) + f'<text x="8" y="14">{escape(title)}</text>'


def _point(frame: Frame, index: int, x: tuple, y: tuple, *, name: str, baseline: str) -> str:
    """Both intervals as bars, a numbered dot, and the name beside the plot."""
    (px, py), (left, _), (right, _) = (frame.at(value, y[1]) for value in (x[1], x[0], x[2]))
    (_, bottom), (_, top) = frame.at(x[1], y[0]), frame.at(x[1], y[2])
    kind, line = ("base" if name == baseline else "dot"), TOP + 8 + 20 * index
    short = name if len(name) <= MOST_NAME else name[: MOST_NAME - 1] + "…"
    at = frame.right + 24
    return (
        f'<line class="bar" x1="{left:.1f}" x2="{right:.1f}" y1="{py:.1f}" y2="{py:.1f}"/>'
        f'<line class="bar" x1="{px:.1f}" x2="{px:.1f}" y1="{bottom:.1f}" y2="{top:.1f}"/>'
        + "".join(
            f'<circle class="{kind}" cx="{cx:.1f}" cy="{cy:.1f}" r="8"/>'
            f'<text class="number" x="{cx:.1f}" y="{cy + 3.5:.1f}">{index + 1}</text>'
            for cx, cy in ((px, py), (at, line))
        )
        + f'<text x="{at + 14}" y="{line + 4}"><title>{escape(name)}</title>{escape(short)}</text>'
    )
