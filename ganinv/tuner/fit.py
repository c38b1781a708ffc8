"""Lightning's Trainer on one photo, without its banners, files and advice."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.warnings import PossibleUserWarning
from pytorch_lightning.callbacks import TQDMProgressBar
from torch.utils.data import DataLoader

from ..dataset.pixels import to_float, to_uint8
from .memory import keep_freed_memory
from .module import Tuner


def fit(module: Tuner, *, name: str, progress: bool) -> None:
    """Run the module's steps. Raises KeyboardInterrupt on Ctrl-C."""
    device = module.photo.device
    if device.type == "cpu":
        keep_freed_memory()
    with quiet_lightning():
        trainer = pl.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=[device.index or 0] if device.type == "cuda" else 1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
            callbacks=[Bar(name)] if progress else [],
        )
        is_main = threading.current_thread() is threading.main_thread()  # the others have no signals
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, DataLoader(range(module.schedule.steps), batch_size=None))  # pyright: ignore
        except SystemExit as error:
            raise KeyboardInterrupt from error  # Lightning turns Ctrl-C into an exit
        finally:
            if is_main:
                signal.signal(signal.SIGINT, interrupt)
    if trainer.interrupted:
        raise KeyboardInterrupt


@torch.no_grad()
def restore(module: Tuner) -> None:
    """The weights that the schedule keeps: the last step's, or the best before it where these have a smaller error of
    the saved image, or where the last are no longer finite.
    """
    last = module.at_photo()
    error = (to_float(to_uint8(last)) - module.photo).square().mean().item()
    is_kept = torch.isfinite(last).all() and (error <= module.best_mse or module.schedule.keep == "last")
    if module.stopped == "not finite" or not is_kept:
        for name, value in module.moving.items():
            value.copy_(module.best[name])


class Bar(TQDMProgressBar):
    """Steps, error, PSNR and time left of one photo, on one line."""

    def __init__(self, name: str) -> None:
        super().__init__(refresh_rate=10)
        self.name = name

    def init_train_tqdm(self):  # noqa: ANN201
        bar = super().init_train_tqdm()
        bar.leave = False
        return bar

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: object) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description(self.name)

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict:
        """Without the version number of a logger that is not there."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """A fit a photo would repeat the list of devices and its advice on data loading each time."""
    lightning = logging.getLogger("pytorch_lightning")
    level = lightning.level
    lightning.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            # pytorch-lightning 2.6.6 asks torch 2.14 in a way that is going away.
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            yield
    finally:
        lightning.setLevel(level)
