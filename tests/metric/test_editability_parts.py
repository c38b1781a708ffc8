"""Editability's parts by closed cases: intervals, the search for a strength, judges, differences of pictures."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ganinv.edit.apply import Step
from ganinv.edit.direction import Direction
from ganinv.edit.labelled import trunk_of
from ganinv.edit.scores import Own, Table
from ganinv.errors import InputError
from ganinv.metric.editability_effect import consistency, outside
from ganinv.metric.editability_interval import Interval, difference, mean, ratio
from ganinv.metric.editability_judge import (
    Judge,
    Remembered,
    dependence,
    expect_independent,
    judges_of,
    same_face,
    scores,
)
from ganinv.metric.editability_plan import Plan
from ganinv.metric.editability_strength import least_strength
from ganinv.metric.editability_table import flat, lacking, same_w_identity

from .conftest import Pooled

ONES = torch.ones(1, 3, 4, 4)
A = {"from": "labelled", "trunk": "sha256:a", "photos": ["1", "2"]}


def bright(pixels: Tensor) -> Tensor:
    return pixels.float().mean(dim=[1, 2, 3])


def test_of_figures_without_spread_the_interval_has_no_width() -> None:
    assert ratio([2.0, 2.0], [4.0, 4.0], paired=False, seed=0) == Interval(0.5, 0.5, 0.5)
    assert ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], paired=True, seed=0) == Interval(0.5, 0.5, 0.5)
    assert ratio([3.0], [2.0, 2.0], paired=False, seed=0) == Interval(1.5)
    assert math.isnan(ratio([0.0, 0.0], [0.0, 0.0], paired=False, seed=0).value)


def test_identity_at_the_same_w_is_paired() -> None:
    rows = [{"identity": 0.8, "untouched_identity": 0.9}, {"identity": 0.3, "untouched_identity": 0.4}]
    found = same_w_identity(rows, seed=0)
    assert found == pytest.approx(flat("identity_same_w", Interval(-0.1, -0.1, -0.1)))
    assert same_w_identity([{}], seed=0) == dict.fromkeys(found)


def test_intervals_of_many_normal_figures_are_the_textbooks() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(3, 1, 300), random.normal(2, 1, 200)
    half = stats.t.ppf(0.975, 299) * a.std(ddof=1) / math.sqrt(300)
    found = mean(a.tolist(), seed=0)
    assert (found.low, found.high) == pytest.approx((a.mean() - half, a.mean() + half), abs=0.05 * half)
    # Var(a / b) ≈ r² (Var a / a² + Var b / b²), of the means
    r = a.mean() / b.mean()
    deviation = r * math.sqrt(a.var(ddof=1) / 300 / a.mean() ** 2 + b.var(ddof=1) / 200 / b.mean() ** 2)
    apart = ratio(a.tolist(), b.tolist(), paired=False, seed=0)
    assert apart.low is not None and apart.high is not None and apart.value == pytest.approx(r)
    assert apart.high - apart.low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert difference(a.tolist(), b.tolist(), seed=0).value == pytest.approx(a.mean() - b.mean())
    assert ratio(a.tolist(), b.tolist(), paired=False, seed=0) == apart


def test_pairs_are_drawn_together() -> None:
    b = np.random.default_rng(0).normal(2, 1, 50)
    a = (0.9 * b + np.random.default_rng(1).normal(0, 0.01, 50)).tolist()
    together, apart = (ratio(a, b.tolist(), paired=paired, seed=0) for paired in (True, False))
    assert together.high - together.low < 0.1 * (apart.high - apart.low)  # pyright: ignore


def test_the_least_strength_that_is_enough() -> None:
    tried: list[float] = []

    def flipped(strength: float) -> float:
        tried.append(strength)
        return float(strength >= 2.7)

    found = least_strength(flipped, share=0.6, most=20)
    assert found.is_enough and 2.7 <= found.strength <= 2.7 * 1.06 and found.strength in tried and found.share == 1


def test_where_no_strength_is_enough_the_best_is_told() -> None:
    found = least_strength(lambda strength: 0.4 - abs(strength - 4) / 100, share=0.6, most=10)
    assert (found.strength, found.is_enough) == (4, False) and found.share == pytest.approx(0.4)


def test_a_network_sees_a_picture_once() -> None:
    pooled, pixels = Pooled(), torch.randint(256, (5, 3, 16, 16), dtype=torch.uint8)
    network = Remembered(pooled)
    assert torch.equal(network(pixels), pooled(pixels)) and pooled.seen == 10
    assert torch.equal(network(pixels.flip(0)), network(pixels).flip(0)) and pooled.seen == 10


def test_a_judge_of_degrees_counts_from_the_samples_mean() -> None:
    values, samples = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 4.0])
    assert Judge(bright, {}, None).shows(values, samples).tolist() == [False, True]
    assert Judge(bright, {}, 0.5).shows(values, samples).tolist() == [True, True]


def test_who_cannot_judge() -> None:
    known = {"smile": Own(score=bright)}
    with pytest.raises(InputError, match="^thresholds: hat is no attribute; there are smile"):
        judges_of(known, resolution=16, thresholds={"hat": 1})
    with pytest.raises(InputError, match="^attributes.smile: Table knows the scores of samples by number"):
        judges_of({"smile": Table(path="x.csv", column="smile")}, resolution=16, thresholds={})
    judges = judges_of({"smile": Own(score=lambda pixels: bright(pixels) / 0)}, resolution=16, thresholds={})
    with pytest.raises(InputError, match="^smile: its scores hold NaN or infinite"):
        scores(judges, torch.ones(2, 3, 16, 16, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("finder", "judge", "said"),
    [
        (A, A | {"trunk": "sha256:b", "photos": ["3"]}, None),
        (A, A | {"photos": ["3"]}, "smile: its judge shares the frozen network with the head that found it"),
        (A, A | {"trunk": "b", "photos": ["2", "3"]}, "smile: its judge shares 1 of the 2 labelled photos with the"),
        ({"from": "own", "classifier": "x:y"}, {"from": "own", "classifier": "x:y"}, "smile: is judged by x:y, which"),
        ({"from": "own", "classifier": "x:y"}, A, None),
    ],
)
def test_the_finder_is_no_judge(finder: dict, judge: dict, said: str | None) -> None:
    made = {"finder": "interfacegan", "scores": finder}
    direction = Direction("smile", "w", {"w": torch.ones(8)}, "one", None, "tiny", made=made)
    if said is None:
        assert expect_independent([(direction, Judge(bright, judge, 0))], is_strict=True) == []
        return
    (note,) = expect_independent([(direction, Judge(bright, judge, 0))], is_strict=False)
    assert note.startswith(said)
    with pytest.raises(InputError, match=f"^{said}.* set editability.independent=false to judge all the same"):
        expect_independent([(direction, Judge(bright, judge, 0))], is_strict=True)


def test_a_finder_that_is_not_known_is_told_of() -> None:
    direction = Direction("smile", "w", {"w": torch.ones(8)}, "one", None, "tiny")
    assert dependence(direction, Judge(bright, A, 0)) == "smile: does not say how it was found"
    older = replace(direction, made={"finder": "interfacegan", "scores": {"from": "labelled"}})
    (note,) = expect_independent([(older, Judge(bright, A, 0))], is_strict=True)
    assert note.startswith("smile: its file does not say which network and photos found it")
    assert dependence(replace(direction, made={"finder": "sefa"}), Judge(bright, A, 0)) is None


def test_a_face_network_that_an_edit_was_held_to_is_named() -> None:
    direction = Direction("smile", "w", {"w": torch.ones(8)}, "one", None, "tiny")
    network, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    held = replace(direction, made={"identity": trunk_of(network)})
    assert len(same_face([held, direction], network)) == 1 and same_face([held], network)[0].startswith("smile: was ")
    assert same_face([held, direction], other) == [] == same_face([held], None)


def test_consistency_is_of_the_differences() -> None:
    change = torch.randn(1, 3, 4, 4)
    same = consistency((ONES, ONES + 2 * change), (5 * ONES, 5 * ONES + change))
    assert same.tolist() == pytest.approx([1]) and consistency((ONES, ONES - change), (ONES, ONES + change)) < -0.999
    assert consistency((ONES, ONES), (ONES, ONES + change)).tolist() == [0]


def test_what_lies_in_the_region_does_not_count() -> None:
    region = torch.zeros(4, 4, dtype=torch.bool)
    region[:2] = True
    after = ONES.clone()
    after[:, :, :2] += 1
    after[:, :, 2:] += 0.5

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs().mean(dim=[1, 2, 3])

    assert outside(ONES, after, region, distance).tolist() == [0.25]


def test_the_transfer_of_those_that_lack_it_leaves_out_who_shows_it_already() -> None:
    step = cast("Step", SimpleNamespace(strengths=lambda: [1.0]))
    samples = {"score_hat": torch.tensor([-1.0, -1.0, 1.0]), "change_hat": torch.tensor([2.0, 2.0, 0.0])}
    plan = Plan("hat", step, Judge(torch.sum, {}, 0.0), None, samples, 2, None)
    rows = [{"change_hat": change, "flipped": flipped} for change, flipped in ((1.0, False), (2.0, True), (9.0, None))]
    assert lacking(plan, rows, seed=0)["transfer_lacking"] == pytest.approx(0.75)
    assert lacking(plan, rows, seed=0)["photos_lacking"] == 2
    assert lacking(plan, rows[2:], seed=0) == {"photos_lacking": 0} | dict.fromkeys(
        flat("transfer_lacking", Interval(0))
    )
