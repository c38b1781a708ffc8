"""The order of a training is a function of seed and place."""

import pytest

from ganinv.training.data import Places
from ganinv.training.order import Order, seed_of


def test_every_epoch_shows_each_image_once_in_an_order_of_its_own() -> None:
    order = Order(count=20, seed=0, flip=True)
    epochs = [[order(place)[0] for place in range(20 * e, 20 * e + 20)] for e in range(3)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_a_place_says_the_same_whatever_was_asked_before() -> None:
    order = Order(count=7, seed=3, flip=True)
    there = [order(place) for place in range(40)]
    back = [Order(count=7, seed=3, flip=True)(place) for place in reversed(range(40))]
    assert there == back[::-1]
    assert there != [Order(count=7, seed=4, flip=True)(place) for place in range(40)]


def test_half_of_the_images_are_mirrored_or_none() -> None:
    mirrored = [Order(count=1000, seed=0, flip=True)(place)[1] for place in range(1000)]
    assert 430 < sum(mirrored) < 570
    assert not any(Order(count=50, seed=0, flip=False)(place)[1] for place in range(100))


def test_batches_go_on_at_any_step_and_are_split_among_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(Places(first=0, last=3, batch=2)) == [[0, 1], [2, 3], [4, 5]]
    assert list(Places(first=2, last=3, batch=2)) == [[4, 5]]
    assert len(Places(first=5, last=3, batch=2)) == 0
    parts = []
    for rank in "01":
        monkeypatch.setenv("LOCAL_RANK", rank)
        parts.append(list(Places(first=1, last=3, batch=4, devices=2)))
    assert parts == [[[4, 5], [8, 9]], [[6, 7], [10, 11]]]


def test_a_steps_random_numbers_depend_on_seed_step_and_rank() -> None:
    seeds = {seed_of(seed, step, rank) for seed in range(3) for step in range(50) for rank in range(2)}
    assert len(seeds) == 300 and all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(1, 2, 3) == seed_of(1, 2, 3)
