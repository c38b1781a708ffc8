"""What is written while an encoder is trained: held-out images and their inversions, the best encoder."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..dataset.pixels import to_float, to_uint8
from ..files import write_png
from ..generator.checkpoint import Prior
from ..inverter.encoder import encode
from ..inverter.encoder_file import save_encoder
from .encoder import EncoderSchedule, EncoderTraining
from .watch import Watch, spared

SHOWN, PART = 8, 16  # held-out images in the picture; images in one pass of a measurement


class EncoderWatch(Watch):
    """`held_out` uint8 [N, 3, R, R], which are not trained on; `training`: for the headers of files."""

    COLUMNS = ("held_out_mse", "held_out_mse_of_mean")

    def __init__(self, *, prior: Prior, held_out: Tensor, training: dict[str, Any], **common: Any) -> None:
        super().__init__(**common)
        self.prior, self.held_out, self.training = prior, to_float(held_out), training

    def remedy(self, schedule: EncoderSchedule) -> str:
        """Both rates halved where Muon has one of its own."""
        more = f" training.muon_lr={schedule.muon_lr / 2:g}" if schedule.optimizer == "muon" else ""
        return super().remedy(schedule) + more

    @torch.no_grad()
    def measure(self, module: EncoderTraining) -> dict[str, float]:
        """Mean squared error of the average on held-out images, beside that of the mean latent; the best is kept."""
        mean = module.render(module.start()).expand(len(self.held_out), -1, -1, -1)
        inverted = self.inverted(module, self.held_out)
        self.shown = inverted[:SHOWN]
        row = {
            "held_out_mse": self._error(inverted),
            "held_out_mse_of_mean": self._error(mean.cpu()),
        }
        with spared():
            if row["held_out_mse"] < self.best.get("held_out_mse", float("inf")):
                best = {"kimg": module.images_done / 1000, **row}
                self._write("best", module, **best)
                self.best = best
        return row

    def pictures(self, module: EncoderTraining, *, measured: bool) -> dict[str, Path]:
        """Held-out images and their inversions, where these were measured."""
        if not measured:
            return {}
        path = self.folder / "held_out.png"
        write_png(path, self.picture())
        return {"held_out": path}

    def write_latest(self, module: EncoderTraining) -> None:
        """The average."""
        self._write("latest", module)

    def _error(self, images: Tensor) -> float:
        return (to_float(to_uint8(images)) - self.held_out).square().mean().item()

    @torch.no_grad()
    def inverted(self, module: EncoderTraining, images: Tensor) -> Tensor:
        """The generator's images at the latents of `images` [N, 3, R, R] by the average, on the CPU."""
        found = []
        for part in images.split(PART):
            part = part.to(module.device)
            steps = module.passes_trained
            ws = encode(module.average, self.prior.generator, part, start=module.start(), steps=steps)
            found.append(module.render(ws).cpu())
        return torch.cat(found)

    def picture(self) -> Tensor:
        """Held-out images above what the encoder made of them.  # uint8 [3, 2R, 8R]"""
        rows = [self.held_out[:SHOWN], self.shown]
        return to_uint8(torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1))

    def _write(self, name: str, module: EncoderTraining, **figures: float) -> None:
        training = self.training | {"kimg": module.images_done / 1000, "refinements": module.passes_trained}
        path = self.folder / f"{name}.safetensors"
        save_encoder(path, module.average, prior=self.prior, training=training | figures)
