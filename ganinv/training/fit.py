"""Lightning's Trainer on a training, without its banners and files."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch.utils.data import DataLoader

from ..tuner.fit import Bar, quiet_lightning
from ..tuner.memory import keep_freed_memory
from .images import Heard


def fit(
    module: pl.LightningModule,
    loader: DataLoader | Heard,
    *,
    name: str,
    watch: pl.Callback,
    device: torch.device,
    progress: bool,
    devices: int = 1,
) -> None:
    """Run the steps that are left; the bar shows `name`. Raises KeyboardInterrupt on Ctrl-C, and what `watch` does."""
    if device.type == "cpu":
        keep_freed_memory()
    with quiet_lightning():
        trainer = pl.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=devices,
            strategy="auto" if devices == 1 else DDPStrategy(find_unused_parameters=True),
            use_distributed_sampler=False,  # places are this device's already
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
            callbacks=[watch, *([Bar(name)] if progress else [])],
        )
        try:
            trainer.fit(module, loader)
        except SystemExit as error:
            raise KeyboardInterrupt from error  # Lightning turns Ctrl-C into an exit
    if trainer.interrupted:
        raise KeyboardInterrupt
