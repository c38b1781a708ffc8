"""SeFa (Shen and Zhou 2021, arXiv 2007.06600): what the style affines amplify most, in closed form."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator import stylegan3
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from .direction import Direction, expect_layers
from .samples import draw, unit_of
from .scores import Scorer

SPREAD_SAMPLES = 5000  # w for the deviation along each eigenvector


class SeFa:
    """Eigenvectors of the style affines by falling eigenvalue; each of the first is a direction on the same layers."""

    def __init__(
        self,
        *,
        layers: tuple[int, int] | None = None,
        keep: Annotated[int, Field(ge=1)] = 5,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`layers`: of w, from the first to before the second; None: all."""
        self.layers, self.keep, self.seed = layers, keep, seed

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None = None) -> list[Direction]:
        """Directions name_00, name_01, …. `scorer` is not used. Raises InputError."""
        generator = prior.generator
        layers = self.layers or (0, generator.num_ws)
        expect_layers(layers, generator, name)
        if self.keep > generator.w_dim:
            raise InputError(f"finder.keep: {self.keep} are asked for, and w has {generator.w_dim} at most")
        values, vectors = factorise(generator, layers=layers)
        samples = draw(generator, count=SPREAD_SAMPLES, seed=self.seed, psi=1)
        found = []
        for index, vector in enumerate(vectors[: self.keep]):
            spread = float((samples.w @ vector).std())
            made = {"finder": "sefa", "index": index, "eigenvalue": float(values[index]), "length": spread}
            found.append(
                Direction.found_on(
                    prior,
                    name=f"{name}_{index:02d}",
                    space="w",
                    values={"w": vector * spread},
                    unit=f"one standard deviation of w along it, {unit_of(samples)}",
                    layers=layers,
                    origin=float(samples.w.mean(dim=0) @ vector) / spread,
                    made=made,
                )
            )
        return found


# A Aᵀ v = λ v, A = [a_1 / |a_1|, a_2 / |a_2|, …]: a column for each channel of the chosen layers' styles
def factorise(generator: Generator, *, layers: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Eigenvalues [w_dim], falling, and unit eigenvectors [w_dim, w_dim], a row each; the largest entry is positive."""
    columns = torch.cat(affines(generator)[layers[0] : layers[1]]).double()  # [ΣC, w_dim]
    columns = columns / columns.norm(dim=1, keepdim=True).clamp(min=1e-12)  # StyleGAN3's input starts at zero
    values, vectors = torch.linalg.eigh(columns.t() @ columns)  # ascending
    rows = vectors.t().flip(0)
    sign = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True)).sign()
    return values.flip(0).float(), (rows * sign).float()


def affines(generator: Generator) -> list[Tensor]:
    """The affine that SeFa takes at each layer of w, [C, w_dim]: the convolution's; at StyleGAN2's last, ToRGB's."""
    if isinstance(generator, stylegan3.Generator):
        synthesis = generator.synthesis
        return [module.affine.weight.detach().cpu() for module in (synthesis.input, *synthesis.layers().values())]
    blocks = list(generator.synthesis.blocks().values())
    convolutions = [(block, layer) for block in blocks for layer in block.layers() if layer != "torgb"]
    chosen = [*convolutions, (blocks[-1], "torgb")]
    return [block.affine(layer).weight.detach().cpu() for block, layer in chosen]
