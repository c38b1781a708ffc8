"""From a prior and images to its encoder: what `python -m ganinv.pretrain` runs at stage=encoder."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..dataset.frame import Frame
from ..errors import InputError
from ..files import write_bytes
from ..generator.checkpoint import Prior
from ..inverter.encoder_file import load_encoder
from ..inverter.networks.encoder import Encoder
from ..method import to_device
from ..report.dashboard import Dashboard
from ..report.environment import environment
from .data import Crop, Decoded, Places, workers
from .encoder import EncoderSchedule, EncoderTraining
from .encoder_loss import EncoderObjective
from .encoder_network import Network
from .encoder_watch import EncoderWatch
from .fit import fit
from .images import Images, open_images
from .order import Order
from .schedule import Amount, Count, Positive, Precision, Share, dtype_of, steps_in
from .sources import source_at
from .watch import Rhythm

log = logging.getLogger(__name__)


class TrainEncoder:
    """An encoder of the prior's generator, trained on images of its domain and on samples of the generator."""

    def __init__(
        self,
        *,
        start: str | None = None,
        network: Network,
        objective: EncoderObjective,
        kimg: Positive = 400,
        batch: Count = 16,
        refinements: Count = 5,
        single: Share = 0.0,
        vary: Share = 0.0,
        sampled: Share = 0.5,
        optimizer: Literal["muon", "adam"] = "muon",
        lr: Positive = 0.001,
        muon_lr: Positive = 0.0003,
        muon_momentum: Share = 0.95,
        rampup: Share = 0.01,
        rampdown: Share = 0.5,
        clip: Positive = 10.0,
        decay: Share = 0.999,
        deltas_from: Annotated[int, Field(ge=0)] = 0,
        deltas_every: Annotated[int, Field(ge=0)] = 0,
        discriminator_lr: Positive = 2e-5,
        r1_gamma: Amount = 10.0,
        r1_interval: Count = 16,
        pool: Count = 50,
        flip: bool = True,
        crop: Crop = "centre",
        held_out: Count = 64,
        num_workers: Annotated[int, Field(ge=0)] | None = None,
        cache_mb: Amount = 2000,
        precision: Precision | None = None,
        tick_kimg: Positive = 4,
        judge_kimg: Positive = 20,
        save_kimg: Positive = 20,
        save_seconds: Positive = 600,
        progress: bool = True,
    ) -> None:
        """`start`: an encoder to go on from, whose network is then taken; None: random weights.

        `batch`: images in a step, of which the share `sampled` comes from the generator. `refinements`: passes of a
        restyle encoder, others have one; in the share `single` of the steps there is one, and then evenly more.
        `vary`: chance that a photo's place, and its colours, are changed a little. `optimizer`: "muon" moves the
        convolutions by `muon_lr` and the rest by Adam, "adam" moves all. `rampup`, `rampdown`: shares of the steps in
        which the rates rise and fall.
        `clip`: largest norm of a gradient. `decay`: share of the kept average of weights that stays at each step.
        `deltas_from`: step at which the second layer gets its delta, `deltas_every` steps later the next one; 0: all.
        `discriminator_lr`, `r1_…`, `pool`: of the latent discriminator. `held_out`: images that are not trained on, but
        measured on every `judge_kimg`. `cache_mb`: decoded images are held in memory up to so many megabytes.
        `tick_kimg`, `save_kimg`, `save_seconds`: as of a prior's training.
        """
        if not (round(sampled * batch) or any(objective.weights[name] for name in ("mse", "lpips", "identity"))):
            raise InputError(
                "training.sampled: no sample in a batch, and objective.latent asks for known latents; raise it"
            )
        self.start, self.network, self.objective, self.kimg = start, network, objective, kimg
        self.flip, self.held_out, self.num_workers, self.cache_mb = flip, held_out, num_workers, cache_mb
        self.crop: Crop = crop
        self.precision: Precision | None = precision
        self.progress = progress
        self.ticks = {"tick": tick_kimg, "measuring": judge_kimg, "saving": save_kimg}
        self.save_seconds = save_seconds
        self.given: dict[str, Any] = {
            "batch": batch,
            "refinements": refinements,
            "single": single,
            "vary": vary,
            "sampled": sampled,
            "optimizer": optimizer,
            "lr": lr,
            "muon_lr": muon_lr,
            "muon_momentum": muon_momentum,
            "rampup": rampup,
            "rampdown": rampdown,
            "clip": clip,
            "decay": decay,
            "deltas_from": deltas_from,
            "deltas_every": deltas_every,
            "discriminator_lr": discriminator_lr,
            "r1_gamma": r1_gamma,
            "r1_interval": r1_interval,
            "pool": pool,
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
        prior = to_device(_usable(prior), device)
        schedule, encoder = self.schedule(device), self._encoder(prior, seed)
        side = prior.generator.img_resolution
        decoded = Decoded(source=source_at(path, limit=limit), resolution=side, crop=self.crop, frame=frame)
        images = open_images(decoded, path=path, num_workers=workers(self.num_workers), cache_mb=self.cache_mb)
        self._expect(images.count, schedule.batch, path)
        module = EncoderTraining(encoder=encoder, prior=prior, objective=self.objective, schedule=schedule, seed=seed)
        watch = self._watch(module, prior, images, folder, board)
        watch.take_up(module)
        accepted()
        if module.steps_done < schedule.steps:
            self.objective.to(device)
            loader = images.loader(
                Order(count=images.count - self.held_out, seed=seed, flip=self.flip),
                Places(first=module.steps_done, last=schedule.steps, batch=schedule.batch),
            )
            fit(module, loader, name="encoder", watch=watch, device=device, progress=self.progress)
        finish(folder)

    def _expect(self, count: int, batch: int, path: str) -> None:
        if count < self.held_out + batch:
            raise InputError(
                f"dataset.path: {path!r} holds {count} usable images, fewer than {self.held_out} to measure on and a"
                f" batch of {batch}; add images, or set training.held_out and training.batch lower"
            )

    def schedule(self, device: torch.device) -> EncoderSchedule:
        """The numbers, with the precision that was left open."""
        steps = steps_in(self.kimg, batch=self.given["batch"])
        return EncoderSchedule(steps=steps, dtype=dtype_of(self.precision, device), **self.given)

    def _encoder(self, prior: Prior, seed: int) -> Encoder:
        if self.start is not None:
            trained = load_encoder(self.start)
            trained.check(prior)
            return trained.encoder
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return Encoder(architecture=self.network.architecture(prior.generator))

    def _watch(
        self, module: EncoderTraining, prior: Prior, images: Images, folder: Path, board: Dashboard
    ) -> EncoderWatch:
        s, weights = module.schedule, self.objective.weights
        settings = asdict(s) | {"seed": module.seed, "images": images.count, "dtype": str(s.dtype)} | weights
        settings |= {"data": images.name, "crop": self.crop, "frame": str(images.decoded.frame)}
        settings |= {"flip": self.flip, "held_out": self.held_out}
        settings["latent_discriminator"] = module.discriminator is not None
        training = {
            "images": images.count - self.held_out,
            "data": images.name,
            "environment": environment(),
            "settings": settings,
        }
        size = sum(value.numel() for value in module.average.parameters())
        log.info("%d images, %.2f million weights, %d steps of %d", images.count, size / 1e6, s.steps, s.batch)
        steps = {name: steps_in(kimg, batch=s.batch) for name, kimg in self.ticks.items()}
        return EncoderWatch(
            folder=folder,
            prior=prior,
            held_out=self._held_out(images),
            training=training,
            board=board,
            settings=settings | {"architecture": module.encoder.architecture.record(), "prior": prior.fingerprint},
            rhythm=Rhythm(**steps, save_seconds=self.save_seconds),
        )

    def _held_out(self, images: Images) -> Tensor:
        """uint8 [≤ held_out, 3, R, R]. InputError: none of them can be read."""
        last = list(range(images.count - self.held_out, images.count))
        if not (found := list(images.batches(last, len(last)))):
            raise InputError(f"training.held_out: none of the last {len(last)} images can be read; remove them")
        return torch.cat(found)


def finish(folder: Path) -> None:
    """encoder.safetensors: the best encoder, or the latest where there was no room for a best one."""
    best, latest = folder / "best.safetensors", folder / "latest.safetensors"
    write_bytes(folder / "encoder.safetensors", (best if best.exists() else latest).read_bytes())
    log.info("encoder: %s", folder / "encoder.safetensors")


def _usable(prior: Prior | None) -> Prior:
    """InputError where there is no generator, or one with labels."""
    if prior is None:
        raise InputError("generator: must be set; name the prior whose encoder is trained, as generator=ffhq64b")
    if prior.generator.c_dim:
        raise InputError(f"generator: {prior.name} has labels, which an encoder would have to guess; name one without")
    return prior
