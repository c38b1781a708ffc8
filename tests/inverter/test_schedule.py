import math

import pytest

from ganinv.inverter.schedule import lr_at, noise_at

OFFICIAL = {"num_steps": 1000, "lr": 0.1, "rampup": 0.05, "rampdown": 0.25}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),
        (25, 0.05),  # half of the way up
        (50, 0.1),
        (749, 0.1),
        (875, 0.05),  # half of the way down
        (999, 0.1 * (0.5 - 0.5 * math.cos(math.pi * 0.004))),
    ],
)
def test_learning_rate(step: int, expected: float) -> None:
    assert lr_at(step, **OFFICIAL) == pytest.approx(expected, rel=1e-9)


def test_learning_rate_scales_with_the_number_of_steps() -> None:
    long, short = [lr_at(n * 7, **(OFFICIAL | {"num_steps": n * 10})) for n in (100, 10)]
    assert long == pytest.approx(short, rel=1e-12)


def test_ramps_of_no_steps_are_no_ramps() -> None:
    flat = {"num_steps": 10, "lr": 0.3, "rampup": 0.0, "rampdown": 0.0}
    assert [lr_at(step, **flat) for step in (0, 5, 9)] == [0.3] * 3
    assert noise_at(0, num_steps=10, noise=0.05, ramp=0.0) == 0


@pytest.mark.parametrize(("step", "expected"), [(0, 0.05), (375, 0.05 / 4), (750, 0.0), (999, 0.0)])
def test_noise(step: int, expected: float) -> None:
    assert noise_at(step, num_steps=1000, noise=0.05, ramp=0.75) == pytest.approx(expected, abs=1e-12)
