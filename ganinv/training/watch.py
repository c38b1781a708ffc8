"""What is written while a training runs: its state, its log, its pictures, the best of its generators."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ..dataset.pixels import to_uint8
from ..errors import InputError
from ..files import write_csv, write_png
from ..report.dashboard import Dashboard
from .export import Record, write_best, write_latest
from .judge import Judge
from .prior import PriorTraining
from .snapshot import write_state

log = logging.getLogger(__name__)
COLUMNS = ("kimg", "step", "seconds", "images_per_second", "frechet", "frechet_relative")
ROWS = 8  # of the picture of samples, and its columns


class Watch(pl.Callback):
    """Reports every `tick` steps, measures every `judging`, keeps the state every `saving` or after `save_seconds`.

    What is reported and measured depends on steps alone, so that a training which is cut reports the same.
    """

    def __init__(
        self,
        *,
        folder: Path,
        record: Record,
        judge: Judge | None,
        board: Dashboard,
        tick: int,
        judging: int,
        saving: int,
        save_seconds: float,
        settings: dict[str, Any],
    ) -> None:
        self.folder, self.record, self.judge, self.board = folder, record, judge, board
        self.tick, self.judging, self.saving, self.save_seconds = tick, judging, saving, save_seconds
        self.settings = settings
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.seconds, self.saved_at, self.ticked = 0.0, time.perf_counter(), (0, time.perf_counter())
        self.z = torch.randn(ROWS**2, record.architecture["z_dim"], generator=torch.Generator().manual_seed(0))

    def resume(self, state: dict[str, Any]) -> None:
        """Take up what `state` holds beside the module's part."""
        self.rows, self.best, self.seconds = state["rows"], state["best"], state["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: PriorTraining) -> None:  # pyright: ignore
        self.started, self.ticked = time.perf_counter(), (pl_module.steps_done, time.perf_counter())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: PriorTraining, *_: Any) -> None:  # pyright: ignore
        if not trainer.is_global_zero:
            return
        step, is_last = pl_module.steps_done, pl_module.steps_done >= pl_module.schedule.steps
        row = {}
        if self.judge is not None and (step % self.judging == 0 or is_last):
            row = self._measure(pl_module)
        if step % self.tick == 0 or is_last or row:
            self._report(pl_module, row)
        due = time.perf_counter() - self.saved_at > self.save_seconds
        if step % self.saving == 0 or is_last or due:
            self._save(pl_module, is_last=is_last)

    def _measure(self, module: PriorTraining) -> dict[str, float]:
        """Fréchet distance of the average; the best one is kept."""
        assert self.judge is not None
        row, grid = self.judge(module.average), self.samples(module)
        with spared():
            write_png(self.folder / "samples" / f"{module.images_done / 1000:010.2f}.png", grid)
        with spared():
            if row["frechet"] < self.best.get("frechet", float("inf")):
                write_best(self.folder, module, self.record, row)
                write_png(self.folder / "best.png", grid)
                self.best = {"kimg": module.images_done / 1000, **row}
        return row

    def _report(self, module: PriorTraining, measured: dict[str, float]) -> None:
        terms = module.report()
        if not all(map(_is_finite, terms.values())):
            raise InputError(
                f"training: diverged at {module.images_done / 1000:.2f} kimg, a loss is not finite; {self.folder} has"
                " the state before: go on from there with a lower training.lr or a higher training.r1_gamma"
            )
        now, (step, then) = time.perf_counter(), self.ticked
        rate = (module.steps_done - step) * module.schedule.batch / max(now - then, 1e-9)
        self.ticked = module.steps_done, now
        head = {"kimg": module.images_done / 1000, "step": module.steps_done, "seconds": self._spent()}
        row = head | {"images_per_second": rate} | measured | terms
        self.rows.append(row)
        log.info("%s", sentence(row))
        with spared():
            write_csv(self.folder / "log.csv", self.rows, columns=COLUMNS)
            write_png(self.folder / "samples.png", self.samples(module))
            self.board.log_training(row, pictures={"samples": self.folder / "samples.png"})

    def _spent(self) -> float:
        """Seconds of training, those before a cut among them."""
        return self.seconds + time.perf_counter() - self.started

    def _save(self, module: PriorTraining, *, is_last: bool) -> None:
        state = module.state() | {
            "rows": self.rows,
            "best": self.best,
            "seconds": self._spent(),
            "settings": self.settings,
        }
        self.saved_at = time.perf_counter()
        if is_last:
            self.seconds = state["seconds"]
        with nullcontext() if is_last else spared():
            write_latest(self.folder, module, self.record)
            write_state(self.folder, state)

    @torch.no_grad()
    def samples(self, module: PriorTraining) -> Tensor:
        """A square of images of the average with its constant noise.  # uint8 [3, 8R, 8R]"""
        images = torch.cat([module.average(z) for z in self.z.to(module.device).split(ROWS)])
        side = images.shape[-1]
        grid = images.view(ROWS, ROWS, 3, side, side).permute(2, 0, 3, 1, 4)
        return to_uint8(grid.reshape(3, ROWS * side, ROWS * side)).cpu()


@contextmanager
def spared() -> Iterator[None]:
    """A file that cannot be written is said; the training goes on, and writes it the next time there is room."""
    try:
        yield
    except InputError as error:
        log.warning("%s; the training goes on and tries again, what was written before stays", error)


def sentence(row: dict[str, float]) -> str:
    """A row of the log on one line."""
    rest = {key: value for key, value in row.items() if key not in ("kimg", "step", "seconds")}
    figures = "  ".join(f"{key} {value:.4g}" for key, value in rest.items())
    return f"{row['kimg']:.2f} kimg, {row['seconds']:.0f} s: {figures}"


def _is_finite(value: float) -> bool:
    return value - value == 0
