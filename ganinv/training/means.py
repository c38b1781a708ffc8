"""Means of the terms of a training since its last report."""

import torch
from torch import Tensor


class Means:
    """By name; a term counts as often as it was noted. `sums` is what a resume needs."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}  # of each term: its sum and how many, [2]

    @torch.no_grad()
    def note(self, **terms: Tensor) -> None:
        """Count one value of each, without waiting for the device."""
        for name, value in terms.items():
            one = torch.stack([value.detach().double(), value.new_ones([]).double()])
            self.sums[name] = self.sums[name].to(one.device) + one if name in self.sums else one

    def are_finite(self) -> bool:
        """Whether every value since then was."""
        return all(bool(total.isfinite().all()) for total in self.sums.values())

    def take(self) -> dict[str, float]:
        """The means, and begin anew."""
        row = {name: float(total / count) for name, (total, count) in self.sums.items()}
        self.sums = {}
        return row
