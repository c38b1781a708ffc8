"""The numbers of a tuning."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..errors import InputError
from .parameters import Moves

Optimizer = Literal["adam", "muon", "whitened_muon"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Steps, rates and budgets, as `Tune` documents them."""

    steps: int
    optimizer: Optimizer
    lr: float
    betas: tuple[float, float]
    muon_lr: float
    muon_momentum: float
    whitened_lr: float
    metric_samples: int
    damping: float
    pull: float
    warmup: float
    decay: float
    batch: int
    micro_batch: int | None
    interval: int
    locality_batch: int
    near_alpha: float
    near_samples: int
    near_share: float
    near_radius: float | None
    near_psi: float
    near_moves: tuple[float, float] | None
    noise_share: float
    discriminator: Literal["joint", "frozen"]
    discriminator_lr: float
    r1_gamma: float
    r1_interval: int
    moves: Moves
    noise_maps: bool
    target_mse: float | None
    target_lpips: float | None
    max_seconds: float | None
    dtype: torch.dtype
    log_interval: int
    keep: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        """Refuse, with an InputError, samples near the photo that are asked for in two ways, or not at all."""
        if self.near_moves is None:
            return
        if self.near_radius is not None:
            raise InputError(
                "tuner.near_moves: near_radius has another place for the same samples; leave one of them null"
            )
        if not self.near_share:
            raise InputError(
                "tuner.near_moves: near_share=0 takes no such samples; set tuner.near_share=0.5, or row=held_edits"
            )
        if self.near_moves[0] > self.near_moves[1]:
            raise InputError(f"tuner.near_moves: the least length comes first, got {list(self.near_moves)}")

    def draws(self) -> int:
        """How many samples all steps take together at most: no more need to be stored."""
        return self.steps * max(self.locality_batch, self.batch)

    def is_near_enough(self, terms: dict[str, Tensor]) -> bool:
        """Whether LPIPS, of the objective's `terms`, is no more than its target."""
        return (
            self.target_lpips is not None and "perceptual" in terms and terms["perceptual"].item() <= self.target_lpips
        )

    def near(self, step: int) -> int:
        """How many of a step's samples for the locality term lie near the photo; `near_share` of them on average."""
        each = self.near_share * self.locality_batch
        return math.floor((step + 1) * each + 1e-9) - math.floor(step * each + 1e-9)

    def factor(self, step: int, *, seconds: float) -> float:
        """Of the learning rates: a linear warm-up, then half a cosine to the power `decay`, 0 at the budget's end.

        What is spent is the larger share of the steps and of the seconds, where these are limited.
        """
        spent = step / self.steps
        if self.max_seconds is not None:
            spent = max(spent, min(seconds / self.max_seconds, 1))
        rise = min(max((step + 1) / (self.warmup * self.steps + 1), spent / max(self.warmup, 1e-9)), 1)
        return rise * (0.5 + 0.5 * math.cos(math.pi * spent)) ** self.decay
