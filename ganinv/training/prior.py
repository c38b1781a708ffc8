"""The LightningModule that trains a generator against its discriminator."""

import math
from typing import Any

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ..dataset.pixels import to_float
from ..generator.stylegan2 import mix_styles
from ..loss.adversarial import discriminator_loss, generator_loss, r1_penalty
from . import ema
from .augment import Adaptive, Augment
from .devices import mean_of_all
from .regularise import path_lengths, path_penalty
from .resumable import Resumable
from .schedule import Schedule
from .start import Networks


class PriorTraining(Resumable):
    """Non-saturating logistic loss, lazy R1 and path-length regularisation, an average of G."""

    schedule: Schedule
    path_mean: Tensor
    signs: Tensor

    def __init__(self, *, networks: Networks, schedule: Schedule, seed: int, adaptive: Adaptive | None = None) -> None:
        """`adaptive`: how much images are augmented on their way to D; None: not at all."""
        super().__init__(schedule=schedule, seed=seed)
        self.generator = networks.generator.train().requires_grad_(True)
        self.average = networks.average.eval().requires_grad_(False)
        self.discriminator = networks.discriminator.train().requires_grad_(True)
        self.generator.mapping.w_avg_beta = schedule.w_avg_beta
        self.adaptive, self.augment = adaptive, Augment()
        self.p = adaptive.start if adaptive else 0.0
        self.register_buffer("signs", torch.zeros([]))  # sum of E[sign D(x)] since p was last changed
        # A trained network starts from its own path lengths: the way up from 0 would shorten them.
        self.register_buffer("path_mean", torch.tensor(math.nan if networks.before is not None else 0.0))
        wrap = torch.compile if schedule.compile else lambda network: network
        # Not where second derivatives are taken, which compiled code has none of. In a tuple, so not registered twice.
        self._fast = (wrap(self.generator.synthesis), wrap(self.discriminator))

    def configure_optimizers(self) -> list[Optimizer]:
        """G's and D's."""
        s = self.schedule
        return [
            lazy_adam(self.generator, lr=s.lr, betas=s.betas, interval=s.path_interval if s.path_weight else None),
            lazy_adam(self.discriminator, lr=s.lr, betas=s.betas, interval=s.r1_interval if s.r1_gamma else None),
        ]

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        """`batch` uint8 [N, 3, R, R]: a step of G, one of D, and their regularisation where it is due."""
        self.draw_anew()
        chosen: Any = self.optimizers()
        real, s = to_float(batch), self.schedule
        fake = self._step_generator(chosen[0], len(real))
        if s.path_weight and self.steps_done % s.path_interval == 0:
            self._step_path(chosen[0], max(len(real) // s.path_shrink, 1))
        seen = self._step_discriminator(chosen[1], real, fake)
        if s.r1_gamma and self.steps_done % s.r1_interval == 0:
            self._step_r1(chosen[1], seen)
        share = ema.decay(images=self.images_done, batch=s.batch, kimg=s.ema_kimg, rampup=s.ema_rampup)
        ema.average(self.average, self.generator, decay=share)
        self.steps_done += 1
        self._adapt()

    def latents(self, count: int) -> Tensor:
        """Mapped z, most of them mixed of two.  # [count, num_ws, w_dim]"""
        mapping = self.generator.mapping
        ws = mapping(torch.randn(count, mapping.z_dim, device=self.device))
        mapping.update_w_avg(ws[:, 0].detach())
        if torch.rand([]) >= self.schedule.mixing:
            return ws
        crossover = int(torch.randint(1, self.generator.num_ws, []))
        other = mapping(torch.randn(count, mapping.z_dim, device=self.device))
        return mix_styles(ws, other, crossover=crossover)

    def _step_generator(self, optimizer: LightningOptimizer, count: int) -> Tensor:
        """A step of G; its images, before it, for D.  # [count, 3, R, R]"""
        synthesis, discriminator = self._fast
        self._turn(self.generator)
        fake = synthesis(self.latents(count), noise_mode="random", dtype=self.schedule.dtype)
        logits = discriminator(self.augment(fake, self.p), dtype=self.schedule.dtype)
        loss = generator_loss(logits).mean()
        self._step(optimizer, loss)
        self.means.note(loss_g=loss)
        return fake.detach()

    def _step_path(self, optimizer: LightningOptimizer, count: int) -> None:
        s = self.schedule
        ws = self.latents(count)
        images = self.generator.synthesis(ws, noise_mode="random", dtype=s.dtype)
        lengths = path_lengths(images, ws, torch.randn_like(images))
        with torch.no_grad():
            now = mean_of_all(lengths.mean())
            self.path_mean.copy_(torch.where(self.path_mean.isnan(), now, self.path_mean.lerp(now, s.path_decay)))
        # Lazy regularisation: as often as it is left out (StyleGAN2, section 3.1).
        self._step(optimizer, s.path_weight * s.path_interval * path_penalty(lengths, self.path_mean).mean())
        self.means.note(path_length=now)

    def _step_discriminator(self, optimizer: LightningOptimizer, real: Tensor, fake: Tensor) -> Tensor:
        """A step of D; the real images as it saw them."""
        _, discriminator = self._fast
        self._turn(self.discriminator)
        real, fake = self.augment(real, self.p), self.augment(fake, self.p)
        on_real = discriminator(real, dtype=self.schedule.dtype)
        on_fake = discriminator(fake, dtype=self.schedule.dtype)
        loss = discriminator_loss(on_real, on_fake).mean()
        self._step(optimizer, loss)
        sign = on_real.detach().sign().mean()
        self.signs += mean_of_all(sign)
        self.means.note(loss_d=loss, logit_real=on_real.mean(), logit_fake=on_fake.mean(), sign_real=sign)
        return real

    def _step_r1(self, optimizer: LightningOptimizer, real: Tensor) -> None:
        """R1 at the augmented images: kornia's warps have no second derivative, so not through the augmentation."""
        s = self.schedule
        penalty = r1_penalty(self.discriminator, real, dtype=s.dtype).mean()
        self._step(optimizer, s.r1_gamma / 2 * s.r1_interval * penalty)
        self.means.note(r1=penalty)

    def _adapt(self) -> None:
        """Change p, every few steps."""
        if self.adaptive is not None and self.steps_done % self.adaptive.interval == 0:
            sign = float(self.signs) / self.adaptive.interval
            self.p = self.adaptive.next_p(self.p, sign, self.adaptive.interval * self.schedule.batch)
            self.signs.zero_()

    def _turn(self, trained: nn.Module) -> None:
        """Gradients for one network's weights, none for the other's."""
        for network in (self.generator, self.discriminator):
            network.requires_grad_(network is trained)

    def _step(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def report(self) -> dict[str, float]:
        """Means of the terms since the last report."""
        row = super().report()
        return row if self.adaptive is None else row | {"p": self.p}

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return super().state() | {"p": self.p}

    def resume(self, state: dict[str, Any]) -> None:
        """Take `state` up."""
        super().resume(state)
        self.p = state["p"] if self.adaptive else 0.0


# c = k / (k + 1): rate × c and β^c, since k steps come with one more for the regulariser (StyleGAN2, appendix B)
def lazy_adam(network: nn.Module, *, lr: float, betas: tuple[float, float], interval: int | None) -> Adam:
    """Adam of a network that is regularised every `interval` steps, in steps of their own; None: never."""
    c = 1 if interval is None else interval / (interval + 1)
    return Adam(network.parameters(), lr=lr * c, betas=(betas[0] ** c, betas[1] ** c), fused=True)
