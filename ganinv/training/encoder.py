"""The LightningModule that trains an encoder of a generator, which stays as it is."""

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam, Optimizer

from ..dataset.pixels import to_float
from ..generator.checkpoint import Prior
from ..inverter.networks.encoder import Encoder
from ..inverter.schedule import lr_at
from ..tuner.muon import Muon
from ..tuner.parameters import is_matrix
from . import ema
from .encoder_loss import EncoderObjective, Reached
from .latent_discriminator import LatentDiscriminator, Pool
from .resumable import Resumable
from .vary import Vary

SAMPLES = 4096  # z for the variance of w


@dataclass(frozen=True, kw_only=True)
class EncoderSchedule:
    """The numbers of an encoder's training, as `TrainEncoder` documents them."""

    steps: int
    batch: int = 8
    refinements: int = 5
    single: float = 0.0
    vary: float = 0.0
    sampled: float = 0.5
    optimizer: Literal["muon", "adam"] = "adam"
    lr: float = 1e-4
    muon_lr: float = 3e-4
    muon_momentum: float = 0.95
    rampup: float = 0.01
    rampdown: float = 0.5
    clip: float = 10.0
    decay: float = 0.999
    deltas_from: int = 0
    deltas_every: int = 0
    discriminator_lr: float = 2e-5
    r1_gamma: float = 10.0
    r1_interval: int = 16
    pool: int = 50
    dtype: torch.dtype = torch.float32

    def layers(self, step: int, *, num_ws: int) -> int:
        """How many layers have a w of their own at `step`, of an encoder with deltas."""
        if step < self.deltas_from:
            return 1
        return num_ws if not self.deltas_every else min(num_ws, 2 + (step - self.deltas_from) // self.deltas_every)

    def passes(self, step: int) -> int:
        """Refinements at `step` of an encoder that sees what it has reached: one at first, then evenly more."""
        if self.single == 0:
            return self.refinements
        if (done := step / self.steps) < self.single:
            return 1
        share = (done - self.single) / (1 - self.single) if self.single < 1 else 1.0
        return min(self.refinements, 2 + int(share * (self.refinements - 1)))


class EncoderTraining(Resumable):
    """wₜ₊₁ = wₜ + E(x, G(wₜ)) with a loss at each t; no gradient passes from one t to the one before.

    `average` is the encoder that is kept.
    """

    schedule: EncoderSchedule
    variance: Tensor  # [w_dim] of the generator's w

    def __init__(
        self, *, encoder: Encoder, prior: Prior, objective: EncoderObjective, schedule: EncoderSchedule, seed: int
    ) -> None:
        super().__init__(schedule=schedule, seed=seed)
        self.encoder = encoder.train().requires_grad_(True)
        self.average = copy.deepcopy(encoder).eval().requires_grad_(False)
        self._generator = (prior.generator,)  # in a tuple, so that Lightning neither moves nor counts it
        self.objective, self._vary = objective, Vary(schedule.vary)
        w_dim, has_discriminator = encoder.architecture.w_dim, objective.weights["adversarial"] > 0
        self.discriminator = LatentDiscriminator(w_dim=w_dim) if has_discriminator else None
        self.encoded, self.mapped = (Pool(size=schedule.pool, w_dim=w_dim) for _ in range(2))
        self.register_buffer("variance", _variance(prior))

    def configure_optimizers(self) -> list[Optimizer]:
        """The encoder's, then, where there is one, the latent discriminator's."""
        s, weights = self.schedule, list(self.encoder.parameters())
        matrices = [weight for weight in weights if s.optimizer == "muon" and is_matrix(weight)]
        rest = [weight for weight in weights if not any(weight is matrix for matrix in matrices)]
        optimizers: list[Optimizer] = [Adam(rest, lr=s.lr)]
        if matrices:
            optimizers.append(Muon(matrices, lr=s.muon_lr, momentum=s.muon_momentum, refresh=1))
        if self.discriminator is not None:
            optimizers.append(Adam(self.discriminator.parameters(), lr=s.discriminator_lr))
        return optimizers

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        """A step on real photos, uint8 [N, 3, R, R], of which a share gives way to samples of the generator."""
        self.draw_anew()
        chosen: Any = self.optimizers()
        optimizers: list[LightningOptimizer] = chosen if isinstance(chosen, list) else [chosen]
        photos, known = self._with_samples(self._vary(to_float(batch)))
        encoders = optimizers if self.discriminator is None else optimizers[:-1]
        ws = self._step_encoder(encoders, photos, known)
        if self.discriminator is not None:
            self._step_discriminator(optimizers[-1], ws)
        self._follow()
        self.steps_done += 1

    @torch.no_grad()
    def _with_samples(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """The first of `photos` replaced by the generator's images -> all of them, and the samples' latents."""
        generator, count = self._generator[0], round(self.schedule.sampled * len(photos))
        known = generator.mapping(torch.randn(count, generator.z_dim, device=photos.device))
        return torch.cat([self.render(known), photos[count:]]), known

    def _step_encoder(self, optimizers: list[LightningOptimizer], photos: Tensor, known: Tensor) -> Tensor:
        """One step of the optimisers for the gradients of all refinements -> the last latents, without a gradient."""
        layers = self.layers
        self._prepare(optimizers)
        self._hold_statistics()
        self._discriminator_learns(False)
        start = self.start()
        ws, image = start.expand(len(photos), -1, -1), self.render(start).expand_as(photos)
        for _ in range(self.passes(self.steps_done)):
            ws = ws.detach() + self._offsets(photos, image.detach())
            image = self.render(ws)
            at = Reached(photo=photos, image=image, ws=ws, start=start, known=known, layers=layers)
            terms = self.objective.terms(at, variance=self.variance, discriminator=self.discriminator)
            total = self.objective.total(terms)
            self.manual_backward(total)  # into the gradients of the refinements before
        self.means.note(total=total, **{name: values.mean() for name, values in terms.items()})
        clip_grad_norm_(self.encoder.parameters(), self.schedule.clip)
        for optimizer in optimizers:
            optimizer.step()
        return ws.detach()

    def _prepare(self, optimizers: list[LightningOptimizer]) -> None:
        """No gradients, and the rates of this step."""
        s = self.schedule
        share = lr_at(self.steps_done, num_steps=s.steps, lr=1.0, rampup=s.rampup, rampdown=s.rampdown)
        for optimizer in optimizers:
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = optimizer.optimizer.defaults["lr"] * share

    def _hold_statistics(self) -> None:
        """Batch norm's statistics stay once there are more passes than one at first.

        A later pass sees other images than the first; running statistics of both fit neither.
        """
        held = self.schedule.single > 0 and self.passes(self.steps_done) > 1
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not held)

    def _offsets(self, photos: Tensor, reached: Tensor) -> Tensor:
        self.encoder.use(self.layers)
        is_half = self.schedule.dtype is not torch.float32
        with torch.autocast(photos.device.type, dtype=self.schedule.dtype if is_half else None, enabled=is_half):
            return self.encoder(photos, reached if self.encoder.is_residual else None).float()

    def passes(self, step: int) -> int:
        """Refinements at `step`; one where the encoder does not see what it has reached."""
        return self.schedule.passes(step) if self.encoder.is_residual else 1

    @property
    def passes_trained(self) -> int:
        """Those of the last step that is done."""
        return self.passes(max(self.steps_done - 1, 0))

    @property
    def layers(self) -> int:
        """How many layers have a w of their own at this step."""
        num_ws = self.encoder.architecture.num_ws
        return self.schedule.layers(self.steps_done, num_ws=num_ws) if self.encoder.architecture.deltas else num_ws

    def start(self) -> Tensor:
        """Where the encoder starts from: the mean latent.  # [1, num_ws, w_dim]"""
        generator = self._generator[0]
        return generator.mapping.w_avg.expand(1, generator.num_ws, -1)

    def render(self, ws: Tensor) -> Tensor:
        """The generator's images at `ws` [N, num_ws, w_dim], with its constant noise.  # [N, 3, R, R]"""
        return self._generator[0].synthesis(ws, noise_mode="const", dtype=self.schedule.dtype).float()

    def _step_discriminator(self, optimizer: LightningOptimizer, ws: Tensor) -> None:
        """The latent discriminator on one layer of each latent, and on mapped z, both with some of earlier steps."""
        assert self.discriminator is not None
        s, generator = self.schedule, self._generator[0]
        random = torch.Generator().manual_seed(int(torch.randint(2**31, [])))
        layers = torch.randint(self.layers, [len(ws)], generator=random).to(ws.device)
        fake = self.encoded.exchange(ws[torch.arange(len(ws), device=ws.device), layers], random=random)
        with torch.no_grad():
            mapped = generator.mapping(torch.randn(len(ws), generator.z_dim, device=ws.device))[:, 0]
        real = self.mapped.exchange(mapped, random=random)
        self._discriminator_learns(True)
        loss = self.discriminator.loss(real, fake)
        self.means.note(loss_latent_d=loss)
        if self.steps_done % s.r1_interval == 0:
            loss = loss + s.r1_gamma / 2 * s.r1_interval * self.discriminator.penalty(real)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def _discriminator_learns(self, learns: bool) -> None:
        if self.discriminator is not None:
            self.discriminator.requires_grad_(learns)

    def _follow(self) -> None:
        """The average moves towards the encoder, faster at first."""
        share = min(self.schedule.decay, (1 + self.steps_done) / (10 + self.steps_done))
        ema.average(self.average, self.encoder, decay=share)
        self.average.use(self.layers)


@torch.no_grad()
def _variance(prior: Prior) -> Tensor:
    """Of the generator's w.  # [w_dim]"""
    mapping = prior.generator.mapping
    z = torch.randn(SAMPLES, mapping.z_dim, generator=torch.Generator().manual_seed(0))
    return mapping(z.to(mapping.w_avg.device))[:, 0].var(dim=0)
