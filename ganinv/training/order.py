"""Which image stands at which place of a training: a function of the seed and the place; no state is to be kept."""

from functools import lru_cache

import numpy as np


class Order:
    """Place 0, 1, 2, … of the training -> an image's index and whether it is mirrored.

    Each run through the `count` images has an order and mirrored images of its own. `flip`: mirror half of them.
    """

    def __init__(self, *, count: int, seed: int, flip: bool) -> None:
        self.count, self.seed, self.flip = count, seed, flip

    def __call__(self, place: int) -> tuple[int, bool]:
        epoch, offset = divmod(place, self.count)
        indices, mirrored = _epoch(self.count, self.seed, epoch)
        return int(indices[offset]), bool(self.flip and mirrored[offset])


@lru_cache(maxsize=2)  # a batch may reach from one epoch into the next
def _epoch(count: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng([seed, epoch])
    return random.permutation(count), random.random(count) < 0.5


def seed_of(seed: int, step: int, rank: int) -> int:
    """What the random numbers of a step are drawn from, on one of several devices: 63 bits."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)
