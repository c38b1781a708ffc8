"""Settings compared on the same photos: mean of the paired differences, with its 95 % confidence interval."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Of one figure over the photos that both settings have: mean, and where it lies with 95 % confidence."""

    mean: float
    low: float | None  # None for a single pair
    high: float | None
    n: int


def paired(values: Mapping[str, float], baseline: Mapping[str, float]) -> Difference | None:
    """`values` minus `baseline`, photo -> figure, over the photos of which both have a finite one; None without any."""
    shared = [photo for photo in values if photo in baseline]
    pairs = [values[photo] - baseline[photo] for photo in shared]
    finite = [difference for difference in pairs if math.isfinite(difference)]
    return interval(finite) if finite else None


def interval(values: list[float]) -> Difference:
    """The mean of `values` with its confidence interval by Student's t; of equal values it has no width."""
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Difference(mean, None, None, n)
    half = margin(statistics.stdev(values), n)
    return Difference(mean, mean - half, mean + half, n)


# t(.975, n − 1) s / √n
def margin(std: float, n: int) -> float:
    """Half the width of the 95 % confidence interval of a mean of `n` > 1 values with the standard deviation `std`."""
    return float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * std / math.sqrt(n)
