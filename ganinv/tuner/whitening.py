"""What sampled images feel of a change of each convolution: the metric in which whitened Muon takes its steps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..generator.family import Generator
from .manifold import draw_latents
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


# E ‖J δ‖² = E ⟨D, δ⟩² with D = ∇_W ⟨v, G⟩ and v = ±1 / √P for each of an image's P values: the Gauss-Newton matrix of
# the mean square of what a change δ of W does to an image. As in Shampoo (Gupta et al. 2018, arXiv 1802.09568) it is
# taken as E DDᵀ ⊗ E DᵀD / E ‖D‖².
def whitenings(
    generator: Generator, *, count: int, damping: float, noise_share: float, seed: int, batch: int = BATCH
) -> dict[str, Whitening]:
    """By name, for each convolution of the synthesis network that has a kernel, from `count` samples (ψ = 1).

    With W = left · A · right, ‖A‖² is about the mean square of what W changes in a sampled image on [-1, 1]. damping:
    share of their mean that is added to the eigenvalues of both factors, so that what no sample feels stays bounded.
    noise_share: as in `sample_manifold`. batch: samples in one pass, on which the estimate depends a little.
    """
    named = generator.named_parameters()
    weights = {n: v.detach().clone().requires_grad_() for n, v in named if n.startswith(ROOM) and is_matrix(v)}
    if not weights:  # StyleGAN3's R has kernels of one pixel alone
        return {}
    with torch.no_grad():
        latents = draw_latents(generator, count, noise_share=noise_share, seed=seed)
    random = torch.Generator().manual_seed(seed)
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    for ws, seeds in zip(latents["ws"].split(batch), latents["seeds"].split(batch), strict=True):
        for name, d in _probed(generator, weights, ws, seeds, random).items():
            left, right = sums.get(name, (0, 0))
            sums[name] = (left + d @ d.t() / count, right + d.t() @ d / count)
    return {name: _whitening(left, right, damping=damping) for name, (left, right) in sums.items()}


def _probed(
    generator: Generator, weights: dict[str, Tensor], ws: Tensor, seeds: Tensor, random: torch.Generator
) -> dict[str, Tensor]:
    """D of a few samples together: their v are independent, so that E DDᵀ is the sum of theirs.  # [out, in·k²]"""
    tensors = {name.removeprefix(ROOM): value for name, value in weights.items()}
    tensors |= noise_maps(generator, seeds, photo={})
    images = torch.func.functional_call(generator.synthesis, tensors, (ws,))
    signs = (torch.randint(2, images.shape, generator=random) * 2 - 1).to(images)
    projected = (signs * images).sum() / images[0].numel() ** 0.5
    gradients = torch.autograd.grad(projected, list(weights.values()))
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
