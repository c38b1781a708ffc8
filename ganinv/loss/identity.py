"""How far two faces are from being the same person's, as a loss: 1 − cosine of a face network's features."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..metric.identity import Identity, aligned


class IdentityDistance(nn.Module):
    """0 for the same picture, about 1 for two people, for faces cropped as FFHQ's; differentiable.

    weights: the file of a MobileFaceNet, as for the metric `identity`. A metric with the network that was trained on
    says less than one with another.
    """

    def __init__(self, *, weights: str) -> None:
        super().__init__()
        self.network = Identity(weights=weights).network

    def train(self, mode: bool = True) -> "IdentityDistance":
        """Stay in evaluation mode: the network's statistics are finished."""
        return super().train(False)

    # 1 − cos(φ(a), φ(b))
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """`a`, `b` [N, 3, R, R] in [-1, 1] -> [N]. No gradient reaches `b`."""
        with torch.no_grad():
            target = self.network(aligned(b))
        return 1 - F.cosine_similarity(self.network(aligned(a)), target)
