"""Settings compared on the same photos: mean of the paired differences, with its 95 % confidence interval."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Of one figure over the photos that both settings have: mean, and where it lies with 95 % confidence."""

    mean: float
    low: float | None  # None for a single pair
    high: float | None
    n: int


# d̄ ± t(.975, n − 1) s_d / √n: the paired t interval.
def paired(values: Mapping[str, float], baseline: Mapping[str, float]) -> Difference | None:
    """`values` minus `baseline`, photo -> figure, over the photos of which both have a finite one; None without any."""
    shared = [photo for photo in values if photo in baseline]
    pairs = [values[photo] - baseline[photo] for photo in shared]
    finite = [difference for difference in pairs if math.isfinite(difference)]
    return interval(finite) if finite else None


def interval(values: list[float]) -> Difference:
    """The mean of `values` with its confidence interval by Student's t."""
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Difference(mean, None, None, n)
    half = t_quantile(n - 1) * statistics.stdev(values) / math.sqrt(n)
    return Difference(mean, mean - half, mean + half, n)


def t_quantile(freedom: int, *, level: float = LEVEL) -> float:
    """The t within ±t of which Student's distribution has the share `level`; by bisection, to double precision."""
    low, high = 0.0, math.pi / 2  # of θ = atan(t / √ν)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if central_share(middle, freedom) < level else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


# ν odd: A = 2/π (θ + sin θ (cos θ + ⅔ cos³ θ + … + (2·4…(ν−3)) / (3·5…(ν−2)) cos^(ν−2) θ)), for ν = 1 2θ/π;
# ν even: A = sin θ (1 + ½ cos² θ + … + (1·3…(ν−3)) / (2·4…(ν−2)) cos^(ν−2) θ).
def central_share(angle: float, freedom: int) -> float:
    """A(t|ν), the share of Student's distribution within ±t, θ = atan(t / √ν) (Abramowitz & Stegun 26.7.3, 26.7.4)."""
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 if odd else 1, freedom - 2, 2):
        term *= k / (k + 1) * math.cos(angle) ** 2
        total += term
    series = math.sin(angle) * total
    return 2 / math.pi * (angle + series) if odd else series
