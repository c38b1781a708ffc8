"""The LightningModule that fine-tunes a generator around one photo."""

import math
import time

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from ..dataset.pixels import to_float, to_uint8
from ..generator.discriminator import Discriminator
from ..generator.family import Generator
from ..loss.objective import Images, Objective
from .manifold import Manifold, Reals
from .near import around
from .noise import PHOTO, noise_maps
from .optimizers import discriminator_optimizer, generator_optimizers
from .parameters import copied
from .passes import in_passes
from .settings import Schedule
from .snapshots import Snapshots
from .whitening import Whitening


class Tuner(pl.LightningModule):
    """L_total = 1_p [L_recon + L_adv_local] + L_global, a step at a time.

    Holds finished objects and numbers. `generator` and `discriminator` are copies that may change; `moving` are the
    generator's tensors that do. Manual optimisation: the generator's step, then the discriminator's.
    """

    def __init__(
        self,
        *,
        generator: Generator,
        untouched: Generator,
        discriminator: Discriminator | None,
        objective: Objective,
        moving: dict[str, nn.Parameter],
        photo: Tensor,
        ws: Tensor,
        noise: dict[str, Tensor] | None,
        manifold: Manifold | None,
        reals: Reals | None,
        schedule: Schedule,
        seed: int,
        whitenings: dict[str, Whitening] | None = None,
    ) -> None:
        """`photo` [1, 3, R, R] in [-1, 1], `ws` [1, num_ws, w_dim]; `noise` the photo's own maps [1, r, r], if any."""
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator, self.objective = generator, discriminator, objective
        self._untouched = [untouched]  # in a list, so that Lightning neither moves nor counts it
        self.moving, self.photo, self.ws, self.schedule = moving, photo, ws, schedule
        if discriminator is not None:
            discriminator.micro_batch = schedule.micro_batch
        self.noise, self.manifold, self.reals = noise or {}, manifold, reals or manifold
        self.around: Manifold | None = None
        self.moves_mapping = any(name.startswith("mapping.") for name in moving)
        self.random = torch.Generator().manual_seed(seed)
        self.curve: list[dict[str, float]] = []
        self.snapshots = Snapshots()
        self.start = copied(self.moving)
        self.best_mse, self.best = math.inf, self.start
        self.stopped, self.whitenings = "budget", whitenings or {}
        self.started, self.steps_done = time.perf_counter(), 0

    def configure_optimizers(self) -> list[Optimizer]:
        """G's, then, where D is updated, D's."""
        optimizers = generator_optimizers(self.moving, self.schedule, whitenings=self.whitenings)
        self.num_generator_optimizers = len(optimizers)
        if self.schedule.discriminator == "joint" and self.discriminator is not None:
            optimizers.append(discriminator_optimizer(self.discriminator, self.schedule))
        self.peak_rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
        return optimizers

    def training_step(self, batch: int, batch_idx: int) -> None:
        """One step of G and, at the manifold's steps, of D."""
        chosen = self.optimizers()
        optimizers: list[LightningOptimizer] = chosen if isinstance(chosen, list) else [chosen]  # pyright: ignore
        self.steps_done = batch_idx + 1
        is_on = self.objective.draw(self.random)  # 1_p
        is_adversarial = self.objective.is_adversarial and batch_idx % self.schedule.interval == 0
        count = self._count(is_adversarial=is_adversarial)
        if not (is_on or count):
            return
        factor = self._anneal(optimizers, batch_idx)
        images = self._render(is_on=is_on, is_adversarial=is_adversarial, count=count)
        own, others = optimizers[: self.num_generator_optimizers], optimizers[self.num_generator_optimizers :]
        judge = self.discriminator if is_adversarial else None
        terms = self._step_generator(own, images, judge=judge, factor=factor)
        if others and is_adversarial:
            terms |= self._step_discriminator(others[0], images, batch_idx)
        self._record(terms, batch_idx)

    def _anneal(self, optimizers: list, step: int) -> float:
        """Set the rates of this step; -> their share of the peak."""
        factor = self.schedule.factor(step, seconds=time.perf_counter() - self.started)
        for optimizer, lr in zip(optimizers, self.peak_rates, strict=True):
            optimizer.param_groups[0]["lr"] = factor * lr
        return factor

    @torch.no_grad()
    def _pull(self, factor: float) -> None:
        """A little of the way back to the prior, which nothing but the objective resists."""
        if self.schedule.pull:
            for name, value in self.moving.items():
                value.lerp_(self.start[name], factor * self.schedule.pull)

    def _count(self, *, is_adversarial: bool) -> int:
        """How many latents are sampled at this step."""
        between = self.schedule.locality_batch if self.objective.weights["locality"] else 0
        return self.schedule.batch if is_adversarial else between

    def _render(self, *, is_on: bool, is_adversarial: bool, count: int) -> Images:
        """One pass of the generator over the photo's latent and `count` sampled ones."""
        ws, seeds, untouched, real = [self.ws] * is_on, [torch.tensor([PHOTO])] * is_on, None, None
        if count and self.manifold is not None and self.reals is not None:
            near = 0 if is_adversarial else self.schedule.near(self.steps_done - 1)
            sampled, untouched, own = self._sample(count, near=near)
            ws, seeds = [*ws, sampled], [*seeds, own]
            real = self.reals.sample(count, generator=self.random).to(self.photo) if is_adversarial else None
        images = self.synthesise(torch.cat(ws), torch.cat(seeds), dtype=self.schedule.dtype)
        return Images(
            photo=self.photo if is_on else None,
            reconstruction=images[:1] if is_on else None,
            generated=images[int(is_on) :] if count else None,
            untouched=untouched,
            real=real,
        )

    def synthesise(self, ws: Tensor, seeds: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Images at `ws` with the noise of `seeds` [N]."""
        maps = noise_maps(self.generator, seeds, photo=self.noise)
        return in_passes(self.generator, ws, maps=maps, size=self.schedule.micro_batch, dtype=dtype)

    def at_photo(self) -> Tensor:
        """The photo's image as it would be saved, before it is rounded.  # [1, 3, R, R]"""
        return self.synthesise(self.ws, torch.tensor([PHOTO]))

    def _sample(self, count: int, *, near: int) -> tuple[Tensor, Tensor, Tensor]:
        """Latents, the untouched generator's images there and the seeds of their noise; `near` of them near the photo.

        -> [count, num_ws, w_dim], [count, 3, R, R], [count]
        """
        assert self.manifold is not None
        chosen = self.manifold.draw(count, generator=self.random)
        ws, images, seeds = self.manifold.take(chosen)
        if self.moves_mapping:
            ws = self.manifold.mapped(chosen, self.generator.mapping)
        if not near:
            return ws, images, seeds
        close = self._near()
        own = close.take(close.draw(near, generator=self.random))
        return tuple(torch.cat([one, rest[near:]]) for one, rest in zip(own, (ws, images, seeds), strict=True))  # pyright: ignore

    def _near(self) -> Manifold:
        """Samples around the photo, made when they are first asked for."""
        if self.around is None:
            assert self.manifold is not None
            tuned = ((name, value[None]) for name, value in self.start.items() if "noise_const" in name)
            noise = self.noise or {name.removeprefix("synthesis."): value for name, value in tuned}
            own = {"photo": self.photo, "ws": self.ws, "noise": noise}
            self.around = around(self.manifold, self._untouched[0], **own, schedule=self.schedule, random=self.random)
        return self.around

    def _step_generator(
        self, optimizers: list[LightningOptimizer], images: Images, *, judge: Discriminator | None, factor: float
    ) -> dict[str, Tensor]:
        if judge is not None:
            judge.requires_grad_(False)
        terms = self.objective.generator_terms(images, judge, dtype=self.schedule.dtype)
        if not terms:
            self._keep(images)
            return {}
        total = self.objective.total(terms, interval=self.schedule.interval)
        for optimizer in optimizers:
            optimizer.zero_grad()
        if not torch.isfinite(total):
            self._stop("not finite")
            return {"total": total} | terms
        self._keep(images)
        if self.schedule.is_near_enough(terms):
            self._stop("target")
        else:
            self.manual_backward(total)
            for optimizer in optimizers:
                optimizer.step()
            self._pull(factor)
        return {"total": total} | terms

    def _step_discriminator(self, optimizer: LightningOptimizer, images: Images, step: int) -> dict[str, Tensor]:
        assert self.discriminator is not None
        self.discriminator.requires_grad_(True)
        dtype, s = self.schedule.dtype, self.schedule
        terms = self.objective.discriminator_terms(images, self.discriminator, dtype=dtype)
        if not terms:
            return {}
        total = torch.stack([term.mean() for term in terms.values()]).sum()
        if s.r1_gamma and (step // s.interval) % s.r1_interval == 0:
            # Lazy regularisation: γ/2 · R1, as often as it is left out (StyleGAN2, section 3.1).
            terms["r1"] = self.objective.penalty(images, self.discriminator, dtype=dtype)
            total = total + s.r1_gamma / 2 * s.r1_interval * terms["r1"].mean()
        optimizer.zero_grad()
        if not torch.isfinite(total):
            self._stop("not finite")
        else:
            self.manual_backward(total)
            optimizer.step()
        return terms

    @torch.no_grad()
    def _keep(self, images: Images) -> None:
        """Keep the weights with which the photo came out best so far, and stop once it is good enough."""
        image = images.reconstruction
        if image is None or not torch.isfinite(image).all():
            return
        if self.schedule.dtype is not torch.float32:  # what is saved is rendered in float32
            if (self.steps_done - 1) % self.schedule.log_interval:
                return
            image = self.at_photo()
        pixels = to_uint8(image)
        self.snapshots.show(pixels, step=self.steps_done - 1)
        mse = (to_float(pixels) - self.photo).square().mean().item()
        if mse < self.best_mse:
            self.best_mse, self.best = mse, copied(self.moving)
        if self.schedule.target_mse is not None and mse <= self.schedule.target_mse:
            self._stop("target")

    def _stop(self, why: str) -> None:
        if not self.trainer.should_stop:
            self.stopped = why
        self.trainer.should_stop = True

    def _record(self, terms: dict[str, Tensor], step: int) -> None:
        """Log by name; mse and psnr are those of the best weights so far, on the 8-bit image."""
        seconds = time.perf_counter() - self.started
        if self.schedule.max_seconds is not None and seconds > self.schedule.max_seconds:
            self._stop("budget")
        if step % self.schedule.log_interval and not self.trainer.should_stop:
            return
        row = {name: float(value.detach().mean()) for name, value in terms.items()}
        if math.isfinite(self.best_mse):
            # Peak 2 on [-1, 1]: PSNR = 10 log10(4 / MSE).
            row |= {"mse": self.best_mse, "psnr": 10 * math.log10(4 / max(self.best_mse, 1e-10))}
        self.curve.append({"step": step, "seconds": seconds} | row)
        self.log_dict({name: row.pop(name) for name in ("mse", "psnr") if name in row}, prog_bar=True)
        self.log_dict(row)
