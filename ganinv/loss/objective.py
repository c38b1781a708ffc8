"""The objective of near-perfect GAN inversion (arXiv 2202.11833): L_total = 1_p [L_recon + L_adv_local] + L_global."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ..generator.discriminator import Discriminator
from .adversarial import Form, discriminator_loss, generator_loss, photo_logit, r1_penalty
from .feature import LPIPS
from .plain import Plain
from .pyramid import LaplacianPyramid

Weight = Annotated[float, Field(ge=0)]
Distance = LaplacianPyramid | Plain
Probability = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Images:
    """What one step sees; each [N, 3, H, W] in [-1, 1], or None where the step does without it."""

    photo: Tensor | None = None  # [1, …] the target
    reconstruction: Tensor | None = None  # [1, …] the generator at the photo's latent
    generated: Tensor | None = None  # [B, …] the generator at sampled latents
    untouched: Tensor | None = None  # [B, …] the untouched generator at the same latents
    real: Tensor | None = None  # [B, …] images of the domain, or samples of the untouched generator


class Objective(nn.Module):
    """The weighted sum of the terms, and the switch 1_p.

    reconstruction, adversarial_local, adversarial_global: weights of the three published terms. probability: p of 1_p,
    drawn once per step. locality: weight of the pyramid's distance to the untouched generator's images at the sampled
    latents (the regulariser of pivotal tuning, Roich et al. 2021, section 3.2, near the photo and everywhere),
    measured by locality_pyramid (None: the same). Either pyramid may be a plain distance (`Plain`) instead.
    perceptual: weight of LPIPS at the photo. form: of the generator's adversarial loss. A term of weight 0 is not
    computed.
    """

    TERMS = ("reconstruction", "perceptual", "adversarial_local", "adversarial_global", "locality")

    def __init__(
        self,
        *,
        pyramid: Distance,
        reconstruction: Weight = 1,
        adversarial_local: Weight = 1,
        adversarial_global: Weight = 1,
        locality: Weight = 0,
        perceptual: Weight = 0,
        probability: Probability = 1,
        form: Form = "non_saturating",
        lpips: LPIPS | None = None,
        locality_pyramid: Distance | None = None,
    ) -> None:
        super().__init__()
        self.locality_pyramid = locality_pyramid or pyramid
        self.pyramid, self.lpips, self.probability = pyramid, lpips, probability
        self.form: Form = form
        values = (reconstruction, perceptual, adversarial_local, adversarial_global, locality)
        self.weights: dict[str, float] = dict(zip(self.TERMS, values, strict=True))
        expect_terms(self.weights, has_lpips=lpips is not None)

    def fits(self, resolution: int) -> None:
        """Refuse, with an InputError, images of a side in pixels that a term cannot take."""
        if self.lpips is not None and self.weights["perceptual"]:
            self.lpips.fits(resolution)
        for distance in (self.pyramid, self.locality_pyramid):
            if isinstance(distance, Plain):
                distance.fits(resolution)

    @property
    def is_adversarial(self) -> bool:
        """Whether a discriminator is needed."""
        return bool(self.weights["adversarial_local"] or self.weights["adversarial_global"])

    @property
    def samples_manifold(self) -> bool:
        """Whether images away from the photo are needed."""
        return self.is_adversarial or bool(self.weights["locality"])

    def draw(self, generator: torch.Generator) -> bool:
        """1_p: whether this step looks at the photo."""
        return bool(torch.rand((), generator=generator) < self.probability)

    def generator_terms(
        self, images: Images, discriminator: Discriminator | None, *, dtype: torch.dtype = torch.float32
    ) -> dict[str, Tensor]:
        """Each term that `images` allow, by name, unweighted: one value per image."""
        terms = {}
        if images.reconstruction is not None and images.photo is not None:
            terms |= self._at_photo(images.reconstruction, images.photo)
            if images.generated is not None and self.weights["adversarial_local"] and discriminator is not None:
                logit = photo_logit(discriminator, images.reconstruction, images.generated, dtype=dtype)
                terms["adversarial_local"] = generator_loss(logit, form=self.form)
        if images.generated is not None:
            if self.weights["adversarial_global"] and discriminator is not None:
                logits = discriminator(images.generated, dtype=dtype)
                terms["adversarial_global"] = generator_loss(logits, form=self.form)
            if self.weights["locality"] and images.untouched is not None:
                terms["locality"] = self.locality_pyramid(images.generated, images.untouched)
        return terms

    def _at_photo(self, reconstruction: Tensor, photo: Tensor) -> dict[str, Tensor]:
        terms = {}
        if self.weights["reconstruction"]:
            terms["reconstruction"] = self.pyramid(reconstruction, photo)
        if self.weights["perceptual"] and self.lpips is not None:
            terms["perceptual"] = self.lpips(reconstruction, photo)
        return terms

    def total(self, terms: dict[str, Tensor], *, interval: int = 1) -> Tensor:
        """Σ weight · mean of the term. Adversarial terms come every `interval` steps and count as often."""
        lazy = ("adversarial_local", "adversarial_global")
        scale = {name: self.weights[name] * (interval if name in lazy else 1) for name in terms}
        return torch.stack([scale[name] * term.mean() for name, term in terms.items()]).sum()

    def discriminator_terms(
        self, images: Images, discriminator: Discriminator, *, dtype: torch.dtype = torch.float32
    ) -> dict[str, Tensor]:
        """What the discriminator minimises of the same two terms: one value per image, the larger weight scaled to 1.

        D has no other term, so only the ratio of the two counts; R1 keeps its usual scale beside them.
        """
        assert images.generated is not None and images.real is not None
        terms, fakes = {}, images.generated.detach()
        scale = max(self.weights["adversarial_local"], self.weights["adversarial_global"])
        if self.weights["adversarial_global"]:
            loss = discriminator_loss(discriminator(images.real, dtype=dtype), discriminator(fakes, dtype=dtype))
            terms["discriminator_global"] = self.weights["adversarial_global"] / scale * loss
        if self.weights["adversarial_local"] and images.photo is not None and images.reconstruction is not None:
            real = photo_logit(discriminator, images.photo, images.real, dtype=dtype)
            fake = photo_logit(discriminator, images.reconstruction.detach(), fakes, dtype=dtype)
            terms["discriminator_local"] = self.weights["adversarial_local"] / scale * discriminator_loss(real, fake)
        return terms

    def penalty(self, images: Images, discriminator: Discriminator, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """R1 at the real images.  # [B]"""
        assert images.real is not None
        return r1_penalty(discriminator, images.real, dtype=dtype)


def expect_terms(weights: dict[str, float], *, has_lpips: bool) -> None:
    """ValueError unless some term has a weight above 0, and those that have one can be computed."""
    if weights["perceptual"] and not has_lpips:
        raise ValueError("perceptual: a weight above 0 needs the network of LPIPS; choose loss=perceptual")
    if not any(weights.values()):
        raise ValueError("weights: all terms are 0, so nothing would move; set at least one above 0")
