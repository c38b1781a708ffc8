"""What sampled images feel of a change of each convolution: the metric in which whitened Muon takes its steps."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..generator.family import Generator
from .manifold import Manifold
from .noise import noise_maps
from .parameters import is_matrix

ROOM = "synthesis."
BATCH = 4  # samples in one pass


@dataclass(frozen=True, eq=False)
class Whitening:
    """A weight matrix in other coordinates, A: W = left · A · right, so that ‖A‖² is about what samples feel of W."""

    left: Tensor  # [out, out], symmetric
    right: Tensor  # [in·k², in·k²], symmetric

    def __call__(self, matrix: Tensor) -> Tensor:
        """A change of A into that of W; a gradient in W into that in A.  # [out, in·k²]"""
        return self.left @ matrix @ self.right

    def to(self, place: torch.device) -> "Whitening":
        """The same there."""
        return Whitening(self.left.to(place), self.right.to(place))


# E ‖J δ‖² = E ⟨D, δ⟩² with D = ∇_W ⟨v, G⟩ and v = ±1 for each value of the images: the Gauss-Newton matrix of what a
# change δ of W does to the images. As in Shampoo (Gupta et al. 2018, arXiv 1802.09568) it is taken as
# E DDᵀ ⊗ E DᵀD / E ‖D‖².
def whitenings(
    generator: Generator, manifold: Manifold, *, count: int, damping: float, seed: int, batch: int = BATCH
) -> dict[str, Whitening]:
    """By name, for each convolution of the synthesis network that has a kernel, from `count` samples of `manifold`.

    With W = left · A · right, ‖A‖² is about the squared change of a sampled image, summed over its values. damping:
    share of their mean that is added to the eigenvalues of both factors, so that what no sample feels stays bounded.
    batch: samples in one pass.
    """
    random = torch.Generator().manual_seed(seed)
    named = generator.named_parameters()
    weights = {n: v.detach().clone().requires_grad_() for n, v in named if n.startswith(ROOM) and is_matrix(v)}
    passes = math.ceil(count / batch)
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    for _ in range(passes):
        for name, d in _probed(
            generator, weights, manifold.take(manifold.draw(batch, generator=random)), random
        ).items():
            left, right = sums.get(name, (0, 0))
            sums[name] = (left + d @ d.t() / (passes * batch), right + d.t() @ d / (passes * batch))
    return {name: _whitening(left, right, damping=damping) for name, (left, right) in sums.items()}


def _probed(
    generator: Generator, weights: dict[str, Tensor], samples: tuple[Tensor, Tensor, Tensor], random: torch.Generator
) -> dict[str, Tensor]:
    """D of a few samples together: their v are independent, so that E DDᵀ is the sum of theirs.  # [out, in·k²]"""
    ws, images, seeds = samples
    signs = torch.randint(2, images.shape, generator=random).to(images) * 2 - 1
    tensors = {name.removeprefix(ROOM): value for name, value in weights.items()}
    tensors |= noise_maps(generator, seeds, photo={})
    rendered = torch.func.functional_call(generator.synthesis, tensors, (ws,))
    gradients = torch.autograd.grad((signs * rendered).sum(), list(weights.values()))
    return {name: gradient.flatten(1) for name, gradient in zip(weights, gradients, strict=True)}


def _whitening(left: Tensor, right: Tensor, *, damping: float) -> Whitening:
    """The inverse roots of L ⊗ R / tr L."""
    scale = left.trace().sqrt()
    return Whitening(scale * _inverse_root(left, damping), _inverse_root(right, damping))


def _inverse_root(matrix: Tensor, damping: float) -> Tensor:
    """(M + ε tr(M)/n I)^-½; 0 of a matrix that is 0: such a layer is not felt, and does not move."""
    values, vectors = torch.linalg.eigh(matrix.double())
    values = values.clamp(min=0) + damping * matrix.diagonal().double().mean()
    roots = torch.where(values > 0, values, torch.inf).rsqrt()
    return (vectors * roots @ vectors.t()).to(matrix)
