"""Paired differences and their intervals against printed tables, numbers worked out by hand, and scipy's own test."""

import math

import pytest
from scipy import stats

from ganinv.report.paired import Difference, interval, paired


# Two-sided 95 %, as tables of Student's distribution print it.
@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (10, 2.2281), (27, 2.0518), (120, 1.9799)],
)
def test_half_the_width_is_t_of_the_tables_times_the_standard_error(freedom: int, t: float) -> None:
    n = freedom + 1
    # one value a, the others 0: s² = a² / n, so that a = n makes the standard error 1
    found = interval([float(n), *[0.0] * freedom])
    assert found.mean == 1 and found.high is not None and found.high - 1 == pytest.approx(t, abs=5e-5)


def test_an_interval_by_hand() -> None:
    # mean 2, s² = 2/3, n = 4, t(3) = 3.182446
    found = interval([1.0, 2.0, 2.0, 3.0])
    assert found.mean == 2 and found.n == 4
    assert found.high is not None and found.low is not None
    assert found.high - 2 == pytest.approx(2 - found.low) == pytest.approx(3.182446 * math.sqrt(2 / 3) / 2, rel=1e-6)


def test_it_is_the_interval_of_the_paired_t_test() -> None:
    values, baseline = [0.31, 0.28, 0.40, 0.35, 0.29], [0.30, 0.21, 0.44, 0.31, 0.22]
    found = paired(dict(enumerate(values)), dict(enumerate(baseline)))  # pyright: ignore[reportArgumentType]
    low, high = stats.ttest_rel(values, baseline).confidence_interval(0.95)
    assert found is not None and (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_equal_differences_have_an_interval_without_width() -> None:
    assert interval([0.5, 0.5, 0.5]) == Difference(0.5, 0.5, 0.5, 3)
    assert paired({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}) == Difference(0.0, 0.0, 0.0, 2)


def test_only_photos_of_both_settings_with_finite_figures_are_paired() -> None:
    values = {"a": 1.0, "b": 5.0, "c": math.inf, "d": 9.0}
    assert paired(values, {"b": 2.0, "c": 1.0, "a": 1.5, "e": 0.0}) == interval([-0.5, 3.0])
    assert paired(values, {"a": 4.0}) == Difference(-3.0, None, None, 1)
    assert paired(values, {"c": math.inf}) is None and paired(values, {"c": math.nan, "a": math.nan}) is None
    assert paired(values, {"e": 1.0}) is None and paired({}, {}) is None
