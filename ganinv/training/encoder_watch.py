"""What is written while an encoder is trained: its state, its log, its pictures, the best encoder."""

import logging
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ..dataset.pixels import to_float, to_uint8
from ..errors import InputError
from ..files import write_bytes, write_csv, write_png
from ..generator.checkpoint import Prior
from ..inverter.encoder import encode
from ..inverter.encoder_file import save_encoder
from ..report.dashboard import Dashboard
from .encoder import EncoderTraining
from .snapshot import write_state
from .watch import sentence

log = logging.getLogger(__name__)
COLUMNS = ("kimg", "step", "seconds", "images_per_second", "held_out_mse", "held_out_mse_of_mean")
SHOWN, PART = 8, 16  # held-out images in the picture; images in one pass of a measurement


class EncoderWatch(pl.Callback):
    """Reports every `tick` steps, measures every `judging`, keeps the state every `saving` or after `save_seconds`."""

    def __init__(
        self,
        *,
        folder: Path,
        prior: Prior,
        held_out: Tensor,
        training: dict[str, Any],
        board: Dashboard,
        settings: dict[str, Any],
        tick: int,
        judging: int,
        saving: int,
        save_seconds: float,
    ) -> None:
        """`held_out` uint8 [N, 3, R, R], which are not trained on; `training`: for the headers of files."""
        self.folder, self.prior, self.held_out, self.training = folder, prior, to_float(held_out), training
        self.board, self.settings, self.save_seconds = board, settings, save_seconds
        self.tick, self.judging, self.saving = tick, judging, saving
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.seconds, self.saved_at, self.ticked = 0.0, time.perf_counter(), (0, time.perf_counter())

    def resume(self, state: dict[str, Any]) -> None:
        """Take up what `state` holds beside the module's part."""
        self.rows, self.best, self.seconds = state["rows"], state["best"], state["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: EncoderTraining) -> None:  # pyright: ignore
        self.started, self.ticked = time.perf_counter(), (pl_module.steps_done, time.perf_counter())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: EncoderTraining, *_: Any) -> None:  # pyright: ignore
        step, is_last = pl_module.steps_done, pl_module.steps_done >= pl_module.schedule.steps
        row = self._measure(pl_module) if step % self.judging == 0 or is_last else {}
        if step % self.tick == 0 or is_last or row:
            self._report(pl_module, row)
        if step % self.saving == 0 or is_last or time.perf_counter() - self.saved_at > self.save_seconds:
            self._save(pl_module, is_last=is_last)
        if is_last:
            write_bytes(self.folder / "encoder.safetensors", (self.folder / "best.safetensors").read_bytes())

    @torch.no_grad()
    def _measure(self, module: EncoderTraining) -> dict[str, float]:
        """Mean squared error of the average on held-out images, beside that of the mean latent; the best is kept."""
        mean = module.render(module.start()).expand(len(self.held_out), -1, -1, -1)
        row = {
            "held_out_mse": self._error(self.inverted(module, self.held_out)),
            "held_out_mse_of_mean": self._error(mean.cpu()),
        }
        if row["held_out_mse"] < self.best.get("held_out_mse", float("inf")):
            self.best = {"kimg": module.images_done / 1000, **row}
            self._write("best", module, **self.best)
        write_png(self.folder / "held_out.png", self.picture(module))
        return row

    def _error(self, images: Tensor) -> float:
        return (to_float(to_uint8(images)) - self.held_out).square().mean().item()

    @torch.no_grad()
    def inverted(self, module: EncoderTraining, images: Tensor) -> Tensor:
        """The generator's images at the latents of `images` [N, 3, R, R] by the average, on the CPU."""
        found = []
        for part in images.split(PART):
            part = part.to(module.device)
            steps = module.schedule.refinements
            ws = encode(module.average, self.prior.generator, part, start=module.start(), steps=steps)
            found.append(module.render(ws).cpu())
        return torch.cat(found)

    def picture(self, module: EncoderTraining) -> Tensor:
        """Held-out images above what the encoder makes of them.  # uint8 [3, 2R, 8R]"""
        shown = self.held_out[:SHOWN]
        rows = [shown, self.inverted(module, shown)]
        return to_uint8(torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1))

    def _write(self, name: str, module: EncoderTraining, **figures: float) -> None:
        training = self.training | {"kimg": module.images_done / 1000, "refinements": module.schedule.refinements}
        path = self.folder / f"{name}.safetensors"
        save_encoder(path, module.average, prior=self.prior, training=training | figures)

    def _report(self, module: EncoderTraining, measured: dict[str, float]) -> None:
        terms = module.report()
        if not all(value - value == 0 for value in terms.values()):
            raise InputError(
                f"training: diverged at {module.images_done / 1000:.1f} kimg, a loss is not finite; {self.folder} has"
                " the state before: go on from there with a lower training.lr"
            )
        now, (step, then) = time.perf_counter(), self.ticked
        rate = (module.steps_done - step) * module.schedule.batch / max(now - then, 1e-9)
        self.ticked = module.steps_done, now
        head = {"kimg": module.images_done / 1000, "step": module.steps_done, "seconds": self._spent()}
        row = head | {"images_per_second": rate} | measured | terms
        self.rows.append(row)
        log.info("%s", sentence(row))
        write_csv(self.folder / "log.csv", self.rows, columns=COLUMNS)
        pictures = {"held_out": self.folder / "held_out.png"} if measured else {}
        self.board.log_training(row, pictures=pictures)

    def _spent(self) -> float:
        """Seconds of training, those before a cut among them."""
        return self.seconds + time.perf_counter() - self.started

    def _save(self, module: EncoderTraining, *, is_last: bool) -> None:
        kept = {"rows": self.rows, "best": self.best, "seconds": self._spent(), "settings": self.settings}
        self.saved_at = time.perf_counter()
        try:
            write_state(self.folder, module.state() | kept)
            self._write("latest", module)
        except InputError as error:
            if is_last:
                raise
            log.warning("%s; the training goes on and tries again, the last state that was kept stays", error)
