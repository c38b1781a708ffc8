"""How far a w lies from those that the mapping makes: the space P_N of Zhu et al. 2020 (arXiv 2012.09036)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

SLOPE = 5.0  # undoes the leaky ReLU of slope 0.2 that ends the mapping
FLOOR = 1e-6  # share of the largest eigenvalue below which none is taken


@dataclass(frozen=True)
class PNorm:
    """Mean and principal axes of the mapping's last layer before its leaky ReLU, where latents are near Gaussian."""

    mean: Tensor  # [w_dim]
    axes: Tensor  # [w_dim, w_dim], in columns, over their standard deviations

    @classmethod
    def of(cls, w: Tensor) -> "PNorm":
        """Of sampled w [M, w_dim], some thousands."""
        x = F.leaky_relu(w, SLOPE)
        values, vectors = torch.linalg.eigh(torch.cov(x.T).reshape(x.shape[1], -1))
        return cls(mean=x.mean(dim=0), axes=vectors * values.clamp_min(FLOOR * values.max()).rsqrt())

    # v = Λ^(−½) Cᵀ (LeakyReLU₅(w) − μ);  |v|² / w_dim, mean over the layers
    def __call__(self, ws: Tensor) -> Tensor:
        """`ws` [N, L, w_dim] -> [N]; about 1 for a w of the mapping."""
        return ((F.leaky_relu(ws, SLOPE) - self.mean) @ self.axes).square().mean(dim=[1, 2])
