"""Fine-tunes a copy of the generator around one photo, and keeps the rest of its manifold."""

import copy
import logging
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import TQDMProgressBar
from torch import Tensor
from torch.utils.data import DataLoader

from ..dataset.pixels import to_float, to_uint8
from ..dataset.real import RealImages
from ..dataset.sources import list_pictures
from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.stylegan2 import Generator
from ..inverter.latent import Latent
from ..loss.objective import Objective
from .manifold import Manifold, Reals, sample_manifold
from .module import Tuner
from .parameters import Moves, moving
from .settings import Schedule

log = logging.getLogger(__name__)

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Tuned:
    """A tuned generator and how it came about."""

    generator: Generator
    moved: dict[str, Tensor]  # the tensors that differ from the prior's, by name in the generator's state dict
    curve: list[dict[str, float]]  # a row per logged step: step, seconds, total, each term by name, mse, psnr
    steps: int
    seconds: float
    stopped: str  # "target", "budget" or "not finite"


class Tune:
    """(prior, photo, latent) -> tuned generator; the objective decides what is asked of it.

    steps: of the optimiser at most. lr, betas: Adam on the generator. warmup: share of the steps in which the rate
    rises; after it, half a cosine to the power `decay`. moves: which weights may change; noise_maps: the constant noise
    too. batch: sampled latents at a step of the adversarial terms, which come every `interval` steps and are weighted
    by it. locality_batch: sampled latents at the steps between, for the locality term, the smaller half of them at
    w + α (w_z − w) with α uniform from near_alpha to 1. num_samples: the store of latents and images of the untouched
    generator from which they are drawn. discriminator: "joint" updates a copy of D with rate discriminator_lr and R1
    (r1_gamma / 2 · ‖∇D‖² every r1_interval of its steps); "frozen" leaves it. reals: images for E_x, or the folder or
    zip that holds them; None: the untouched generator's. target_mse: stop at this error of the 8-bit image on [-1, 1];
    max_seconds: of wall clock, which makes results depend on the machine. precision: of the convolutions while
    training. The weights with the smallest error are returned, not the last.
    """

    def __init__(
        self,
        *,
        objective: Objective,
        steps: Positive,
        lr: Rate,
        betas: Annotated[list[Beta], Field(min_length=2, max_length=2)],
        warmup: Annotated[float, Field(ge=0, le=1)] = 0.05,
        decay: Annotated[float, Field(gt=0)] = 1,
        moves: Moves = "synthesis",
        noise_maps: bool = False,
        batch: Positive = 4,
        interval: Positive = 8,
        locality_batch: Annotated[int, Field(ge=0)] = 2,
        near_alpha: Annotated[float, Field(ge=0, le=1)] = 0.25,
        num_samples: Positive = 512,
        discriminator: Literal["joint", "frozen"] = "joint",
        discriminator_lr: Rate = 0.002,
        r1_gamma: Annotated[float, Field(ge=0)] = 0.1,
        r1_interval: Positive = 16,
        reals: str | Reals | None = None,
        target_mse: Annotated[float, Field(ge=0)] | None = None,
        max_seconds: Annotated[float, Field(gt=0)] | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        progress: bool = True,
        log_interval: Positive = 10,
    ) -> None:
        self.objective, self.num_samples, self.progress = objective, num_samples, progress
        self.reals: str | Reals | None = reals
        if isinstance(reals, str):
            list_pictures(reals)  # a mistake in the path shows before the first photo
        self.schedule = Schedule(
            steps=steps,
            lr=lr,
            betas=(betas[0], betas[1]),
            warmup=warmup,
            decay=decay,
            batch=batch,
            interval=interval,
            locality_batch=locality_batch,
            near_alpha=near_alpha,
            discriminator=discriminator,
            discriminator_lr=discriminator_lr,
            r1_gamma=r1_gamma,
            r1_interval=r1_interval,
            moves=moves,
            noise_maps=noise_maps,
            target_mse=target_mse,
            max_seconds=max_seconds,
            dtype=getattr(torch, precision),
            log_interval=log_interval,
        )
        self._manifold: tuple[str, int, Manifold] | None = None

    def __call__(self, *, prior: Prior, image: Tensor, latent: Latent, seed: int, name: str = "photo") -> Tuned:
        """`image` [3, R, R] in [-1, 1], `latent` of that one photo. The prior is left as it is."""
        self._check(prior)
        generator = copy.deepcopy(prior.generator)
        _take_noise(generator, latent)
        weights = moving(generator, moves=self.schedule.moves, noise_maps=self.schedule.noise_maps)
        for value in weights.values():
            value.requires_grad_(True)
        module = Tuner(
            generator=generator,
            untouched=prior.generator,
            discriminator=copy.deepcopy(prior.discriminator) if self.objective.is_adversarial else None,
            objective=self.objective.to(image.device),
            moving=weights,
            photo=image[None],
            ws=latent.ws.to(image.device),
            manifold=self._sampled(prior, seed) if self.objective.samples_manifold else None,
            reals=self._opened(generator.img_resolution),
            schedule=self.schedule,
            seed=seed,
        )
        started = time.perf_counter()
        _fit(module, name=name, progress=self.progress)
        if module.stopped == "not finite":
            log.warning("%s: the loss is no longer finite; the best weights so far are kept: lower tuner.lr", name)
        _restore_best(module)
        moved = _moved(prior.generator, generator.requires_grad_(False))
        seconds = time.perf_counter() - started
        return Tuned(generator.eval(), moved, module.curve, module.steps_done, seconds, module.stopped)

    def _check(self, prior: Prior) -> None:
        if not self.objective.is_adversarial:
            return
        if prior.discriminator is None:
            raise InputError(
                f"{prior.name}: this prior has no discriminator, which the adversarial terms need; take one that has,"
                " or set loss.adversarial_local=0 loss.adversarial_global=0"
            )
        group = prior.discriminator.group_size
        if self.schedule.batch % group:
            raise InputError(
                f"tuner.batch: {prior.name}'s discriminator looks at groups of {group} images, so a multiple of {group}"
                f" is needed, got {self.schedule.batch}"
            )

    def _opened(self, resolution: int) -> Reals | None:
        if isinstance(self.reals, str):
            self.reals = RealImages(path=self.reals, resolution=resolution)
        return self.reals

    def _sampled(self, prior: Prior, seed: int) -> Manifold:
        """The same for every photo of a run, so it is made once."""
        if self._manifold is None or self._manifold[:2] != (prior.fingerprint, seed):
            made = sample_manifold(prior.generator, count=self.num_samples, seed=seed)
            self._manifold = (prior.fingerprint, seed, made)
        return self._manifold[2]


