"""What an edit that is learned is to leave as it was: the picture, the look of a real one, and who it shows."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..loss.identity import IdentityDistance
from .labelled import trunk_of


# μ MSE(G(w + s d), G(w)) + ν softplus(−D(G(w + s d))) + κ (1 − cos(R(G(w + s d)), R(G(w))))
@dataclass(frozen=True, eq=False)
class Kept:
    """`picture` μ, `realism` ν and, with the face network R of `identity`, `identity_weight` κ.

    The last is the identity loss of StyleCLIP (Patashnik et al. 2021, arXiv 2103.17249), whose R is an ArcFace network.
    """

    picture: float
    realism: float
    identity: IdentityDistance | None = None
    identity_weight: float = 0.0

    def __call__(self, prior: Prior, before: Tensor, after: Tensor) -> Tensor:
        """Pictures [N, 3, R, R], nominally in [0, 255], without and with the edit -> the terms' sum."""
        kept = self.picture * ((after - before) / 127.5).square().mean()
        if self.realism:
            assert prior.discriminator is not None
            kept = kept + self.realism * F.softplus(-prior.discriminator(after / 127.5 - 1)).mean()
        if self.identity is not None and self.identity_weight:
            apart = self.identity.to(after.device)(after / 127.5 - 1, before / 127.5 - 1)
            kept = kept + self.identity_weight * apart.mean()
        return kept

    def made(self) -> dict[str, Any]:
        """What a direction's file says of it."""
        found: dict[str, Any] = {"picture": self.picture, "realism": self.realism}
        if self.identity is not None and self.identity_weight:
            found |= {"identity": trunk_of(self.identity.network), "identity_weight": self.identity_weight}
        return found

    def expect_judge(self, prior: Prior, batch: int) -> None:
        """InputError unless the prior's discriminator can judge a batch of edits."""
        if not self.realism:
            return
        if prior.discriminator is None or prior.generator.c_dim:
            lack = "has no discriminator" if prior.discriminator is None else "has a discriminator with labels"
            raise InputError(f"finder.realism: {prior.name} {lack}; set finder.realism=0")
        group = prior.discriminator.group_size
        if batch % group and batch > group:
            raise InputError(f"finder.batch: must be a multiple of {group} for this prior's discriminator, got {batch}")
