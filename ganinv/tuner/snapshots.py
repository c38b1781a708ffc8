"""What the photo's picture looked like on the way."""

import torch
from torch import Tensor

RATIO = 4  # of a step to the one before: 7 pictures in 3,000 steps


class Snapshots:
    """The photo's picture after 0, 1, 4, 16 … steps, or the first after each of them that was rendered."""

    def __init__(self) -> None:
        self.pictures: dict[int, Tensor] = {}  # steps done -> uint8 [3, R, R], on the CPU
        self.due = 0

    def show(self, pixels: Tensor, *, step: int) -> None:
        """`pixels` uint8 [1, 3, R, R]: the picture after `step` steps, by the weights of then."""
        if step < self.due:
            return
        self.pictures[step] = pixels[0].to("cpu", torch.uint8)
        while self.due <= step:
            self.due = max(RATIO * self.due, 1)
