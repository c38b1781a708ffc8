"""Enjoy Your Editing (Zhuang et al. 2021, arXiv 2102.01187): a direction in W learned by a classifier's gradient.

With G the generator, f the classifier's score, σ_f its deviation over samples, d = L u the direction in coordinates u
in which samples of w are white (Σ = L Lᵀ), and a sign s = ±1 drawn for each picture, u is learned by Adam on

    −s (f(G(w + s d)) − f(G(w))) / σ_f + μ MSE(G(w + s d), G(w)) + ν softplus(−D(G(w + s d)))

and, where a face network is named, StyleCLIP's identity loss (`Kept`); Enjoy Your Editing regresses a target and keeps
the picture by a perceptual loss. The pictures are of samples and, with
`runs`, of photos at their own w. f sees both pictures shifted and
brightened alike, by another amount at each step, so that patterns which no eye sees do not satisfy it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..loss.identity import IdentityDistance
from ..report.artefacts import Inversion
from .bases import Bases, at_photo
from .direction import MAX_STRENGTH, Direction
from .kept import Kept
from .known import vector
from .samples import Samples, draw, unit_of
from .scores import OnPictures, Scorer, expect_varied

SHIFT = 2 / 64  # of the side, at most, each way
BRIGHT, CONTRAST = 10.0, 0.1  # of 255, and of the distance from grey
RANK = 1e-5  # of the largest singular value: what is smaller is rounding
SPREAD = 96  # samples over which the score's deviation is taken
NEWS = 10  # steps between two words in the log

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Edit:
    """N samples at `w` [N, w_dim] and M photos, each moved by a row of `moves` [N + M, w_dim], or none."""

    w: Tensor
    photos: Sequence[Inversion] = field(default_factory=list)
    moves: Tensor | None = None

    def undone(self) -> "Edit":
        """The same pictures without the edit."""
        return replace(self, moves=None)


class Gradient:
    """Few steps of few samples; the score must be differentiable, as that of scores=labelled is."""

    def __init__(
        self,
        *,
        samples: Annotated[int, Field(ge=SPREAD)] = 6000,
        steps: Annotated[int, Field(ge=1)] = 60,
        batch: Annotated[int, Field(ge=1)] = 8,
        lr: Annotated[float, Field(gt=0)] = 0.05,
        picture: Annotated[float, Field(ge=0)] = 20.0,
        realism: Annotated[float, Field(ge=0)] = 1.0,
        identity: str | None = None,
        identity_weight: Annotated[float, Field(ge=0)] = 5.0,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        given: Sequence[str] = (),
        runs: Sequence[str] = (),
        share: Annotated[float, Field(ge=0, le=1)] = 0.5,
        strength: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] | None = None,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`lr`: Adam's, in standard deviations of w. `picture`: μ, the higher the less a picture changes.
        `realism`: ν; 0: without the prior's discriminator. `identity`: file of a face network; None: who it is may
        change; `identity_weight`: of its loss; another network is to judge who it is then. `psi`: truncation of the
        pictures. `given`: directions in W (names or files) with which the result is not to be correlated, over samples.
        `runs`: folders of finished runs whose photos are `share` of each batch, on their own generators, so that it is
        learned too where photos lie; not those on which it is to be judged. `strength`: at which the edit shows, unless
        a run has another; None: as far as it was learned.
        """
        self.samples, self.steps, self.batch, self.lr, self.seed = samples, steps, batch, lr, seed
        self.psi, self.given, self.strength = psi, given, strength
        network = None if identity is None else IdentityDistance(weights=identity)
        self.kept = Kept(picture, realism, network, identity_weight)
        self.runs, self.photos = runs, round(share * batch) if runs else 0  # of a batch
        if runs and not self.photos:
            raise InputError(f"finder.share: {share:g} of a batch of {batch} is no photo; raise it, or leave runs out")

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None) -> list[Direction]:
        """One direction in W. Raises InputError."""
        bases = Bases(self.runs, prior) if self.runs else None
        found = differentiable(scorer, prior)
        self.kept.expect_judge(prior, self.batch)
        assert found.graded is not None
        samples = draw(prior.generator, count=self.samples, seed=self.seed, psi=self.psi)
        white = whitening(samples.w)
        others = [vector(given, prior, "w") for given in self.given]
        allowed = without(white, others, name=name) if others else white
        u, gained = self.learn(prior, samples, allowed, found.graded, name, bases=bases)
        value = allowed @ u
        length = float((torch.linalg.pinv(white, rtol=RANK) @ value).norm())
        if not 0 < length < float("inf"):
            raise InputError(f"{name}: the scores have no gradient that can be followed; use another classifier")
        made = {"finder": "gradient", "samples": self.samples, "steps": self.steps, "batch": self.batch, "lr": self.lr}
        made |= self.kept.made() | {"psi": self.psi, "seed": self.seed}
        made |= {"photos": self.photos, "bases": bases.digests} if bases else {}
        made |= {"given": list(self.given), "gained": gained, "length": length, "scores": found.made}
        return [
            Direction.found_on(
                prior,
                name=name,
                space="w",
                values={"w": value / length},
                unit=f"one standard deviation of w along it, {unit_of(samples)}",
                strength=min(max(round(length, 1), 0.1), MAX_STRENGTH) if self.strength is None else self.strength,
                made=made,
            )
        ]

    def learn(
        self,
        prior: Prior,
        samples: Samples,
        white: Tensor,
        score: Callable[[Tensor], Tensor],
        name: str,
        *,
        bases: Bases | None = None,
    ) -> tuple[Tensor, float]:
        """u [w_dim], and by how many σ_f the score rose in the last steps."""
        generator, random = prior.generator, torch.Generator().manual_seed(self.seed)
        w = samples.truncated(generator.mapping.w_avg)
        with torch.no_grad():
            scores = torch.cat([score(shown(prior, Edit(part))).cpu() for part in w[:SPREAD].split(self.batch)])
        expect_varied(scores, name)
        u = torch.zeros(white.shape[1], requires_grad=True)
        optimizer, rises = torch.optim.Adam([u], lr=self.lr), []
        for step in range(self.steps):
            chosen = w[torch.randint(len(w), [self.batch - self.photos], generator=random)]
            sign = torch.randint(2, [self.batch, 1], generator=random) * 2.0 - 1
            drawn = bases.draw(self.photos, random) if bases else []
            edit = Edit(chosen, drawn, sign * (white @ u))
            rise, kept = self._terms(prior, edit, sign[:, 0], score, random)
            optimizer.zero_grad()
            (kept - rise / scores.std()).backward()
            optimizer.step()
            rises.append(float(rise.detach() / scores.std()))
            if (step + 1) % NEWS == 0:
                log.info("%s: step %d of %d, score %+.2f standard deviations", name, step + 1, self.steps, rises[-1])
        return u.detach(), sum(rises[-NEWS:]) / len(rises[-NEWS:])

    def _terms(
        self, prior: Prior, edit: Edit, sign: Tensor, score: Callable[[Tensor], Tensor], random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """By how much `sign` [N] times the score rises by `edit`, and the terms of what is kept."""
        with torch.no_grad():
            before = shown(prior, edit.undone())
        after = shown(prior, edit)
        change = jitter(before.shape[-1], random)
        gained = score(change(after)) - score(change(before))
        if gained.shape != (len(sign),) or not gained.requires_grad:
            raise InputError(
                f"scores: `graded` must give a score with a gradient for each of {len(sign)} pictures, got the shape"
                f" {list(gained.shape)}{'' if gained.requires_grad else ' without one'}"
            )
        rise = (sign * gained.float().cpu()).mean()
        return rise, self.kept(prior, before, after).cpu()


def shown(prior: Prior, edit: Edit) -> Tensor:
    """Edited pictures with constant noise -> floats [N + M, 3, R, R] in about [0, 255], not clamped."""
    generator, count = prior.generator, len(edit.w)
    moves = edit.w.new_zeros(count + len(edit.photos), edit.w.shape[1]) if edit.moves is None else edit.moves
    ws = (edit.w + moves[:count]).to(generator.mapping.w_avg.device)[:, None].expand(-1, generator.num_ws, -1)
    parts = [generator.synthesis(ws)] if count else []
    own = zip(edit.photos, moves[count:], strict=True)
    return torch.cat([*parts, *(at_photo(photo, move.to(ws)) for photo, move in own)]) * 127.5 + 127.5


def differentiable(scorer: Scorer | None, prior: Prior) -> OnPictures:
    """The score with a gradient. InputError where there is none."""
    if scorer is None:
        raise InputError("scores: must be set for finder=gradient; choose one with scores=labelled or own")
    on_pictures = getattr(scorer, "on_pictures", None)
    if on_pictures is None:
        raise InputError(
            f"scores: {type(scorer).__name__} knows the scores of samples by number, and finder=gradient needs a"
            " gradient; choose scores=labelled or scores=own"
        )
    if (network := getattr(scorer, "network", None)) is not None:
        network.to(prior.generator.mapping.w_avg.device)
    found = on_pictures(resolution=prior.generator.img_resolution)
    if found.graded is None:
        raise InputError(
            "scores: this classifier has no method `graded` (pictures in [0, 255] as floats -> scores with a gradient),"
            " which finder=gradient needs; add it, or choose scores=labelled"
        )
    return found


# Σ = U Λ Uᵀ, L = U √Λ
def whitening(w: Tensor) -> Tensor:
    """L [w_dim, w_dim] of samples `w` [N, w_dim]: coordinates of unit length are standard deviations of w."""
    values, vectors = torch.linalg.eigh(torch.cov(w.double().t()))
    return (vectors * values.clamp(min=0).sqrt()).float()


# L (1 − V Vᵀ), V the span of L⁺d of the others: wᵀ Σ⁻¹ d = 0 for each
def without(white: Tensor, others: Sequence[Tensor], *, name: str) -> Tensor:
    """`white` with nothing left along `others` [w_dim] in the coordinates in which samples are white."""
    along = torch.stack([torch.linalg.pinv(white.double(), rtol=RANK) @ other.double() for other in others], dim=1)
    span, sizes, _ = torch.linalg.svd(along, full_matrices=False)
    span = span[:, sizes > RANK * sizes.max()]
    if span.shape[1] >= white.shape[1]:
        raise InputError(f"{name}: finder.given leaves no direction; name fewer")
    return white - (white.double() @ span @ span.t()).float()


def jitter(side: int, random: torch.Generator) -> Callable[[Tensor], Tensor]:
    """A shift and a change of brightness and contrast, the same for all pictures [N, 3, R, R] that it is given."""
    most = max(round(SHIFT * side), 1)
    x, y = torch.randint(2 * most + 1, [2], generator=random).tolist()
    contrast, bright = (torch.rand(2, generator=random) * 2 - 1).tolist()

    def changed(pictures: Tensor) -> Tensor:
        moved = F.pad(pictures, [most] * 4, mode="replicate")[..., y : y + side, x : x + side]
        return (moved - 127.5) * (1 + CONTRAST * contrast) + 127.5 + BRIGHT * bright

    return changed
