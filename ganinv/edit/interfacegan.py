"""InterFaceGAN (Shen et al. 2020, arXiv 1907.10786): the normal of the plane between high and low scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from .direction import MAX_STRENGTH, Direction
from .known import vector
from .learn import scikit
from .samples import draw, unit_of
from .scores import Scorer, expect_varied

LEAST = 10  # samples on each side of the plane


@dataclass(frozen=True)
class Boundary:
    """A plane n·x + b = 0 with |n| = 1; scores are high where n·x + b > 0."""

    normal: Tensor  # [D]
    offset: float
    accuracy: float  # on the extreme samples that were held out
    accuracy_rest: float | None  # on all samples between, cut in the middle of the scores' range; None: there are none


class InterFaceGAN:
    """Sample, score, take the extremes, separate them by a plane, keep its normal."""

    def __init__(
        self,
        *,
        space: Literal["z", "w"] = "w",
        samples: Annotated[int, Field(ge=4 * LEAST)] = 10_000,
        share: Annotated[float, Field(gt=0, le=0.5)] = 0.02,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        given: Sequence[str] = (),
        strength: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] = 3.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`share`: of the samples with the highest and of those with the lowest scores. `psi`: truncation of the
        samples that are scored. `given`: directions (names or files) along which the result is not to move.
        `strength`: at which the edit shows, unless a run has another.
        """
        self.space: Literal["z", "w"] = space
        self.samples, self.share, self.psi, self.given, self.seed = samples, share, psi, given, seed
        self.strength = strength

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None) -> list[Direction]:
        """The direction in which the scores rise. Raises InputError."""
        if scorer is None:
            raise InputError(
                "scores: must be set for finder=interfacegan; choose one with scores=labelled, table or own"
            )
        samples = draw(prior.generator, count=self.samples, seed=self.seed, psi=self.psi)
        scores = scorer(prior=prior, samples=samples)
        points = samples.z if self.space == "z" else samples.truncated(prior.generator.mapping.w_avg)
        boundary = separate(points, scores.values, share=self.share, seed=self.seed, name=name)
        others = [vector(given, prior, self.space) for given in self.given]
        normal = project_out(boundary.normal, others, name=name) if others else boundary.normal
        spread = self._spread(normal, samples.z if self.space == "z" else samples.w)
        made = {"finder": "interfacegan", "samples": self.samples, "share": self.share, "psi": self.psi}
        made |= {"seed": self.seed, "given": list(self.given), "scores": scores.made}
        made |= {"accuracy": boundary.accuracy, "accuracy_rest": boundary.accuracy_rest, "length": spread}
        return [
            Direction.found_on(
                prior,
                name=name,
                space=self.space,
                values={self.space: normal * spread},
                unit=f"one standard deviation of {self.space} along it, {unit_of(samples)}",
                origin=-boundary.offset / spread if not others else None,
                strength=self.strength,
                made=made,
            )
        ]

    def _spread(self, normal: Tensor, points: Tensor) -> float:
        """Standard deviation of the untruncated samples along `normal`; z is standard normal by construction."""
        return 1.0 if self.space == "z" else float((points @ normal).std())


def separate(points: Tensor, scores: Tensor, *, share: float, seed: int, name: str) -> Boundary:
    """The plane between the points [N, D] with the highest and the lowest scores [N]: a linear SVM on 70 % of them.

    The SVM is scikit-learn's SVC at its defaults, as published. Raises InputError: scores all equal, NaN, too few.
    """
    expect_varied(scores, name)
    extreme = int(len(scores) * share)
    if extreme < LEAST:
        raise InputError(
            f"{name}: {share:.3g} of {len(scores):,} samples are {extreme} on each side, and {LEAST} are needed; raise"
            " finder.samples or finder.share"
        )
    order = scores.argsort(descending=True, stable=True)
    chosen, labels = torch.cat([order[:extreme], order[-extreme:]]), np.repeat([1, 0], extreme)
    shuffled = torch.randperm(2 * extreme, generator=torch.Generator().manual_seed(seed)).numpy()
    fitted, held_out = np.split(shuffled, [round(0.7 * 2 * extreme)])
    x = points[chosen].double().numpy()
    svm = scikit("svm").SVC(kernel="linear").fit(x[fitted], labels[fitted])
    length = float(np.linalg.norm(svm.coef_))
    rest = order[extreme:-extreme]
    return Boundary(
        normal=torch.from_numpy(svm.coef_[0] / length).float(),
        offset=float(svm.intercept_[0]) / length,
        accuracy=float(svm.score(x[held_out], labels[held_out])),
        accuracy_rest=_accuracy(svm, points[rest], scores[rest]) if len(rest) else None,
    )


def _accuracy(svm, points: Tensor, scores: Tensor) -> float:
    middle = (scores.max() + scores.min()) / 2
    return float(svm.score(points.double().numpy(), (scores > middle).long().numpy()))


# n − A⁺A n, A the other directions: what of n is orthogonal to each of them, of unit length
def project_out(normal: Tensor, others: Sequence[Tensor], *, name: str) -> Tensor:
    """The part of `normal` [D] that moves along none of `others`, renormalised. InputError where none is left."""
    stacked = torch.stack([other / other.norm() for other in others]).double()  # [M, D]
    x = normal.double()
    left = x - stacked.t() @ torch.linalg.lstsq(stacked.t(), x[:, None]).solution[:, 0]
    if left.norm() < 1e-4 * x.norm():
        raise InputError(f"{name}: lies wholly in the directions of finder.given; leave one of them out")
    return (left / left.norm()).float()
