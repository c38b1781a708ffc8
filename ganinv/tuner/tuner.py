"""Fine-tunes a copy of the generator around one photo, and keeps the rest of its manifold."""

import copy
import logging
import time
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..dataset.real import RealImages
from ..dataset.sources import list_pictures
from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.family import has_noise_maps
from ..inverter.latent import Latent
from ..loss.objective import Objective
from .fit import fit, restore
from .manifold import Manifold, Reals, sample_manifold
from .module import Tuner
from .noise import photo_noise
from .parameters import Moves, moving
from .settings import Optimizer, Schedule
from .tuned import Tuned, moved_of
from .whitening import BATCH, Whitening, whitenings

log = logging.getLogger(__name__)

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class Tune:
    """(prior, photo, latent) -> tuned generator; the objective decides what is asked of it.

    steps: of the optimiser at most. optimizer: "adam" for every weight that moves (lr, betas); or "muon" for the
    convolutions with a kernel (muon_lr: root mean square of a weight's change in a step; muon_momentum) and Adam
    for the rest; or "whitened_muon", which is Muon in coordinates where all that changes a sampled image by as much has
    the same length (whitened_lr: about the root mean square of what one convolution's step changes in a sampled image
    on [-1, 1]; metric_samples: at most, from which the coordinates are taken; damping: `whitenings`).
    pull: share of its way back to the prior that each weight is moved after a step, falling with the rates (L2-SP, Li
    et al. 2018, arXiv 1802.01483, decoupled). warmup: share of the steps in which the rates rise; after it, half a
    cosine to the power `decay` (0: they stay). moves: which weights may change; noise_maps: constant
    noise too. batch: sampled latents at a step of the adversarial terms, which come every `interval` steps and are
    weighted by it; micro_batch: images in one pass of the generator and of the discriminator, the passes' gradients
    adding up (None: all in one). locality_batch: sampled latents at the steps between, for the locality term,
    near_share of them at w + α (w_z − w) with α uniform from near_alpha to 1, out of near_samples made once a
    photo; with near_radius that far from w instead (root mean square over the layers), towards a w_z truncated by
    near_psi; with near_moves the photo, edited (`sample_moved`). num_samples: the store of latents and images of the
    untouched generator. noise_share: of these, with noise of their own instead of the constant maps.
    discriminator: "joint" updates a copy of D with rate discriminator_lr and R1 (r1_gamma / 2 · ‖∇D‖² every r1_interval
    of its steps); "frozen" leaves it. reals: images for E_x, or the folder or zip that holds them; None: the untouched
    generator's. target_mse: stop at this error of the 8-bit image on [-1, 1]; target_lpips: or before a step on an
    image whose LPIPS, a term of the objective, is no more; max_seconds: of wall clock, which makes results depend on
    the machine. precision: of the convolutions while training. keep: the weights of the smallest error; or the last,
    as rows of an ablation need that do not ask for it, if the loss stayed finite.
    """

    def __init__(
        self,
        *,
        objective: Objective,
        steps: Positive,
        lr: Rate,
        betas: Annotated[list[Beta], Field(min_length=2, max_length=2)],
        optimizer: Optimizer = "adam",
        muon_lr: Rate = 0.004,
        muon_momentum: Beta = 0.95,
        whitened_lr: Rate = 0.00024,
        metric_samples: Positive = 600,
        damping: Rate = 0.01,
        pull: Annotated[float, Field(ge=0, lt=1)] = 0,
        warmup: Annotated[float, Field(ge=0, le=1)] = 0.05,
        decay: Annotated[float, Field(ge=0)] = 1,
        moves: Moves = "synthesis",
        noise_maps: bool = False,
        batch: Positive = 4,
        micro_batch: Positive | None = None,
        interval: Positive = 8,
        locality_batch: Annotated[int, Field(ge=0)] = 1,
        near_alpha: Annotated[float, Field(ge=0, le=1)] = 0.25,
        near_samples: Positive = 256,
        near_share: Annotated[float, Field(ge=0, le=1)] = 0,
        near_radius: Rate | None = None,
        near_psi: Annotated[float, Field(ge=0, le=1)] = 1,
        near_moves: Annotated[list[Rate], Field(min_length=2, max_length=2)] | None = None,
        noise_share: Annotated[float, Field(ge=0, le=1)] = 0.5,
        num_samples: Positive = 512,
        discriminator: Literal["joint", "frozen"] = "joint",
        discriminator_lr: Rate = 0.002,
        r1_gamma: Annotated[float, Field(ge=0)] = 0.1,
        r1_interval: Positive = 16,
        reals: str | Reals | None = None,
        target_mse: Annotated[float, Field(ge=0)] | None = None,
        target_lpips: Annotated[float, Field(ge=0)] | None = None,
        max_seconds: Annotated[float, Field(gt=0)] | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        progress: bool = True,
        log_interval: Positive = 10,
        keep: Literal["best", "last"] = "best",
    ) -> None:
        self.objective, self.num_samples, self.progress = objective, num_samples, progress
        self.reals: str | Reals | None = reals
        if isinstance(reals, str):
            list_pictures(reals)  # a mistake in the path shows before the first photo
        self.schedule = Schedule(
            steps=steps,
            optimizer=optimizer,
            lr=lr,
            betas=(betas[0], betas[1]),
            muon_lr=muon_lr,
            muon_momentum=muon_momentum,
            whitened_lr=whitened_lr,
            metric_samples=metric_samples,
            damping=damping,
            pull=pull,
            warmup=warmup,
            decay=decay,
            batch=batch,
            micro_batch=micro_batch,
            interval=interval,
            locality_batch=locality_batch,
            near_alpha=near_alpha,
            near_samples=near_samples,
            near_share=near_share,
            near_radius=near_radius,
            near_psi=near_psi,
            near_moves=None if near_moves is None else (near_moves[0], near_moves[1]),
            noise_share=noise_share,
            discriminator=discriminator,
            discriminator_lr=discriminator_lr,
            r1_gamma=r1_gamma,
            r1_interval=r1_interval,
            moves=moves,
            noise_maps=noise_maps,
            target_mse=target_mse,
            target_lpips=target_lpips,
            max_seconds=max_seconds,
            dtype=getattr(torch, precision),
            log_interval=log_interval,
            keep=keep,
        )
        self._manifold: tuple[str, int, Manifold] | None = None
        self._whitenings: tuple[str, int, dict[str, Whitening]] | None = None

    def __call__(self, *, prior: Prior, image: Tensor, latent: Latent, seed: int, name: str = "photo") -> Tuned:
        """`image` [3, R, R] in [-1, 1], `latent` of that one photo. The prior is left as it is."""
        self.fits(prior)
        generator = copy.deepcopy(prior.generator)
        noise = photo_noise(generator, latent, tuned=self.schedule.noise_maps)
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
            noise=noise,
            manifold=self._sampled(prior, seed) if self.objective.samples_manifold else None,
            reals=self._opened(generator.img_resolution),
            schedule=self.schedule,
            seed=seed,
            whitenings=self._whitened(prior, seed) if self.schedule.optimizer == "whitened_muon" else None,
        )
        started = time.perf_counter()
        fit(module, name=name, progress=self.progress)
        generator.to(image.device)  # Lightning leaves a module on the CPU
        restore(module)
        moved = moved_of(prior.generator, generator.requires_grad_(False))
        self._tell(module, name, is_moved=bool(moved))
        end = module.steps_done, time.perf_counter() - started, module.stopped
        return Tuned(generator.eval(), moved, module.curve, *end, pictures=module.snapshots.pictures)

    def fits(self, prior: Prior) -> None:
        """Refuse, with an InputError, a prior or real images that these settings cannot tune with."""
        if self.objective.weights["locality"] and not (self.schedule.locality_batch or self.objective.is_adversarial):
            raise InputError("tuner.locality_batch: 0 leaves the locality term out; set 1 or more, or loss.locality=0")
        if self.schedule.target_lpips is not None and not self.objective.weights["perceptual"]:
            raise InputError("tuner.target_lpips: LPIPS is no term here; choose loss=perceptual, or leave it null")
        if self.schedule.noise_maps and not has_noise_maps(prior.generator):
            raise InputError(f"tuner.noise_maps: {prior.name}'s generator has no noise maps to tune; set it to false")
        if not self.objective.is_adversarial:
            return
        self._opened(prior.generator.img_resolution)
        if prior.discriminator is None:
            raise InputError(
                f"{prior.name}: this prior has no discriminator, which the adversarial terms need; take one that has,"
                " or set loss.adversarial_local=0 loss.adversarial_global=0"
            )
        if prior.discriminator.c_dim:
            raise InputError(
                f"{prior.name}: its discriminator needs the photo's label, which nobody names; take a prior without"
                " labels, or set loss.adversarial_local=0 loss.adversarial_global=0"
            )
        group = prior.discriminator.group_size
        if self.schedule.batch % group:
            raise InputError(
                f"tuner.batch: {prior.name}'s discriminator looks at groups of {group} images, so a multiple of {group}"
                f" is needed, got {self.schedule.batch}"
            )

    def _tell(self, module: Tuner, name: str, *, is_moved: bool) -> None:
        """A word on a tuning that did not end as it should."""
        if module.stopped == "not finite":
            said = "%s: the loss is no longer finite; the best weights so far are kept: lower %s"
            log.warning(said, name, self._rates())
        elif module.stopped == "budget" and not is_moved and module.best_mse:  # 0: there was nothing to come closer to
            more = "tuner.steps" if module.steps_done == self.schedule.steps else "tuner.max_seconds"
            said = "%s: none of %d steps came closer, so the generator is as it was; raise %s or lower %s"
            log.warning(said, name, module.steps_done, more, self._rates())

    def _rates(self) -> str:
        """The settings of what may have diverged."""
        own = {"muon": ["muon_lr"], "whitened_muon": ["whitened_lr"]}
        names = ["lr", *own.get(self.schedule.optimizer, [])]
        names += ["discriminator_lr"] if self.objective.is_adversarial else []
        return " or ".join(f"tuner.{name}" for name in names)

    def _opened(self, resolution: int) -> Reals | None:
        if isinstance(self.reals, str):
            opened = RealImages(path=self.reals, resolution=resolution)
            assert len(opened.images)  # decoded now: what cannot be read shows before the first photo
            self.reals = opened
        return self.reals

    def _sampled(self, prior: Prior, seed: int) -> Manifold:
        """The same for every photo of a run, so it is made once."""
        if self._manifold is None or self._manifold[:2] != (prior.fingerprint, seed):
            s, count = self.schedule, min(self.num_samples, self.schedule.draws())
            made = sample_manifold(prior.generator, count=count, noise_share=s.noise_share, seed=seed)
            self._manifold = (prior.fingerprint, seed, made)
        return self._manifold[2]

    def _whitened(self, prior: Prior, seed: int) -> dict[str, Whitening]:
        """The same for every photo of a run, so they are made once; of no more samples than its steps will draw."""
        if self._whitenings is None or self._whitenings[:2] != (prior.fingerprint, seed):
            s, count = self.schedule, min(self.schedule.metric_samples, self.schedule.draws())
            log.info("whitening by %d samples, once a run", count)
            how = {"damping": s.damping, "noise_share": s.noise_share, "batch": s.micro_batch or BATCH}
            self._whitenings = (prior.fingerprint, seed, whitenings(prior.generator, count=count, seed=seed, **how))
            log.info("whitened; tuning, at most %d steps a photo", s.steps)
        return self._whitenings[2]
