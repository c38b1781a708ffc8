"""Curves as SVG: positions worked out by hand."""

import math
import re

from ganinv.report.curve import HEIGHT, LEFT, MOST_POINTS, RIGHT, TOP, WIDTH, error_curve, series, term_curves


def points(svg: str) -> list[tuple[float, float]]:
    path = re.search(r'class="line" d="M([^"]*)"', svg)
    assert path is not None
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path[1].split("L"))]


def test_psnr_runs_from_the_lower_left_to_the_upper_right() -> None:
    svg = error_curve([{"step": 0.0, "mse": 4e-1}, {"step": 5.0, "mse": 4e-3}, {"step": 10.0, "mse": 4e-5}])
    first, middle, last = points(svg)  # 10, 30 and 50 dB on an axis from 10 to 50
    assert first[0] == LEFT and last == (WIDTH - RIGHT, TOP)
    assert middle == ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2) and first[1] < HEIGHT
    assert "from 10.0 dB to 50.0 dB" in svg and ">4e-05<" in svg


def test_there_is_no_curve_of_less_than_two_points() -> None:
    assert error_curve([]) == "" and term_curves([]) == ""
    assert error_curve([{"step": 0.0, "mse": 0.5}, {"step": 2.0, "mse": math.nan}]) == ""
    assert error_curve([{"step": 0.0, "mse": 0.0}, {"step": 2.0, "mse": 0.0}]) == "", "exact throughout"


def test_an_exact_picture_stands_at_the_top() -> None:
    svg = error_curve([{"step": 0.0, "mse": 4e-1}, {"step": 5.0, "mse": 4e-3}, {"step": 10.0, "mse": 0.0}])
    assert points(svg)[-1] == (WIDTH - RIGHT, TOP) and "from 10.0 dB to an exact picture" in svg
    assert "inf" not in svg


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    rows = [{"step": float(i), "mse": 1.0} for i in range(10 * MOST_POINTS)]
    thin = series(rows, "mse")
    assert thin[0][0] == 0 and thin[-1][0] == 10 * MOST_POINTS - 1 and len(thin) <= MOST_POINTS + 1


def test_each_term_has_its_curve_under_its_name() -> None:
    rows = [{"step": 0.0, "mse": 1.0, "adversarial_local": -1.0, "<b>": None}]
    svg = term_curves(
        [*rows, {"step": 1.0, "mse": 1.0, "adversarial_local": -1.0, "<b>": 2.0}, {"step": 2.0, "<b>": 3}]
    )
    assert "adversarial local <b>-1</b>" in svg and "&lt;b&gt;" in svg and "mse" not in svg