def _take_noise(generator: Generator, latent: Latent) -> None:
    """Start from the noise maps that the inverter kept."""
    for name, value in (latent.noise or {}).items():
        generator.synthesis.get_buffer(name).copy_(value[0])


def _fit(module: Tuner, *, name: str, progress: bool) -> None:
    device = module.photo.device
    with _quiet_lightning():
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
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, DataLoader(range(module.schedule.steps), batch_size=None))  # pyright: ignore
        except SystemExit as error:
            raise KeyboardInterrupt from error  # Lightning turns Ctrl-C into an exit
        finally:
            signal.signal(signal.SIGINT, interrupt)
    if trainer.interrupted:
        raise KeyboardInterrupt


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
def _quiet_lightning() -> Iterator[None]:
    """A fit a photo would repeat the list of devices and its advice on data loading each time."""
    lightning = logging.getLogger("pytorch_lightning")
    level = lightning.level
    lightning.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        lightning.setLevel(level)


@torch.no_grad()
def _restore_best(module: Tuner) -> None:
    """The weights of the smallest error of the saved image: the last step's, or the best before it."""
    generator = module.generator
    last = generator.synthesis(module.ws)
    error = (to_float(to_uint8(last)) - module.photo).square().mean().item()
    if module.best and not (torch.isfinite(last).all() and error <= module.best_mse):
        for name, value in module.moving.items():
            value.copy_(module.best[name])


def _moved(untouched: Generator, tuned: Generator) -> dict[str, Tensor]:
    before = untouched.state_dict()
    after = {name: value.detach() for name, value in tuned.state_dict().items()}
    # As bits: 0 and −0 are equal as numbers.
    bits = torch.int32
    return {name: value for name, value in after.items() if not torch.equal(value.view(bits), before[name].view(bits))}
