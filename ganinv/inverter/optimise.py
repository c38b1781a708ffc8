"""The projector: a latent by optimisation in Z, W, W+ or P_N+, and of the noise maps if asked.

Start, schedules and noise regularisation are those of Karras et al. 2020 (arXiv 1912.04958, appendix D), as in
stylegan2-ada-pytorch. Ours: the loss, for which the prior's own discriminator is enough; Z and W+; many photos at once.
"""

import logging
import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.discriminator import Discriminator
from ..generator.family import Generator, has_noise_maps
from ..generator.layers import normalise_second_moment
from ..loss.feature import LPIPS
from . import noise as noise_maps
from .criterion import Criterion, Weights
from .latent import Inverter, Latent
from .mean import Mean
from .p_norm import PNorm
from .schedule import lr_at, noise_at

logger = logging.getLogger(__name__)

NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Callback = Callable[[int, int, float], None]  # steps done, of how many, mean loss of the photos


class Optimise:
    """Adam on the latents of all photos at once; each photo's latent is what it would be alone.

    space: "z", "w" (one w for all layers) or "w+" (one for each). start: another inverter, as an encoder, at whose
    latent a photo starts; None: the mean latent. steps: 0 gives the start. lr: its peak.
    num_samples: random z from which the latents' deviation is estimated. initial_noise: what is added to the latent at
    the first step, in that deviation; gone after the share `noise_ramp` of the steps. lr_rampup, lr_rampdown: shares of
    the steps. optimise_noise: the noise maps are variables too, kept in the result; noise_regularisation: the weight of
    their regulariser. l1_weight, mse_weight, lpips_weight: the loss, mean absolute and mean squared difference on
    [-1, 1] and LPIPS; feature_weight: distance in the features of the prior's own discriminator (`feature_matching`);
    p_norm_weight: how far w lies from those that the mapping makes (`PNorm`), in W and W+. lpips: a finished network;
    None: AlexNet's where its weight is not 0. dtype: precision of the generator's convolutions. The latent is that of
    the last step: by then no noise is added, and the learning rate is near 0.
    """

    def __init__(
        self,
        *,
        space: Literal["z", "w", "w+"] = "w",
        steps: Annotated[int, Field(ge=0)] = 100,
        lr: Annotated[float, Field(gt=0)] = 0.1,
        num_samples: Annotated[int, Field(ge=2)] = 10_000,
        initial_noise: NotNegative = 0.05,
        noise_ramp: Share = 0.75,
        lr_rampup: Share = 0.05,
        lr_rampdown: Share = 0.25,
        optimise_noise: bool = False,
        noise_regularisation: NotNegative = 1e5,
        l1_weight: NotNegative = 1.0,
        mse_weight: NotNegative = 0.0,
        lpips_weight: NotNegative = 0.0,
        feature_weight: NotNegative = 0.0,
        p_norm_weight: NotNegative = 0.0,
        lpips: LPIPS | None = None,
        dtype: Literal["float32", "bfloat16"] = "float32",
        start: Inverter | None = None,
    ) -> None:
        if l1_weight == mse_weight == lpips_weight == feature_weight == 0:
            raise InputError(
                "l1_weight, mse_weight, lpips_weight, feature_weight: all are 0, so nothing draws to the photo; set one"
                " above 0"
            )
        if p_norm_weight and space == "z":
            raise InputError(
                "p_norm_weight: z gives the mapping's own w, so nothing is to be held; set it to 0, or take inverter=z"
            )
        if start is not None and space == "z":
            raise InputError("start: an inverter gives w, from which no z is known; set space to w or w+, or no start")
        self.space, self.steps, self.num_samples, self.start = space, steps, num_samples, start
        self.lr = {"lr": lr, "rampup": lr_rampup, "rampdown": lr_rampdown}
        self.jitter = {"noise": initial_noise, "ramp": noise_ramp}
        self.optimise_noise = optimise_noise
        self.weights = Weights(
            l1=l1_weight,
            mse=mse_weight,
            lpips=lpips_weight,
            feature=feature_weight,
            p_norm=p_norm_weight,
            noise_regularisation=noise_regularisation,
        )
        self.lpips = LPIPS() if lpips_weight and lpips is None else lpips
        self.dtype = getattr(torch, dtype)
        self._is_said = False

    def fits(self, prior: Prior) -> None:
        """Its start must, and where features are compared there must be a discriminator."""
        if self.start is not None:
            self.start.fits(prior)
        self._judge(prior)

    def _judge(self, prior: Prior) -> Discriminator | None:
        """Whose features are compared, if they are."""
        if self.weights.feature and prior.discriminator is None:
            raise InputError(
                f"inverter.feature_weight: {prior.name} has no discriminator whose features could be compared; set it"
                " to 0, or take inverter=w"
            )
        return prior.discriminator if self.weights.feature else None

    def _tell(self) -> None:
        """Once a run, as a start takes a while and has no bar."""
        if not self._is_said:
            held = ", held near the mapping's" if self.weights.p_norm else ""
            logger.info("initial latents in %s%s, steps: %d", self.space.upper(), held, self.steps)
            self._is_said = True

    def __call__(
        self,
        *,
        prior: Prior,
        images: Tensor,
        seed: int,
        names: list[str] | None = None,
        callback: Callback | None = None,
    ) -> Latent:
        """See `Inverter`; `callback(step, num_steps, loss)` is called after each step."""
        generator = prior.generator
        self._check(images, generator)
        judge = self._judge(prior)
        first = (self.start or Mean())(prior=prior, images=images, seed=seed, names=names)
        if not self.steps:
            return first
        self._tell()
        # On the CPU, one stream for all photos: neither the device nor a photo's place changes what it gets.
        rng = torch.Generator().manual_seed(seed)
        start, deviation, p_norm = self._start(generator, rng)
        latent = start.repeat(len(images), 1, 1) if self.start is None else self._warm(first.ws)
        latent.requires_grad_()
        maps = noise_maps.fresh(generator.synthesis, count=len(images), rng=rng) if self.optimise_noise else {}
        criterion = Criterion(
            target=images,
            weights=self.weights,
            lpips=self.lpips,
            discriminator=judge,
            p_norm=p_norm,
        )
        with torch.enable_grad():
            self._descend(generator, criterion, latent, maps, deviation=deviation, rng=rng, callback=callback)
        return self._result(generator, latent.detach(), maps)

    def _check(self, images: Tensor, generator: Generator) -> None:
        side = generator.img_resolution
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise InputError(f"images: expected [N, 3, {side}, {side}] for this generator, got {list(images.shape)}")
        if self.weights.p_norm and self.num_samples <= generator.w_dim:
            raise InputError(
                f"inverter.num_samples: {self.num_samples} are too few for P_N+, whose axes need more than the"
                f" {generator.w_dim} dimensions of w; set 10000"
            )
        if self.space == "z" and generator.c_dim:
            raise InputError(
                "inverter.space: z needs the photo's label, which this generator has and nobody names; use w or w+"
            )
        if self.optimise_noise and not has_noise_maps(generator):
            raise InputError("inverter.optimise_noise: this generator has no noise maps to optimise; set it to false")

    @torch.no_grad()
    def _start(self, generator: Generator, rng: torch.Generator) -> tuple[Tensor, float, PNorm | None]:
        """The latent that all photos start from [1, 1 or num_ws, dim], the deviation and the axes of random ones.

        In Z, which has no mean that maps to w_avg, the start is the sample whose w comes closest to it.
        """
        w_avg = generator.mapping.w_avg
        z = torch.randn(self.num_samples, generator.z_dim, generator=rng).to(w_avg.device)
        w = generator.mapping(z, _labels(generator, rng, count=self.num_samples))[:, 0]
        if self.space == "z":
            nearest = (w - w_avg).square().sum(dim=1).argmin()
            return normalise_second_moment(z[nearest][None])[None], math.sqrt(generator.z_dim), None
        # w_std = (E |w − E w|²)^½, summed over the dimensions
        deviation = (w - w.mean(dim=0)).square().sum(dim=1).mean().sqrt()
        p_norm = PNorm.of(w) if self.weights.p_norm else None
        return w_avg.repeat(1, generator.num_ws if self.space == "w+" else 1, 1), deviation.item(), p_norm

    def _warm(self, ws: Tensor) -> Tensor:
        """Where another inverter has led; its layers' mean in W.  # [N, 1 or num_ws, dim]"""
        return ws.mean(dim=1, keepdim=True) if self.space == "w" else ws.clone()

    def _descend(
        self,
        generator: Generator,
        criterion: Criterion,
        latent: Tensor,
        maps: dict[str, Tensor],
        *,
        deviation: float,
        rng: torch.Generator,
        callback: Callback | None,
    ) -> None:
        """Move `latent` [N, 1 or num_ws, dim] and `maps` [N, 1, r, r] in place, to where `criterion` is small."""
        variables = [value.requires_grad_() for value in (latent, *maps.values())]
        optimiser = torch.optim.Adam(variables, betas=(0.9, 0.999))
        for step in range(self.steps):
            optimiser.param_groups[0]["lr"] = lr_at(step, num_steps=self.steps, **self.lr)
            spread = deviation * noise_at(step, num_steps=self.steps, **self.jitter)
            moved = latent + spread * torch.randn(latent.shape[1:], generator=rng).to(latent.device)
            losses = criterion(self._render(generator, moved, maps), moved, maps)
            # The sum, not the mean: each photo gets the gradient that it would get alone.
            gradients = torch.autograd.grad(losses.sum(), variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.grad = gradient
            optimiser.step()
            for value in maps.values():
                noise_maps.renormalise_(value)
            if callback is not None:
                callback(step + 1, self.steps, losses.mean().item())

    def _render(self, generator: Generator, latent: Tensor, maps: dict[str, Tensor]) -> Tensor:
        arguments = {"noise_mode": "const", "dtype": self.dtype}
        ws = self._to_ws(generator, latent)
        return torch.func.functional_call(generator.synthesis, maps, (ws,), arguments)

    def _to_ws(self, generator: Generator, latent: Tensor) -> Tensor:
        if self.space == "z":
            return generator.mapping(latent[:, 0])
        return latent.expand(-1, generator.num_ws, -1)

    @torch.no_grad()
    def _result(self, generator: Generator, latent: Tensor, maps: dict[str, Tensor]) -> Latent:
        if not latent.isfinite().all():
            raise InputError(f"inverter.lr: the latent is not finite any more with lr={self.lr['lr']}; set a lower one")
        ws = self._to_ws(generator, latent).contiguous()
        z = normalise_second_moment(latent[:, 0]) if self.space == "z" else None
        noise = {name: value.detach()[:, 0] for name, value in maps.items()}
        return Latent(ws=ws, space=self.space, z=z, noise=noise or None)


def _labels(generator: Generator, rng: torch.Generator, *, count: int) -> Tensor | None:
    """Random one-hot labels [count, c_dim] for a network that has labels."""
    if not generator.c_dim:
        return None
    classes = torch.randint(generator.c_dim, [count], generator=rng)
    return F.one_hot(classes, generator.c_dim).float().to(generator.mapping.w_avg.device)
