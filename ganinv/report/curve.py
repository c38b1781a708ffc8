"""The course of a tuning as inline SVG: PSNR over steps, and one small line for each term of the loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Points = Sequence[tuple[float, float]]  # (step, value), by step

WIDTH, HEIGHT = 300, 118
LEFT, RIGHT, TOP, BOTTOM = 24, 38, 22, 18  # margins of the plot
MOST_POINTS = 200
NO_TERMS = ("step", "seconds", "mse", "psnr")
SMALL_WIDTH, SMALL_HEIGHT = 120, 28


@dataclass(frozen=True)
class Frame:
    """Linear map from data to the picture."""

    x: tuple[float, float]  # data range
    y: tuple[float, float]
    left: float
    right: float
    top: float
    bottom: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Position in the picture, y upwards."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def path(self, points: Points) -> str:
        """The `d` of a line through `points`."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in (self.at(*point) for point in points))


def series(rows: Sequence[dict[str, Any]], name: str) -> Points:
    """(step, value) of the rows where `name` is a finite number; of many, some evenly chosen and the last."""
    pairs = [(row.get("step"), row.get(name)) for row in rows]
    points = [(x, y) for x, y in pairs if isinstance(x, int | float) and isinstance(y, int | float)]
    points = [point for point in points if math.isfinite(point[1])]
    every = -(-len(points) // MOST_POINTS) or 1
    return points[:-1:every] + points[-1:]


# PSNR = 10 log₁₀(4 / MSE): a logarithmic scale of the error. The right axis says the same as MSE.
def error_curve(rows: Sequence[dict[str, Any]]) -> str:
    """SVG of PSNR over steps from the rows' `mse` on [-1, 1]; empty where there are fewer than two.

    A picture whose every 8-bit value is exact has an infinite PSNR, and stands at the top.
    """
    points = [(step, 10 * math.log10(4 / mse) if mse > 0 else math.inf) for step, mse in series(rows, "mse")]
    finite = [y for _, y in points if y < math.inf]
    if len(points) < 2 or not finite:
        return ""
    low, high = 10 * math.floor(min(finite) / 10), 10 * math.ceil(max(finite) / 10)
    frame = Frame((0, points[-1][0]), (low, max(high, low + 10)), LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM)
    levels = range(low, int(frame.y[1]) + 1, 10 if high - low <= 50 else 20)
    first, last = (f"{y:.1f} dB" if y < math.inf else "an exact picture" for y in (points[0][1], points[-1][1]))
    label = f"PSNR over steps, from {first} to {last}"
    within = [(x, min(y, frame.y[1])) for x, y in points]
    parts = [_level(frame, level) for level in levels] + [_axes(frame), _line(frame, within)]
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def _level(frame: Frame, psnr: int) -> str:
    _, y = frame.at(0, psnr)
    return (
        f'<line class="rule" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{frame.left - 5}" y="{y + 3:.1f}" text-anchor="end">{psnr}</text>'
        f'<text x="{frame.right + 5}" y="{y + 3:.1f}">{4 / 10 ** (psnr / 10):.0e}</text>'
    )


def _axes(frame: Frame) -> str:
    last, y = frame.x[1], frame.bottom + 13
    return (
        f'<text x="0" y="9">PSNR, dB</text><text x="{WIDTH}" y="9" text-anchor="end">MSE</text>'
        f'<text x="{frame.left}" y="{y}">0</text>'
        f'<text x="{(frame.left + frame.right) / 2}" y="{y}" text-anchor="middle">steps</text>'
        f'<text x="{frame.right}" y="{y}" text-anchor="end">{last:g}</text>'
    )


def _line(frame: Frame, points: Points) -> str:
    x, y = frame.at(*points[-1])
    return f'<path class="line" d="{frame.path(points)}"/><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'


def term_curves(rows: Sequence[dict[str, Any]]) -> str:
    """A small linear curve with its last value for each term of the loss."""
    names = [name for name in (rows[0] if rows else {}) if name not in NO_TERMS]
    curves = [(name, series(rows, name)) for name in names]
    return "".join(_small(name, points) for name, points in curves if len(points) > 1)


def _small(name: str, points: Points) -> str:
    values = [y for _, y in points]
    frame = Frame((0, points[-1][0]), (min(values), max(values)), 1, SMALL_WIDTH - 1, 2, SMALL_HEIGHT - 2)
    return (
        f'<figure class="term"><figcaption>{escape(name.replace("_", " "))} <b>{values[-1]:.3g}</b></figcaption>'
        f'<svg viewBox="0 0 {SMALL_WIDTH} {SMALL_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="line" d="{frame.path(points)}"/></svg></figure>'
    )
