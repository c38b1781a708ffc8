"""What is written while a training runs: its state, its log, and what the two trainings add to that."""

import logging
import shlex
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
from .resumable import Resumable
from .snapshot import read_state, write_state

log = logging.getLogger(__name__)
HEAD = ("kimg", "step", "seconds", "images_per_second")
# Settings that a state's tensors depend on
FIXED = ("architecture", "batch", "prior", "pool", "latent_discriminator", "optimizer")
LENGTH = ("kimg", "steps")  # those that a longer training changes


@dataclass(frozen=True)
class Rhythm:
    """Steps from one report, measurement and kept state to the next; a state too when `save_seconds` have passed."""

    tick: int
    measuring: int
    saving: int
    save_seconds: float


class Watch(pl.Callback):
    """Reports, measures and keeps the state in a rhythm.

    What is reported and measured depends on steps alone, so that a training which is cut reports the same.
    """

    COLUMNS: ClassVar[tuple[str, ...]]  # of log.csv, after `HEAD`, what is measured

    def __init__(self, *, folder: Path, board: Dashboard, rhythm: Rhythm, settings: dict[str, Any]) -> None:
        self.folder, self.board, self.rhythm, self.settings = folder, board, rhythm, settings
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.kept: float | None = None  # thousand images of the state on disk
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

    def remedy(self, schedule: Any) -> str:
        """Settings for another try after a divergence, as on the command line."""
        return f"training.lr={schedule.lr / 2:g}"

    def take_up(self, module: Resumable) -> None:
        """Go on from the state in the folder, if there is one. InputError: it is of other networks or batches."""
        state = read_state(self.folder)
        if state is None:
            return
        expect_same(state["settings"], self.settings, self.folder)
        module.resume(state)
        self.rows, self.best, self.seconds = state["rows"], state["best"], state["seconds"]
        for row in self.rows:  # a dashboard begins anew at each start
            self.board.log_training(row, pictures={})
        self.kept, whole = module.images_done / 1000, module.schedule.steps * module.schedule.batch / 1000
        is_over = module.steps_done >= module.schedule.steps
        how = "finished before; a larger training.kimg goes on" if is_over else "goes on"
        log.info("%.2f of %g kimg are done: %s", self.kept, whole, how)

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """After Ctrl-C, from where the same command goes on."""
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero:
            done = pl_module.images_done / 1000
            kept = "no state was kept yet" if self.kept is None else f"a state was last kept at {self.kept:.2f}"
            log.warning("%.2f kimg were done, %s: training.save_seconds says how often", done, kept)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.started, self.ticked = time.perf_counter(), (pl_module.steps_done, time.perf_counter())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        if not trainer.is_global_zero:
            return
        step, is_last = pl_module.steps_done, pl_module.steps_done >= pl_module.schedule.steps
        is_measured = step % self.rhythm.measuring == 0 or is_last
        is_reported = step % self.rhythm.tick == 0 or is_measured
        is_due = time.perf_counter() - self.saved_at > self.rhythm.save_seconds
        is_kept = step % self.rhythm.saving == 0 or is_last or is_due
        if is_reported or is_kept:
            self._expect_finite(pl_module)
        row = self.measure(pl_module) if is_measured else {}
        if is_reported:
            self._report(pl_module, row)
        if is_kept:
            self._save(pl_module, is_last=is_last)

    def _expect_finite(self, module: Resumable) -> None:
        """InputError after a divergence, before anything of it is written."""
        if module.is_finite():
            return
        remedy = self.remedy(module.schedule)
        if self.kept is None:
            advice = f"no state was kept before; begin anew with {remedy}"
        else:
            folder = shlex.quote(f"folder={self.folder}")
            advice = f"go on from the state after {self.kept:.2f} kimg with {folder} {remedy}"
        done = module.images_done / 1000
        raise InputError(f"training: diverged at {done:.2f} kimg, a loss or a weight is not finite; {advice}")

    def _report(self, module: Resumable, measured: dict[str, float]) -> None:
        now, (step, then) = time.perf_counter(), self.ticked
        rate = (module.steps_done - step) * module.schedule.batch / max(now - then, 1e-9)
        self.ticked = module.steps_done, now
        head = (module.images_done / 1000, module.steps_done, self._spent(), rate)
        row = dict(zip(HEAD, head, strict=True)) | measured | module.report()
        self.rows.append(row)
        log.info("%s", sentence(row))
        with spared():
            write_csv(self.folder / "log.csv", self.rows, columns=(*HEAD, *self.COLUMNS))
            self.board.log_training(row, pictures=self.pictures(module, measured=bool(measured)))

    def _spent(self) -> float:
        """Seconds of training, those before a cut among them."""
        return self.seconds + time.perf_counter() - self.started

    def _save(self, module: Resumable, *, is_last: bool) -> None:
        kept = {"rows": self.rows, "best": self.best, "seconds": self._spent(), "settings": self.settings}
        self.saved_at = time.perf_counter()
        if is_last:
            self.seconds = kept["seconds"]
        with nullcontext() if is_last else spared():
            self.write_latest(module)
            write_state(self.folder, module.state() | kept)
            self.kept = module.images_done / 1000


def expect_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """InputError where `folder` holds a training of other networks or batches; a word on what else was changed."""
    for name in FIXED:
        if name in now and before.get(name, now[name]) != now[name]:
            raise InputError(f"{folder}: holds a training with another {name}; choose another folder with folder=…")
    changed = [key for key in now if key in before and key not in LENGTH and before[key] != now[key]]
    if changed:
        log.warning("%s: goes on with other settings than before: %s", folder, ", ".join(changed))
    if before.get("steps") != now.get("steps"):
        log.warning("%s: another training.kimg than before; from here on the rate is that of its length", folder)


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
