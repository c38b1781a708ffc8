"""What an encoder is trained for: the photo in pixels and features, latents that are known, and latents like real ones.

As pSp, e4e and ReStyle (arXiv 2008.00951, 2102.02766, 2104.02699) have it; the term of known latents is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from .latent_discriminator import LatentDiscriminator

NotNegative = Annotated[float, Field(ge=0)]
Distance = Callable[[Tensor, Tensor], Tensor]  # two batches of images -> one value per image


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Where an encoder is after one of its steps."""

    photo: Tensor  # [N, 3, R, R] in [-1, 1]
    image: Tensor  # [N, 3, R, R], the generator's at `ws`
    ws: Tensor  # [N, num_ws, w_dim]
    start: Tensor  # [1, num_ws, w_dim]
    known: Tensor  # [M, num_ws, w_dim], of the first M photos, which the generator made; M may be 0
    layers: int  # those that have a w of their own so far


class EncoderObjective:
    """Weighted terms, one value an image; a weight of 0 leaves a term out.

    mse: on [-1, 1]. lpips_weight, identity_weight: of the finished networks `lpips` and `identity`. latent: squared
    distance to a known latent, in units of the latents' variance. w_norm: distance from the start. delta_norm: summed
    distances of the layers from the first (e4e). adversarial: of the latent discriminator (e4e).
    """

    def __init__(
        self,
        *,
        mse: NotNegative = 1.0,
        lpips_weight: NotNegative = 0.8,
        identity_weight: NotNegative = 0.0,
        latent: NotNegative = 0.0,
        w_norm: NotNegative = 0.0,
        delta_norm: NotNegative = 0.0,
        adversarial: NotNegative = 0.0,
        lpips: Distance | None = None,
        identity: Distance | None = None,
    ) -> None:
        for name, weight, network in [("lpips", lpips_weight, lpips), ("identity", identity_weight, identity)]:
            if weight and network is None:
                raise InputError(f"{name}_weight: is {weight}, but there is no network {name}; set it to 0 or name one")
        self.weights = {
            "mse": mse,
            "lpips": lpips_weight,
            "identity": identity_weight,
            "latent": latent,
            "w_norm": w_norm,
            "delta_norm": delta_norm,
            "adversarial": adversarial,
        }
        if not any(self.weights[name] for name in ("mse", "lpips", "identity", "latent")):
            raise InputError("mse, lpips_weight, identity_weight, latent: all are 0, so there is no target; set one")
        self.networks = {"lpips": lpips, "identity": identity}

    def to(self, device: torch.device) -> None:
        """Move the networks of features."""
        for network in self.networks.values():
            if isinstance(network, torch.nn.Module):
                network.to(device)

    def terms(self, at: Reached, *, variance: Tensor, discriminator: LatentDiscriminator | None) -> dict[str, Tensor]:
        """Each term that counts, unweighted: [N], or [M] for known latents.

        `variance` [w_dim]: of the generator's w. `discriminator`: where its term counts.
        """
        terms: dict[str, Tensor] = {}
        if self.weights["mse"]:
            terms["mse"] = (at.image - at.photo).square().mean(dim=[1, 2, 3])
        for name, network in self.networks.items():
            if self.weights[name] and network is not None:
                terms[name] = network(at.image, at.photo)
        if self.weights["latent"] and len(at.known):
            # mean (w − w*)² / Var w
            terms["latent"] = (at.ws[: len(at.known)] - at.known).square().mean(dim=[1, 2]) / variance.mean()
        if self.weights["w_norm"]:
            terms["w_norm"] = (at.ws - at.start).flatten(1).norm(dim=1)
        if self.weights["delta_norm"] and at.layers > 1:
            # Σᵢ ‖wᵢ − w₀‖₂
            terms["delta_norm"] = (at.ws[:, 1 : at.layers] - at.ws[:, :1]).norm(dim=2).sum(dim=1)
        if discriminator is not None:
            terms["adversarial"] = F.softplus(-discriminator(at.ws[:, : at.layers])).mean(dim=1)
        return terms

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the means."""
        return torch.stack([self.weights[name] * values.mean() for name, values in terms.items()]).sum()
