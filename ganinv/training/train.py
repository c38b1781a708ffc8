"""From images to a prior: what `python -m ganinv.pretrain` runs at stage=prior."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader

from ..dataset.frame import Frame
from ..errors import InputError
from ..report.dashboard import Dashboard
from ..report.environment import environment
from .architecture import Network, new_networks
from .data import Cached, Crop, Decoded, Places, expect_batch, read_all, workers
from .export import Record
from .fit import fit
from .judge import Judge
from .order import Order
from .prior import PriorTraining
from .schedule import (
    Schedule,
    automatic_batch,
    automatic_dtype,
    automatic_gamma,
    automatic_lr,
)
from .snapshot import read_state
from .sources import Source, source_at
from .start import Networks, networks_of
from .watch import Watch

log = logging.getLogger(__name__)
Positive = Annotated[float, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TrainPrior:
    """A StyleGAN2 generator with its discriminator, trained on images; None: chosen by resolution and device."""

    def __init__(
        self,
        *,
        start: str | None = None,
        resolution: Literal[4, 8, 16, 32, 64, 128, 256, 512, 1024] | None = None,
        network: Network,
        frechet: Judge | None = None,
        licence: str = "not stated",
        kimg: Positive = 1000,
        batch: Count | None = None,
        lr: Positive | None = None,
        betas: tuple[Share, Share] = (0.0, 0.99),
        r1_gamma: Amount | None = None,
        r1_interval: Count = 16,
        path_weight: Amount = 2,
        path_interval: Count = 4,
        path_shrink: Count = 2,
        path_decay: Share = 0.01,
        mixing: Share = 0.9,
        ema_kimg: Amount | None = None,
        ema_rampup: Amount | None = 0.05,
        w_avg_beta: Share = 0.998,
        flip: bool = True,
        crop: Crop = "centre",
        num_workers: Annotated[int, Field(ge=0)] | None = None,
        precision: Literal["float32", "bfloat16"] | None = None,
        compile: bool = False,
        tick_kimg: Positive = 4,
        save_kimg: Positive = 20,
        save_seconds: Positive = 600,
        progress: bool = True,
    ) -> None:
        """`start`: a prior to go on from. `licence`: of the images, and so of the weights.

        `batch`: images in a step. `…_interval`: steps from one regularisation to the next. `path_shrink`: how much
        smaller its batch is. `ema_rampup`: the half-life's largest share of what has been shown; a started training has
        none. `tick_kimg`, `save_kimg`: from one report, and one kept state, to the next; that at the latest after
        `save_seconds`.
        """
        self.start, self.resolution, self.network, self.frechet = start, resolution, network, frechet
        self.licence, self.flip, self.crop, self.num_workers = licence, flip, crop, num_workers
        self.precision, self.progress = precision, progress
        self.tick_kimg, self.save_kimg, self.save_seconds = tick_kimg, save_kimg, save_seconds
        self.given: dict[str, Any] = {
            "kimg": kimg,
            "batch": batch,
            "lr": lr,
            "betas": tuple(betas),
            "r1_gamma": r1_gamma,
            "r1_interval": r1_interval,
            "path_weight": path_weight,
            "path_interval": path_interval,
            "path_shrink": path_shrink,
            "path_decay": path_decay,
            "mixing": mixing,
            "ema_kimg": ema_kimg,
            "ema_rampup": ema_rampup if start is None else None,
            "w_avg_beta": w_avg_beta,
            "compile": compile,
        }

    def __call__(
        self,
        *,
        path: str,
        limit: int | None,
        frame: Frame,
        folder: Path,
        device: torch.device,
        seed: int,
        board: Dashboard,
    ) -> None:
        """Train on the images at `path`, from what `folder` holds of this training on, until it is finished."""
        source = source_at(path, limit=limit)
        networks = self._networks(source, device, seed)
        resolution = networks.architecture["img_resolution"]
        schedule = self.schedule(resolution, device)
        decoded = Decoded(source=source, resolution=resolution, crop=self.crop, frame=frame)
        pixels = read_all(decoded, path=path, num_workers=workers(self.num_workers))
        expect_batch(len(pixels), schedule.batch, path)
        settings = asdict(schedule) | {"seed": seed, "images": len(pixels), "dtype": str(schedule.dtype)}
        self._say(schedule, networks, count=len(pixels), device=device)
        module = PriorTraining(networks=networks, schedule=schedule, seed=seed)
        watch = self._watch(module, networks, path, folder, board, settings | {"architecture": networks.architecture})
        state = read_state(folder)
        if state is not None:
            expect_same(state["settings"], watch.settings, folder)
            module.resume(state)
            watch.resume(state)
            log.info("goes on at %.2f of %g kimg", module.images_done / 1000, schedule.kimg)
        if module.steps_done >= schedule.steps:
            log.info("finished before; a larger training.kimg goes on")
            return
        if self.frechet is not None:
            self.frechet.prepare(lambda chosen: pixels[chosen], len(pixels), device=device)
        loader = self._loader(pixels, module, seed)
        fit(module, loader, watch=watch, device=device, progress=self.progress)

    def schedule(self, resolution: int, device: torch.device) -> Schedule:
        """The numbers, with those that were left open."""
        given: dict[str, Any] = {
            key: value for key, value in self.given.items() if value is not None or key == "ema_rampup"
        }
        batch = given.get("batch", automatic_batch(resolution, 1))
        if batch % self.network.mbstd_group_size and batch > self.network.mbstd_group_size:
            raise InputError(f"training.batch: must be a multiple of {self.network.mbstd_group_size}, got {batch}")
        chosen: dict[str, Any] = {
            "batch": batch,
            "lr": automatic_lr(resolution),
            "r1_gamma": automatic_gamma(resolution, batch),
            "ema_kimg": batch * 10 / 32,
            "dtype": PRECISIONS[self.precision] if self.precision else automatic_dtype(device),
        }
        return Schedule(**(chosen | given))

    def _networks(self, source: Source, device: torch.device, seed: int) -> Networks:
        if self.start is not None:
            networks = networks_of(self.start)
            found = networks.architecture["img_resolution"]
            if self.resolution not in (None, found):
                raise InputError(f"training.resolution: {self.start!r} has {found} pixels, got {self.resolution}")
            return networks
        if self.resolution is None:
            raise InputError("training.resolution: must be set where training.start names no prior")
        architecture = self.network.architecture(self.resolution, device)
        generator, discriminator = new_networks(architecture, seed=seed)
        average, _ = new_networks(architecture, seed=seed)
        return Networks(generator=generator, average=average, discriminator=discriminator, architecture=architecture)

    def _watch(
        self,
        module: PriorTraining,
        networks: Networks,
        path: str,
        folder: Path,
        board: Dashboard,
        settings: dict[str, Any],
    ) -> Watch:
        training = {
            "images": settings["images"],
            "data": path.rstrip("/").rpartition("/")[2],
            "environment": environment(),
            "settings": {key: value for key, value in settings.items() if key != "architecture"},
        }
        if networks.before:
            training["before"] = networks.before
        licence = self.licence if self.licence != "not stated" else networks.licence or self.licence
        schedule = module.schedule
        return Watch(
            folder=folder,
            record=Record(architecture=networks.architecture, licence=licence, training=training),
            judge=self.frechet,
            board=board,
            tick=schedule.steps_in(self.tick_kimg),
            judging=schedule.steps_in(self.frechet.kimg) if self.frechet else 1,
            saving=schedule.steps_in(self.save_kimg),
            save_seconds=self.save_seconds,
            settings=settings,
        )

    def _loader(self, pixels: Tensor, module: PriorTraining, seed: int) -> DataLoader:
        order = Order(count=len(pixels), seed=seed, flip=self.flip)
        places = Places(first=module.steps_done, last=module.schedule.steps, batch=module.schedule.batch)
        return DataLoader(Cached(pixels=pixels, order=order), batch_sampler=places)

    def _say(self, schedule: Schedule, networks: Networks, *, count: int, device: torch.device) -> None:
        """What is trained, and what was chosen."""
        size = sum(p.numel() for p in (*networks.average.parameters(), *networks.discriminator.parameters()))
        log.info(
            "%d images at %d pixels, %.2f million weights, %s, %s; %g kimg in batches of %d, lr %g, R1 %.4g",
            count,
            networks.architecture["img_resolution"],
            size / 1e6,
            device.type,
            str(schedule.dtype).removeprefix("torch."),
            schedule.kimg,
            schedule.batch,
            schedule.lr,
            schedule.r1_gamma,
        )


def expect_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """InputError where `folder` holds a training of other networks or batches; a word on what else was changed."""
    for name in ("architecture", "batch"):
        if before[name] != now[name]:
            raise InputError(f"{folder}: holds a training with another {name}; choose another folder with folder=…")
    changed = [key for key in now if key != "kimg" and before.get(key) != now[key]]
    if changed:
        log.warning("%s: goes on with other settings than before: %s", folder, ", ".join(changed))
