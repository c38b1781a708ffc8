"""What an edit does to pictures: scores, identity, what lies outside of its region, the way to the latent and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dataset.pixels import to_float, to_uint8
from ..edit.apply import Step, edited, moved, render
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from ..inverter.latent import Inverter, Latent
from .editability_judge import Judge, scores
from .identity import Identity

Distance = Callable[[Tensor, Tensor], Tensor]
Columns = dict[str, Tensor]  # name -> [N] float64


@dataclass(frozen=True, eq=False)
class Subject:
    """A generator at some latents, under the noise maps `noise` or its own."""

    generator: Generator
    latent: Latent
    noise: dict[str, Tensor] | None = None

    def picture(self, steps: Sequence[Step]) -> Tensor:
        """Edited by `steps`, by none: as it is.  # [N, 3, R, R], nominally in [-1, 1], not rounded"""
        return render(self.generator, edited(self.generator, self.latent, steps), noise=self.noise)


@dataclass(frozen=True, eq=False)
class Ruler:
    """What pictures are measured with; None: the figure is left out."""

    judges: Mapping[str, Judge]
    prior: Prior
    identity: Identity | None = None
    lpips: Distance | None = None
    encoder: Inverter | None = None
    seed: int = 0

    def effect(
        self, subject: Subject, steps: Sequence[Step], *, region: Tensor | None, before: Tensor, after: Tensor
    ) -> Columns:
        """Figures of the edit that took the pictures `before` to `after`, both [N, 3, R, R].

        `region`: bool [R, R], where the edit belongs.
        """
        a, b = to_uint8(before), to_uint8(after)
        old, new = scores(self.judges, a), scores(self.judges, b)
        found = {f"score_{name}": old[name] for name in old} | {f"change_{name}": new[name] - old[name] for name in old}
        if self.identity is not None:
            rows = self.identity(to_float(b), to_float(a))
            found["identity"] = torch.tensor([row["identity"] for row in rows])
        if self.lpips is not None and region is not None:
            found["outside"] = outside(to_float(a), to_float(b), region.to(a.device), self.lpips)
        if self.encoder is not None and all(step.direction.space in ("w", "w+") for step in steps):
            found |= self._there_and_back(subject, steps, to_float(a))
        return {name: value.detach().double().cpu() for name, value in found.items()}

    # LEC = |E(x) − (E(G(E(x) + Δ)) − Δ)|₂ (Tov et al. 2021, arXiv 2102.02766, section 5), here over |Δ|₂
    def _there_and_back(self, subject: Subject, steps: Sequence[Step], image: Tensor) -> Columns:
        """`image` [N, 3, R, R] in [-1, 1] -> `lec`: 0 where the edit comes back whole, 1 where the encoder sees none;
        nothing where an edit has no length.
        """
        assert self.encoder is not None
        first = replace(self.encoder(prior=self.prior, images=image, seed=self.seed), z=None)
        there = to_float(to_uint8(replace(subject, latent=first).picture(steps)))
        back = self.encoder(prior=self.prior, images=there, seed=self.seed).ws
        shift = moved(subject.generator, first, steps) - first.ws
        lost, length = (part.flatten(1).norm(dim=1) for part in (back - shift - first.ws, shift))
        return {"lec": lost / length} if bool((length > 0).all()) else {}


@torch.no_grad()
def outside(before: Tensor, after: Tensor, region: Tensor, lpips: Distance) -> Tensor:
    """LPIPS of two [N, 3, R, R] in [-1, 1] -> [N]; in `region`, bool [R, R], `after` is taken to be `before`."""
    return lpips(before, torch.where(region, before, after))


# cos(G'(w + Δ) − G'(w), G(w + Δ) − G(w)) over all pixels and colours: G' tuned, G untouched
def consistency(tuned: tuple[Tensor, Tensor], untouched: tuple[Tensor, Tensor]) -> Tensor:
    """Pairs (before, after), each [N, 3, R, R] -> [N]: 1 where the edit does the same to both, up to its size."""
    a, b = ((after - before).double().flatten(1) for before, after in (tuned, untouched))
    return F.cosine_similarity(a, b, eps=1e-12).cpu()
