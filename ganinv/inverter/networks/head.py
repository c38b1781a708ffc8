"""Heads of encoders: features -> a latent's offset from where the encoder starts.

`Pyramid`: Richardson et al. 2021 (pSp, arXiv 2008.00951) and Tov et al. 2021 (e4e, arXiv 2102.02766); `Last`: the
simplified one of Alaluf et al. 2021 (ReStyle, arXiv 2104.02699); `Single`: one w. Names as published.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...generator.layers import FullyConnected

COARSE, MIDDLE = 3, 7  # the first layer that takes finer features, and the first that takes the finest


class Style(nn.Module):
    """A map -> one w: convolutions that each halve it down to one pixel, then a linear layer."""

    def __init__(self, *, into: int, width: int, w_dim: int, halvings: int) -> None:
        super().__init__()
        self.convs = nn.Sequential()
        for _ in range(max(1, halvings)):
            self.convs.extend([nn.Conv2d(into, width, 3, 2, padding=1), nn.LeakyReLU()])
            into = width
        self.linear = FullyConnected(in_features=width, out_features=w_dim)

    def forward(self, x: Tensor) -> Tensor:  # [N, I, s, s] -> [N, w_dim], s = 2^halvings
        return self.linear(self.convs(x).flatten(1))


class Last(nn.Module):
    """Every layer's w from the coarsest map; with `deltas`, from layer 1 on what is added to the first layer's."""

    def __init__(self, *, widths: list[int], style_width: int, w_dim: int, num_ws: int, halvings: int, deltas: bool):
        super().__init__()
        self.deltas, self.num_ws, self.used = deltas, num_ws, num_ws
        more = [halvings + self.level(layer) for layer in range(num_ws)]
        sizes = {"into": widths[-1], "width": style_width, "w_dim": w_dim}
        self.styles = nn.ModuleList(Style(**sizes, halvings=count) for count in more)

    @staticmethod
    def level(layer: int) -> int:
        """From which map a layer's w comes: 0 is the coarsest."""
        return 0

    def maps(self, features: list[Tensor]) -> list[Tensor]:
        """What `level` counts, from coarse to fine."""
        return features[-1:]

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features as a trunk gives them -> [N, num_ws, w_dim]. Layers from `used` on have no delta yet."""
        maps = self.maps(features)
        active = self.num_ws if not self.deltas else self.used
        found = [style(maps[self.level(layer)]) for layer, style in enumerate(self.styles) if layer < active]
        if not self.deltas:
            return torch.stack(found, dim=1)
        zero = torch.zeros_like(found[0])
        deltas = torch.stack([zero, *found[1:], *[zero] * (self.num_ws - active)], dim=1)
        return found[0][:, None] + deltas


class Pyramid(Last):
    """Coarse, middle and fine layers from maps of 1/16, 1/8 and 1/4; each map holds the coarser ones too."""

    def __init__(self, *, widths: list[int], **sizes):
        super().__init__(widths=widths, **sizes)
        self.latlayer1 = nn.Conv2d(widths[-2], widths[-1], 1)
        self.latlayer2 = nn.Conv2d(widths[-3], widths[-1], 1)

    @staticmethod
    def level(layer: int) -> int:
        return (layer >= COARSE) + (layer >= MIDDLE)

    def maps(self, features: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = features
        middle = _enlarge(coarse, middle) + self.latlayer1(middle)
        return [coarse, middle, _enlarge(middle, fine) + self.latlayer2(fine)]


class Single(nn.Module):
    """One w for every layer, from the mean of the coarsest map."""

    def __init__(self, *, widths: list[int], w_dim: int, num_ws: int) -> None:
        super().__init__()
        self.num_ws = num_ws
        self.linear = FullyConnected(in_features=widths[-1], out_features=w_dim)

    def forward(self, features: list[Tensor]) -> Tensor:
        w = self.linear(features[-1].mean(dim=[2, 3]))
        return w[:, None].expand(-1, self.num_ws, -1)


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)
