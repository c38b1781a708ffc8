"""From images to a prior: what `python -m ganinv.pretrain` runs at stage=prior."""

import copy
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from ..dataset.frame import Frame
from ..errors import InputError
from ..generator.checkpoint import Prior
from ..report.dashboard import Dashboard
from ..report.environment import environment
from .architecture import Network, new_networks
from .augment import Adaptive
from .card import write_card
from .data import Crop, Decoded, Places, expect_batch, workers
from .devices import expect_devices, rank
from .export import Record, Stored, finish
from .fit import fit
from .images import Images, open_images
from .judge import Judge
from .order import Order
from .prior import PriorTraining
from .prior_watch import PriorWatch
from .schedule import (
    Amount,
    Count,
    Momentum,
    Positive,
    Precision,
    Schedule,
    Share,
    automatic_batch,
    automatic_gamma,
    automatic_lr,
    automatic_resolution,
    dtype_of,
    expect_groups,
)
from .sources import Source, source_at
from .start import Networks, networks_of
from .watch import Rhythm

log = logging.getLogger(__name__)


class TrainPrior:
    """A StyleGAN2 generator with its discriminator, trained on images; None: chosen by resolution and device."""

    def __init__(
        self,
        *,
        start: str | None = None,
        resolution: Literal[8, 16, 32, 64, 128, 256, 512, 1024] | None = None,
        network: Network,
        augment: Adaptive,
        frechet: Judge | None = None,
        licence: str = "not stated",
        kimg: Positive = 1000,
        batch: Count | None = None,
        lr: Positive | None = None,
        betas: tuple[Momentum, Momentum] = (0.0, 0.99),
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
        cache_mb: Amount = 2000,
        num_workers: Annotated[int, Field(ge=0)] | None = None,
        precision: Precision | None = None,
        compile: bool = False,
        devices: Count = 1,
        stored: Stored = "float16",
        tick_kimg: Positive = 4,
        save_kimg: Positive = 20,
        save_seconds: Positive = 600,
        progress: bool = True,
    ) -> None:
        """`start`: a prior to go on from. `licence`: of the images, and so of the weights.

        `batch`: images in a step. `…_interval`: steps from one regularisation to the next. `path_shrink`: how much
        smaller its batch is. `ema_rampup`: the half-life's largest share of what has been shown; a started training has
        none. `cache_mb`: decoded images are held in memory up to so many megabytes. `devices`: processes, each with
        a part of the batch. `stored`: precision of the finished prior's file. `tick_kimg`, `save_kimg`: from one
        report, and one kept state, to the next; that at the latest after `save_seconds`.
        """
        self.start, self.resolution, self.network, self.frechet = start, resolution, network, frechet
        self.licence, self.flip, self.num_workers, self.cache_mb = licence, flip, num_workers, cache_mb
        self.crop: Crop = crop
        self.stored: Stored = stored
        self.augment, self.devices = augment, devices
        self.precision: Precision | None = precision
        self.progress = progress
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
        accepted: Callable[[], None] = lambda: None,
        prior: Prior | None = None,
    ) -> None:
        """Train on the images at `path`, from what `folder` holds of this training on, until it is finished.

        `accepted` is called once it is known that what `folder` holds is of this training.
        """
        if prior is not None:
            raise InputError("generator: a prior is trained from training.start; leave it out, or set training=encoder")
        expect_devices(self.devices, device)
        source = source_at(path, limit=limit)
        networks = self._networks(source, device, seed)
        resolution = networks.architecture["img_resolution"]
        group = networks.architecture.get("mbstd_group_size") or 1  # none: D compares the whole batch
        schedule = self.schedule(resolution, device, group=group)
        decoded = Decoded(source=source, resolution=resolution, crop=self.crop, frame=frame)
        images = open_images(decoded, path=path, num_workers=workers(self.num_workers), cache_mb=self.cache_mb)
        expect_batch(images.count, schedule.batch, path, multiple=self.devices * group)
        say(schedule, networks, count=images.count, device=device)
        adaptive = self.augment if self.augment.is_on(images.count) else None
        module = PriorTraining(networks=networks, schedule=schedule, seed=seed, adaptive=adaptive)
        watch = self._watch(module, networks, images, folder, board)
        watch.take_up(module)
        accepted()
        if module.steps_done < schedule.steps:
            if self.frechet is not None and rank() == 0:
                self.frechet.prepare(images, device=device)
            loader = images.loader(
                Order(count=images.count, seed=seed, flip=self.flip),
                Places(first=module.steps_done, last=schedule.steps, batch=schedule.batch, devices=self.devices),
            )
            fit(
                module,
                loader,
                name="prior",
                watch=watch,
                device=device,
                progress=self.progress,
                devices=self.devices,
            )
        if rank() == 0:
            self._finish(folder, watch)

    def schedule(self, resolution: int, device: torch.device, *, group: int | None = None) -> Schedule:
        """The numbers, with those that were left open. `group`: images that D compares; None: as `network` says."""
        given: dict[str, Any] = {k: v for k, v in self.given.items() if v is not None or k == "ema_rampup"}
        batch = given.get("batch", automatic_batch(resolution, self.devices))
        expect_groups(batch, devices=self.devices, group=group or self.network.mbstd_group_size)
        chosen: dict[str, Any] = {
            "batch": batch,
            "lr": automatic_lr(resolution),
            "r1_gamma": automatic_gamma(resolution, batch),
            "ema_kimg": batch * 10 / 32,
            "dtype": dtype_of(self.precision, device),
        }
        return Schedule(**(chosen | given))

    def _networks(self, source: Source, device: torch.device, seed: int) -> Networks:
        if self.start is not None:
            if self.network != Network():
                raise InputError("training.network: with training.start the networks are that prior's; leave one out")
            networks = networks_of(self.start)
            found = networks.architecture["img_resolution"]
            if self.resolution not in (None, found):
                raise InputError(f"training.resolution: {self.start!r} has {found} pixels, got {self.resolution}")
            return networks
        resolution = self.resolution or automatic_resolution(source)
        architecture = self.network.architecture(resolution, device)
        generator, discriminator = new_networks(architecture, seed=seed)
        average = copy.deepcopy(generator)
        return Networks(generator=generator, average=average, discriminator=discriminator, architecture=architecture)

    def _watch(
        self, module: PriorTraining, networks: Networks, images: Images, folder: Path, board: Dashboard
    ) -> PriorWatch:
        schedule, own = module.schedule, {"seed": module.seed, "images": images.count}
        settings = asdict(schedule) | own | {"dtype": str(schedule.dtype).removeprefix("torch.")}
        settings |= {"data": images.name, "crop": self.crop, "frame": str(images.decoded.frame), "flip": self.flip}
        settings |= {"devices": self.devices, "augment": module.adaptive is not None}
        training: dict[str, Any] = {
            "images": images.count,
            "data": images.name,
            "environment": environment(),
            "settings": settings,
        }
        if networks.before:
            training["before"] = networks.before
        licence = self.licence if self.licence != "not stated" else networks.licence or self.licence
        rhythm = Rhythm(
            tick=schedule.steps_in(self.tick_kimg),
            measuring=schedule.steps_in(self.frechet.kimg) if self.frechet else schedule.steps,
            saving=schedule.steps_in(self.save_kimg),
            save_seconds=self.save_seconds,
        )
        return PriorWatch(
            folder=folder,
            record=Record(architecture=networks.architecture, licence=licence, training=training),
            judge=self.frechet,
            board=board,
            rhythm=rhythm,
            settings=settings | {"architecture": networks.architecture},
        )

    def _finish(self, folder: Path, watch: PriorWatch) -> None:
        prior = finish(folder, stored=self.stored, seconds=watch.seconds, measured=self.frechet is not None)
        write_card(folder, prior, watch.rows, title=self.frechet.network.title if self.frechet else None)
        log.info("prior: %s", folder / "prior.safetensors")


def say(schedule: Schedule, networks: Networks, *, count: int, device: torch.device) -> None:
    """What is trained, and what was chosen."""
    size = sum(p.numel() for p in (*networks.average.parameters(), *networks.discriminator.parameters()))
    resolution, dtype, s = networks.architecture["img_resolution"], str(schedule.dtype).removeprefix("torch."), schedule
    log.info("%d images at %d pixels, %.2f million weights, %s, %s", count, resolution, size / 1e6, device.type, dtype)
    log.info("%g kimg in batches of %d, lr %g, R1 %.4g", s.kimg, s.batch, s.lr, s.r1_gamma)
