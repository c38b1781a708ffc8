"""What both trainings have of being cut and taken up again."""

from typing import Any

import pytorch_lightning as pl
import torch

from .means import Means
from .order import seed_of


class Resumable(pl.LightningModule):
    """Manual optimisation, whose state goes on under the rates of today's settings.

    Random numbers of a step depend on the seed, the step and the device's rank alone: a state of them need not be kept.
    `schedule` has `batch`, `steps` and `lr`.
    """

    schedule: Any

    def __init__(self, *, schedule: Any, seed: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.schedule, self.seed, self.steps_done = schedule, seed, 0
        self.means = Means()
        self._optimizers_before: list[dict[str, Any]] = []

    @property
    def images_done(self) -> int:
        """Images shown so far, on all devices."""
        return self.steps_done * self.schedule.batch

    def draw_anew(self) -> None:
        """Begin the random numbers of this step."""
        torch.manual_seed(seed_of(self.seed, self.steps_done, self.global_rank))

    def is_finite(self) -> bool:
        """Whether every weight is, and every term since the last report was."""
        weights = torch.stack([weight.isfinite().all() for weight in self.parameters()])
        return self.means.are_finite() and bool(weights.all())

    def report(self) -> dict[str, float]:
        """Means of the terms since the last report."""
        return self.means.take()

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "step": self.steps_done,
            "module": self.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.trainer.optimizers],
            "sums": self.means.sums,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Take `state` up; its optimisers once there are some."""
        self.load_state_dict(state["module"])
        self.steps_done, self.means.sums = state["step"], state["sums"]
        self._optimizers_before = state["optimizers"]

    def on_fit_start(self) -> None:
        """The optimisers as they were, but for rates that the settings have changed since."""
        if not self._optimizers_before:
            return
        for optimizer, before in zip(self.trainer.optimizers, self._optimizers_before, strict=True):
            rates = [
                {key: group[key] for key in ("lr", "betas", "momentum") if key in group}
                for group in optimizer.param_groups
            ]
            optimizer.load_state_dict(before)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group.update(rate)
