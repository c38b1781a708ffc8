"""How far an edit must go: the least strength at which enough generated samples show it."""

from collections.abc import Callable
from dataclasses import dataclass

TOLERANCE = 0.05  # of the strength
FIRST = 1.0


@dataclass(frozen=True)
class Found:
    """A strength, and the share of the samples without the attribute that show it there."""

    strength: float
    share: float
    is_enough: bool


def least_strength(flipped: Callable[[float], float], *, share: float, most: float) -> Found:
    """The least strength up to `most` at which `flipped` gives at least `share`: by doubling, then by halving.

    Where none of the doubled ones does: the one that flips most of them, and `is_enough` is False. Between two that
    were tried, the share is taken to grow with the strength; the one that is given back has been tried.
    """
    low, high = 0.0, min(FIRST, most)
    tried = {high: flipped(high)}
    while tried[high] < share:
        if high >= most:
            best = max(tried, key=lambda strength: tried[strength])
            return Found(best, tried[best], False)
        low, high = high, min(2 * high, most)
        tried[high] = flipped(high)
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        tried[middle] = flipped(middle)
        low, high = (low, middle) if tried[middle] >= share else (middle, high)
    return Found(high, tried[high], True)
