"""Encoders as inverters: a photo -> its latent by one pass of a trained network, or by a few that each see the last.

pSp (Richardson et al. 2021, arXiv 2008.00951), e4e (Tov et al. 2021, arXiv 2102.02766), ReStyle (Alaluf et al. 2021,
arXiv 2104.02699): ours, trained by `python -m ganinv.pretrain stage=encoder`, and published ones.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from .encoder_file import Trained, load_encoder
from .latent import Latent
from .networks.encoder import Encoder

PUBLISHED = 5  # passes of ReStyle
ADVICE = {"psp": "inverter=psp", "e4e": "inverter=e4e", "restyle": "inverter=restyle"}


class Encode:
    """The encoder in the file `path`.

    steps: passes; more than one only for ReStyle's, which see the image of the latent that they have reached; None: as
    many as it was trained with, which for the published ReStyle encoders is 5. kind: the method that the file must
    hold; None: any. A file of another generator is refused.
    """

    def __init__(
        self,
        *,
        path: str,
        steps: Annotated[int, Field(ge=1)] | None = None,
        kind: Literal["psp", "e4e", "restyle"] | None = None,
    ) -> None:
        self.trained = load_encoder(path)
        self.steps = steps or _passes(self.trained)
        found = self.trained.encoder.architecture.kind
        if kind not in (None, found):
            raise InputError(f"{path}: holds an encoder of {found}, not of {kind}; choose {ADVICE[found]}")
        if self.steps > 1 and not self.trained.encoder.is_residual:
            raise InputError(f"steps: an encoder of {found} does not see what it has reached, so set steps=1")

    def fits(self, prior: Prior) -> None:
        """See `Inverter`."""
        self.trained.check(prior)

    @torch.no_grad()
    def __call__(self, *, prior: Prior, images: Tensor, seed: int, names: list[str] | None = None) -> Latent:
        """See `Inverter`."""
        self.fits(prior)
        side = prior.generator.img_resolution
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise InputError(f"images: expected [N, 3, {side}, {side}] for this generator, got {list(images.shape)}")
        encoder, start = self.trained.encoder.to(images.device), self.trained.starts(prior).to(images.device)
        ws = encode(encoder, prior.generator, images, start=start, steps=self.steps)
        if not ws.isfinite().all():
            raise InputError(f"{self.trained.name}: its latent is not finite for this photo; use another inverter")
        return Latent(ws=ws, space="w" if encoder.architecture.head == "single" else "w+")


def _passes(trained: Trained) -> int:
    """As many as it was trained with."""
    if not trained.encoder.is_residual:
        return 1
    known = trained.training.get("refinements")
    return known if isinstance(known, int) and known > 0 else PUBLISHED


# w₀ = start, y₀ = G(w₀);  wₜ₊₁ = wₜ + E(x, yₜ), yₜ₊₁ = G(wₜ₊₁)
def encode(encoder: Encoder, generator: Generator, images: Tensor, *, start: Tensor, steps: int) -> Tensor:
    """`images` [N, 3, R, R] in [-1, 1], `start` [1, num_ws, w_dim] -> [N, num_ws, w_dim]."""
    ws = start.expand(len(images), -1, -1)
    if not encoder.is_residual:
        return ws + encoder(images)
    reached = generator.synthesis(start, noise_mode="const").expand(len(images), -1, -1, -1)
    for step in range(steps):
        if step:
            reached = generator.synthesis(ws, noise_mode="const")
        ws = ws + encoder(images, reached)
    return ws
