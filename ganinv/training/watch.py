"""What is written while a training runs: its state, its log, and what the two trainings add to that."""

import logging
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl

from ..errors import InputError
from ..files import write_csv
from ..report.dashboard import Dashboard
from .snapshot import write_state

log = logging.getLogger(__name__)
HEAD = ("kimg", "step", "seconds", "images_per_second")


@dataclass(frozen=True)
class Rhythm:
    """Steps from one report, measurement and kept state to the next; a state too when `save_seconds` have passed."""

    tick: int
    judging: int
    saving: int
    save_seconds: float


class Watch(pl.Callback):
    """Reports, measures and keeps the state in a rhythm.

    What is reported and measured depends on steps alone, so that a training which is cut reports the same. The module
    has `steps_done`, `images_done`, `schedule` (steps, batch), `report()` and `state()`.
    """

    COLUMNS: ClassVar[tuple[str, ...]]  # of log.csv, after `HEAD`, what is measured
    ADVICE: ClassVar[str]  # after a divergence

    def __init__(self, *, folder: Path, board: Dashboard, rhythm: Rhythm, settings: dict[str, Any]) -> None:
        self.folder, self.board, self.rhythm, self.settings = folder, board, rhythm, settings
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.seconds, self.saved_at, self.ticked = 0.0, time.perf_counter(), (0, time.perf_counter())

    @abstractmethod
    def measure(self, module: Any) -> dict[str, float]:
        """Figures of the average; the best one is kept."""

    @abstractmethod
    def pictures(self, module: Any, *, measured: bool) -> dict[str, Path]:
        """Write the report's pictures; -> those for the dashboard."""

    @abstractmethod
    def write_latest(self, module: Any) -> None:
        """Write the networks from which a user may start another training."""

    def finish(self) -> None:
        """After the last step's files."""

    def resume(self, state: dict[str, Any]) -> None:
        """Take up what `state` holds beside the module's part."""
        self.rows, self.best, self.seconds = state["rows"], state["best"], state["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.started, self.ticked = time.perf_counter(), (pl_module.steps_done, time.perf_counter())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        if not trainer.is_global_zero:
            return
        step, is_last = pl_module.steps_done, pl_module.steps_done >= pl_module.schedule.steps
        row = self.measure(pl_module) if step % self.rhythm.judging == 0 or is_last else {}
        if step % self.rhythm.tick == 0 or is_last or row:
            self._report(pl_module, row)
        due = time.perf_counter() - self.saved_at > self.rhythm.save_seconds
        if step % self.rhythm.saving == 0 or is_last or due:
            self._save(pl_module, is_last=is_last)
        if is_last:
            self.finish()

    def _report(self, module: Any, measured: dict[str, float]) -> None:
        terms = module.report()
        if not all(value - value == 0 for value in terms.values()):
            raise InputError(
                f"training: diverged at {module.images_done / 1000:.2f} kimg, a loss is not finite; {self.folder} has"
                f" the state before: go on from there with {self.ADVICE}"
            )
        now, (step, then) = time.perf_counter(), self.ticked
        rate = (module.steps_done - step) * module.schedule.batch / max(now - then, 1e-9)
        self.ticked = module.steps_done, now
        head = (module.images_done / 1000, module.steps_done, self._spent(), rate)
        row = dict(zip(HEAD, head, strict=True)) | measured | terms
        self.rows.append(row)
        log.info("%s", sentence(row))
        with spared():
            write_csv(self.folder / "log.csv", self.rows, columns=(*HEAD, *self.COLUMNS))
            self.board.log_training(row, pictures=self.pictures(module, measured=bool(measured)))

    def _spent(self) -> float:
        """Seconds of training, those before a cut among them."""
        return self.seconds + time.perf_counter() - self.started

    def _save(self, module: Any, *, is_last: bool) -> None:
        kept = {"rows": self.rows, "best": self.best, "seconds": self._spent(), "settings": self.settings}
        self.saved_at = time.perf_counter()
        if is_last:
            self.seconds = kept["seconds"]
        with nullcontext() if is_last else spared():
            self.write_latest(module)
            write_state(self.folder, module.state() | kept)


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
