"""What is written while a prior is trained: samples of its average, the best by Fréchet distance."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..dataset.pixels import to_uint8
from ..files import write_png
from .export import Record, write_best, write_latest
from .judge import Judge
from .prior import PriorTraining
from .schedule import Schedule
from .watch import Watch, spared

ROWS = 8  # of the picture of samples, and its columns


class PriorWatch(Watch):
    """`judge`: what measures; None: nothing is measured. `record`: of the files' headers."""

    COLUMNS = ("frechet", "frechet_relative")

    def __init__(self, *, record: Record, judge: Judge | None, **common: Any) -> None:
        super().__init__(**common)
        self.record, self.judge = record, judge
        self.z = torch.randn(ROWS**2, record.architecture["z_dim"], generator=torch.Generator().manual_seed(0))

    def measure(self, module: PriorTraining) -> dict[str, float]:
        """Fréchet distance of the average; the best one is kept."""
        if self.judge is None:
            return {}
        row, self.grid = self.judge(module.average), self.samples(module)
        with spared():
            write_png(self.folder / "samples" / f"{module.images_done / 1000:010.2f}.png", self.grid)
        with spared():
            if row["frechet"] < self.best.get("frechet", float("inf")):
                write_best(self.folder, module, self.record, row)
                write_png(self.folder / "best.png", self.grid)
                self.best = {"kimg": module.images_done / 1000, **row}
        return row

    def pictures(self, module: PriorTraining, *, measured: bool) -> dict[str, Path]:
        """Samples of the average."""
        path = self.folder / "samples.png"
        write_png(path, self.grid if measured else self.samples(module))
        return {"samples": path}

    def remedy(self, schedule: Schedule) -> str:
        """A lower rate, or more of R1."""
        more = f" or training.r1_gamma={2 * schedule.r1_gamma:g}" if schedule.r1_gamma else ""
        return super().remedy(schedule) + more

    def write_latest(self, module: PriorTraining) -> None:
        """The average, the raw generator and D."""
        write_latest(self.folder, module, self.record)

    @torch.no_grad()
    def samples(self, module: PriorTraining) -> Tensor:
        """A square of images of the average with its constant noise.  # uint8 [3, 8R, 8R]"""
        images = torch.cat([module.average(z) for z in self.z.to(module.device).split(ROWS)])
        side = images.shape[-1]
        grid = images.view(ROWS, ROWS, 3, side, side).permute(2, 0, 3, 1, 4)
        return to_uint8(grid.reshape(3, ROWS * side, ROWS * side)).cpu()
