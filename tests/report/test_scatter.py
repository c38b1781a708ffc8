"""The plot of fidelity and drift: places worked out by hand, and a file that is XML and needs no other."""

import math
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from ganinv.report.curve import Frame
from ganinv.report.scatter import APART, BOTTOM, CLEAR, HEIGHT, LEFT, RIGHT, TOP, WIDTH, places, scatter, span, ticks
from ganinv.report.table import Aggregate


def setting(name: str, psnr: float, ratio: float) -> tuple[str, dict[str, Aggregate]]:
    return name, {"psnr": Aggregate(psnr, None, 1), "frechet_ratio": Aggregate(ratio, None, 1)}


def dots(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle class="\w+" cx="([\d.]+)" cy="([\d.]+)"', svg)][::2]


def test_the_point_with_more_fidelity_and_less_drift_lies_lower_right() -> None:
    svg = scatter([setting("full", 50, 1), setting("<a> & b", 40, 2)], baselines=["full"])
    assert dots(svg) == [(WIDTH - RIGHT, HEIGHT - BOTTOM), (LEFT, TOP)]
    tree = ElementTree.fromstring(svg)
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "<a> & b" in [each.text for each in tree.iter()] and 'class="base"' in svg


def test_dots_that_would_hide_each_other_stand_beside_their_points() -> None:
    frame = Frame((0, 1), (0, 1), 0, 400, 0, 400)
    points = [(200.0 + i, 200.0) for i in range(12)] + [(50.0, 50.0), (0.0, 400.0), (399.0, 200.0), (399.0, 200.0)]
    found = places(points, frame)
    assert found[12:14] == points[12:14], "where there is room a dot stands on its point"
    assert all(math.dist(a, b) >= APART for a, b in combinations(found, 2))
    away = [spot for spot, point in zip(found, points, strict=True) if spot != point]
    assert len(away) == 14 and all(math.dist(spot, point) >= CLEAR for spot in away for point in points)
    assert all(8 <= value <= 392 for spot in away for value in spot)
    assert places([(5.0, 5.0)] * 3, Frame((0, 1), (0, 1), 0, 10, 0, 10)) == [(5.0, 5.0)] * 3, "no room at all"


def test_a_dot_beside_its_point_is_led_to_it() -> None:
    names = [("full", 40, 1), ("a", 50, 2), ("b", 50, 2)]
    svg = scatter([setting(*each) for each in names], baselines=["b"])
    number = {name: at for (name, *_), at in zip(names, dots(svg), strict=True)}
    leads = re.findall(r'class="lead" x1="(.*?)" x2="(.*?)" y1="(.*?)" y2="(.*?)"/><circle class="(\w+) point"', svg)
    right, top = f"{WIDTH - RIGHT:.1f}", f"{TOP:.1f}"
    assert [(x, y) for x, _, y, _, _ in leads] == [(right, top)] * 2 and [lead[4] for lead in leads] == ["dot", "base"]
    assert [(float(x), float(y)) for _, x, _, y, _ in leads] == [number["a"], number["b"]]
    assert number["full"] == (LEFT, HEIGHT - BOTTOM)


def test_the_bars_are_the_interval_of_the_mean() -> None:
    low, mean, high = span(Aggregate(10.0, 2.0, 4))
    assert mean == 10 and high - mean == pytest.approx(3.182446) == pytest.approx(mean - low)


def test_steps_are_round_and_cover_the_values() -> None:
    assert ticks([40.3, 48.9]) == [40, 42, 44, 46, 48, 50] and ticks([0.97, 1.02])[0] <= 0.97
    assert ticks([1.0]) == pytest.approx([1.0, 1.2])
    for values in ([0.0], [-3.0, 2.0], [0.97, 1.02], [1e-4, 2e-4]):
        found = ticks(values)
        assert found[0] <= min(values) and found[-1] >= max(values) and 2 <= len(found) <= 8
        assert all(math.isclose(b - a, found[1] - found[0]) for a, b in zip(found, found[1:], strict=False))


def test_the_measure_of_drift_is_one_that_all_have() -> None:
    name, figures = setting("a", 40, 1)
    with_lpips = figures | {"drift_lpips": Aggregate(0.1, None, 1)}
    assert "LPIPS, tuned against untouched" in scatter(
        [(name, with_lpips), ("b", {k: v for k, v in with_lpips.items() if k != "frechet_ratio"})], baselines=["a"]
    )
    assert scatter([(name, {"psnr": figures["psnr"]})], baselines=["a"]) == ""
    exact = Aggregate(math.inf, None, 0, exact=1)
    assert scatter([(name, figures | {"psnr": exact})], baselines=["a"]) == "", "an exact photo has no place"
    assert scatter([(name, {"frechet_ratio": figures["frechet_ratio"]})], baselines=["a"]) == ""
