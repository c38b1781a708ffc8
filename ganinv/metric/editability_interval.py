"""Means and ratios of means over photos, each with the interval in which it lies with 95 % confidence."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 9999
BATCH = 1000  # resamples that are computed at once


@dataclass(frozen=True)
class Interval:
    """A figure and its interval; without an interval where there is a single photo, or none can be computed."""

    value: float
    low: float | None = None
    high: float | None = None


# mean(a) / mean(b)
def ratio(a: Sequence[float], b: Sequence[float], *, paired: bool, seed: int) -> Interval:
    """Ratio of two means. `paired`: of the same photos in the same order, which are then drawn together."""

    def statistic(a: Any, b: Any, axis: int = -1) -> Any:
        return np.mean(a, axis=axis) / np.mean(b, axis=axis)

    return bootstrap((a, b), statistic, paired=paired, seed=seed)


# mean(a) − mean(b)
def difference(a: Sequence[float], b: Sequence[float], *, seed: int) -> Interval:
    """Difference of the means of two sets of pictures."""

    def statistic(a: Any, b: Any, axis: int = -1) -> Any:
        return np.mean(a, axis=axis) - np.mean(b, axis=axis)

    return bootstrap((a, b), statistic, paired=False, seed=seed)


def mean(a: Sequence[float], *, seed: int) -> Interval:
    """Mean of one set."""
    return bootstrap((a,), np.mean, paired=False, seed=seed)


def bootstrap(samples: Sequence[Sequence[float]], statistic: Any, *, paired: bool, seed: int) -> Interval:
    """`statistic` of `samples` with its interval by the bootstrap, bias-corrected and accelerated (Efron 1987)."""
    data = [np.asarray(sample, dtype=np.float64) for sample in samples]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # of samples that do not vary, which are looked for below
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        value = float(statistic(*data))
        if min(map(len, data)) < 2 or not np.isfinite(value):
            return Interval(value)
        settings = {"confidence_level": LEVEL, "n_resamples": RESAMPLES, "batch": BATCH, "method": "BCa"}
        settings |= {"paired": paired, "vectorized": True, "rng": np.random.default_rng(seed)}
        found = stats.bootstrap(data, statistic, **settings)
    if np.ptp(found.bootstrap_distribution) <= 1e-9 * abs(value):
        return Interval(value, value, value)
    low, high = (float(end) for end in found.confidence_interval)
    return Interval(value, low, high) if np.isfinite([low, high]).all() else Interval(value)
