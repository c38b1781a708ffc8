"""Fidelity against drift as one SVG that needs no other file: a point a setting, with the means' intervals."""

import itertools
import math
from collections.abc import Iterator, Sequence
from html import escape

from .curve import Frame
from .paired import margin
from .table import Aggregate

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 310, 24, 52  # margins; the names stand at the right
MOST_NAME = 40  # letters
RADIUS = 8  # of a dot with a number
APART, CLEAR = 2 * RADIUS + 1, RADIUS + 3  # of two dots; of a dot and a point that is not its own
STEPS = 8  # of an axis, about
RINGS = range(1, 13)  # round a point, where its dot may stand
DRIFTS = {
    "frechet_ratio": "Fréchet distance, tuned over untouched (1: unharmed)",
    "drift_lpips": "drift: LPIPS, tuned against untouched (0: unharmed)",
    "drift_mse": "drift: MSE, tuned against untouched (0: unharmed)",
}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.rule{stroke:#ddd}.bar{stroke:#8aa}.lead{stroke:#222}"
    ".dot{fill:#0a6ebd}.base{fill:#c2410c}.number{fill:#fff;font-size:10px;text-anchor:middle}"
)
Named = tuple[str, dict[str, Aggregate]]
Place = tuple[float, float]  # in the picture


def scatter(settings: Sequence[Named], *, baselines: Sequence[str], distance: str = "Fréchet distance") -> str:
    """PSNR to the right, drift upwards: lower right is best. Empty where no setting has both.

    baselines: names of the settings that stand out; distance: what the Fréchet distance is called.
    """
    drift, settings = plotted(settings)
    if drift is None:
        return ""
    points = [(span(figures["psnr"]), span(figures[drift])) for _, figures in settings]
    across, up = (ticks([v for point in points for v in point[axis]], count=STEPS) for axis in (0, 1))
    ends = (across[0], across[-1]), (up[0], up[-1])
    height = max(HEIGHT, TOP + 20 * len(points) + 10)
    frame = Frame(*ends, LEFT, WIDTH - RIGHT, TOP, height - BOTTOM)
    names = [(name, "base" if name in baselines else "dot") for name, _ in settings]
    title = DRIFTS[drift].replace("Fréchet distance", distance)
    body = _axes(frame, across, up, title=title) + _points(frame, points, names)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>PSNR against {escape(title)}, {len(points)} settings</title><style>{STYLE}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{body}</svg>\n'
    )


def plotted(settings: Sequence[Named]) -> tuple[str | None, list[Named]]:
    """The measure of drift that most settings have, and those that have it and a finite PSNR; None: there is none."""
    rows = [(name, figures) for name, figures in settings if "psnr" in figures and figures["psnr"].n]
    drift = max(DRIFTS, key=lambda each: sum(each in figures for _, figures in rows))  # of two the first
    found = [(name, figures) for name, figures in rows if drift in figures]
    return (drift if found else None), found


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


def _points(frame: Frame, points: Sequence[tuple], names: Sequence[tuple[str, str]]) -> str:
    """Both intervals of each, its numbered dot, and its name beside the plot."""
    means = [frame.at(x[1], y[1]) for x, y in points]
    at, kinds = places(means, frame), [kind for _, kind in names]
    leads = [each for each in zip(means, at, kinds, strict=True) if each[0] != each[1]]
    parts = [_bars(frame, *point) for point in points]
    parts += [_lead(*each) for each in sorted(leads, key=lambda each: each[2] == "base")]  # the baseline on top
    parts += [_dot(*at[i], i, kind) + _name(frame, i, kind, name) for i, (name, kind) in enumerate(names)]
    return "".join(parts)


def places(points: Sequence[Place], frame: Frame) -> list[Place]:
    """Where each point's dot stands: on it, or, where that hides another point or dot, as near beside it as it can."""
    found: list[Place] = []
    for i, point in enumerate(points):
        others = [*points[:i], *points[i + 1 :]]
        on_it = [point] if _is_clear(point, others, found) else []
        beside = (spot for spot in _round(point) if _is_within(spot, frame) and _is_clear(spot, points, found))
        found.append(next(itertools.chain(on_it, beside), point))
    return found


def _round(point: Place) -> Iterator[Place]:
    """Places beside a point, the nearest first, that do not cover each other."""
    for ring in RINGS:
        for k in range(6 * ring):
            turn, away = math.pi * k / (3 * ring), ring * (APART + 1)
            yield point[0] + away * math.cos(turn), point[1] + away * math.sin(turn)


def _is_within(spot: Place, frame: Frame) -> bool:
    x, y = spot
    return frame.left + RADIUS <= x <= frame.right - RADIUS and frame.top + RADIUS <= y <= frame.bottom - RADIUS


def _is_clear(spot: Place, points: Sequence[Place], dots: Sequence[Place]) -> bool:
    return all(math.dist(spot, p) >= CLEAR for p in points) and all(math.dist(spot, d) >= APART for d in dots)


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


def _bars(frame: Frame, x: tuple, y: tuple) -> str:
    """Both intervals."""
    (px, py), (left, _), (right, _) = (frame.at(value, y[1]) for value in (x[1], x[0], x[2]))
    (_, bottom), (_, top) = frame.at(x[1], y[0]), frame.at(x[1], y[2])
    return (
        f'<line class="bar" x1="{left:.1f}" x2="{right:.1f}" y1="{py:.1f}" y2="{py:.1f}"/>'
        f'<line class="bar" x1="{px:.1f}" x2="{px:.1f}" y1="{bottom:.1f}" y2="{top:.1f}"/>'
    )


def _lead(point: Place, place: Place, kind: str) -> str:
    """The point itself, and a line to its number beside it."""
    (x, y), (to_x, to_y) = point, place
    return (
        f'<line class="lead" x1="{x:.1f}" x2="{to_x:.1f}" y1="{y:.1f}" y2="{to_y:.1f}"/>'
        f'<circle class="{kind} point" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
    )


def _dot(x: float, y: float, index: int, kind: str) -> str:
    return (
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
        f'<text class="number" x="{x:.1f}" y="{y + 3.5:.1f}">{index + 1}</text>'
    )


def _name(frame: Frame, index: int, kind: str, name: str) -> str:
    """A dot with the number, and the name, beside the plot."""
    at, line = frame.right + 24, TOP + 8 + 20 * index
    short = name if len(name) <= MOST_NAME else name[: MOST_NAME - 1] + "…"
    text = f'<text x="{at + 14}" y="{line + 4}"><title>{escape(name)}</title>{escape(short)}</text>'
    return _dot(at, line, index, kind) + text
