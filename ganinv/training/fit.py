"""Lightning's Trainer on a training, without its banners and files."""

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from ..tuner.fit import Bar, quiet_lightning
from ..tuner.memory import keep_freed_memory


def fit(
    module: pl.LightningModule, loader: DataLoader, *, watch: pl.Callback, device: torch.device, progress: bool
) -> None:
    """Run the steps that are left. Raises KeyboardInterrupt on Ctrl-C, and what `watch` raises."""
    if device.type == "cpu":
        keep_freed_memory()
    with quiet_lightning():
        trainer = pl.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
            callbacks=[watch, *([Bar("prior")] if progress else [])],
        )
        try:
            trainer.fit(module, loader)
        except SystemExit as error:
            raise KeyboardInterrupt from error  # Lightning turns Ctrl-C into an exit
    if trainer.interrupted:
        raise KeyboardInterrupt
