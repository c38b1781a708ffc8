"""Paired differences and Student's t against numbers worked out by hand and from printed tables."""

import math

import pytest

from ganinv.report.paired import Difference, central_share, interval, paired, t_quantile


# Two-sided 95 %, as tables of Student's distribution print it.
@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (10, 2.2281), (27, 2.0518), (120, 1.9799)],
)
def test_the_quantile_is_that_of_the_tables(freedom: int, t: float) -> None:
    assert t_quantile(freedom) == pytest.approx(t, abs=5e-5)


def test_with_two_degrees_of_freedom_there_is_a_closed_form() -> None:
    # A = t / √(2 + t²), so t = √(2 p² / (1 − p²)).
    assert t_quantile(2) == pytest.approx(math.sqrt(2 * 0.95**2 / (1 - 0.95**2)), rel=1e-12)
    assert central_share(math.pi / 4, 1) == pytest.approx(0.5)  # Cauchy: half lies within ±1


def test_an_interval_by_hand() -> None:
    # mean 2, s = 1, n = 4: ± 3.1824 / 2
    found = interval([1.0, 2.0, 2.0, 3.0])
    s = math.sqrt(2 / 3)
    assert found.mean == 2 and found.n == 4
    assert found.high is not None and found.low is not None
    assert found.high - 2 == pytest.approx(2 - found.low) == pytest.approx(3.182446 * s / 2, rel=1e-6)


def test_only_photos_of_both_settings_with_finite_figures_are_paired() -> None:
    values = {"a": 1.0, "b": 5.0, "c": math.inf, "d": 9.0}
    assert paired(values, {"b": 2.0, "c": 1.0, "a": 1.5, "e": 0.0}) == interval([-0.5, 3.0])
    assert paired(values, {"a": 4.0}) == Difference(-3.0, None, None, 1)
    assert paired(values, {"e": 1.0}) is None
