"""GANSpace (Härkönen et al. 2020, arXiv 2004.02546): principal components of w."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from .direction import Direction
from .learn import scikit
from .samples import draw, stream
from .scores import Scorer

SPREAD_SAMPLES = 5000  # w for the deviation along each component


@dataclass(frozen=True)
class Components:
    """Unit vectors by falling variance."""

    vectors: Tensor  # [K, w_dim]
    mean: Tensor  # [w_dim]
    spread: Tensor  # [K], standard deviation of w along each


class GANSpace:
    """Incremental PCA of w; each of the first components is a direction."""

    def __init__(
        self,
        *,
        samples: Annotated[int, Field(ge=2)] = 300_000,
        components: Annotated[int, Field(ge=1)] = 80,
        keep: Annotated[int, Field(ge=1)] = 10,
        layers: tuple[int, int] | None = None,
        seed: Annotated[int, Field(ge=0)] = 1,
    ) -> None:
        """`components` are fitted, the first `keep` become directions on `layers` (from, to before; None: all)."""
        if keep > components:
            raise ValueError(f"keep: {keep} of {components} components; keep at most as many, or fit more (components)")
        self.samples, self.components, self.keep, self.layers, self.seed = samples, components, keep, layers, seed

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None = None) -> list[Direction]:
        """Directions name_00, name_01, …; their origin is the mean of w. `scorer` is not used. Raises InputError."""
        found = principal(prior.generator, samples=self.samples, components=self.components, seed=self.seed)
        return [self._direction(found, index, prior, name) for index in range(self.keep)]

    def _direction(self, found: Components, index: int, prior: Prior, name: str) -> Direction:
        vector, spread = found.vectors[index], float(found.spread[index])
        made = {"finder": "ganspace", "samples": self.samples, "components": self.components, "component": index}
        return Direction.found_on(
            prior,
            name=f"{name}_{index:02d}",
            space="w",
            values={"w": vector * spread},
            unit=f"one standard deviation of w along it, over {SPREAD_SAMPLES:,} samples",
            layers=self.layers,
            origin=float(found.mean @ vector) / spread,
            made=made | {"seed": self.seed, "length": spread},
        )


def principal(generator: Generator, *, samples: int, components: int, seed: int) -> Components:
    """Components of `samples` untruncated w, fitted in batches of max(2,000, 3 · components)."""
    chunk = max(2000, 3 * components)
    if components > min(generator.w_dim, samples):
        most = min(generator.w_dim, samples)
        raise InputError(f"finder.components: {components} are asked for, and w has {most} at most with these samples")
    pca = fit_batches((w for _, w in stream(generator, count=samples, seed=seed, chunk=chunk)), components)
    vectors = torch.from_numpy(pca.components_).float()
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    w = draw(generator, count=SPREAD_SAMPLES, seed=seed + 1, psi=1).w
    spread = (w @ vectors.t()).std(dim=0, correction=0)
    return Components(vectors=vectors, mean=torch.from_numpy(pca.mean_).float(), spread=spread)


def fit_batches(batches, components: int):
    """scikit-learn's IncrementalPCA over `batches` of [n, D]; a last one with fewer than `components` is left out."""
    pca = scikit("decomposition").IncrementalPCA(components)
    for batch in batches:
        if len(batch) >= components:
            pca.partial_fit(batch.double().numpy())
    return pca
