"""From images to a prior: `python -m ganinv.pretrain dataset.path=images/`. What is trained is chosen by `stage`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig, OmegaConf

from .config import TRAINING_ROOMS, TrainingSettings, as_yaml, build, check, plain, run_folder
from .errors import InputError
from .mistakes import guarded
from .paths import CONF
from .run import dashboard, frame_of, recorded
from .sweep import attempt, attended

if TYPE_CHECKING:
    from .report.dashboard import Dashboard

log = logging.getLogger("ganinv")


def main() -> None:
    """`python -m ganinv.pretrain`: one training, or with --multirun one for each combination of settings."""
    entry = hydra.main(config_path=str(CONF), config_name="pretrain", version_base="1.3")(job)
    guarded(lambda: attended(entry, has_table=False))


def job(cfg: DictConfig) -> None:
    """A training whose mistakes are told; in a sweep the other jobs go on, and its end names those that failed."""
    attempt(pretrain, cfg, folder=training_folder)


def pretrain(cfg: DictConfig) -> None:
    """Train on the dataset's images from what the folder holds on; the same command goes on where it was stopped."""
    check(cfg, schema=TrainingSettings, rooms=TRAINING_ROOMS)
    expect_images(cfg)
    from .method import pick_device

    device, folder = pick_device(plain(cfg)["device"]), training_folder(cfg)
    prior = {"prior": build(cfg, "generator")} if cfg.generator else {}
    training = build(cfg, "training")
    with opened(cfg, folder) as board:
        training(
            path=cfg.dataset.path,
            limit=OmegaConf.select(cfg, "dataset.limit"),
            frame=frame_of(cfg),
            folder=folder,
            device=device,
            seed=cfg.seed,
            board=board,
            accepted=partial(write_settings, folder, as_yaml(cfg)),
            **prior,
        )


@contextmanager
def opened(cfg: DictConfig, folder: Path) -> "Iterator[Dashboard]":
    """The training's record and dashboard; of several processes of one training, the first alone has them."""
    from .report.dashboard import NoDashboard
    from .training.devices import rank

    if rank():
        log.setLevel(logging.WARNING)
        yield NoDashboard()
        return
    with recorded(folder, settings=None), dashboard(cfg, folder) as board:
        log.info("-> %s", folder)
        yield board


def write_settings(folder: Path, settings: str) -> None:
    """config.yaml, once it is known that what `folder` holds is this training's: a refused one leaves its own there."""
    from .files import write_text
    from .training.devices import rank

    if rank() == 0:
        write_text(folder / "config.yaml", settings)


def expect_images(cfg: DictConfig) -> None:
    """InputError where the dataset names no images, or only a part of them."""
    if cfg.dataset.get("path") is None:
        raise InputError("dataset.path: must be set; name a folder or a zip of training images")
    if cfg.dataset.get("num_shards", 1) != 1:
        raise InputError("dataset.num_shards: shards are for photos to invert; a training takes all images")


def training_folder(cfg: DictConfig) -> Path:
    """Where the training's files go, as a run's do."""
    return run_folder(cfg, rooms=("stage", "dataset"))


if __name__ == "__main__":
    main()
