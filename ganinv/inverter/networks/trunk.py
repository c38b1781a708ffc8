"""Bodies of encoders: an image -> its features at 1/4, 1/8 and 1/16 of its size.

Names of the parameters are those of the published pSp, e4e and ReStyle encoders.
"""

from abc import abstractmethod
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

REDUCTION = 16  # of the channels, inside squeeze and excitation
IRSE_50, RESNET_34 = (3, 4, 14, 3), (3, 4, 6, 3)  # residual units a stage


class Trunk(nn.Module):
    """Four stages, each of twice the width of the one before; three stages' ends are handed on."""

    def __init__(self, *, units: tuple[int, ...], width: int) -> None:
        super().__init__()
        if len(units) != 4 or min(units) < 1 or width < 1:
            raise ValueError(f"units, width: four stages of at least one unit are needed, got {units} and {width}")
        self.widths = [width << stage for stage in range(4)]
        self.ends = [sum(units[: stage + 1]) - 1 for stage in range(4)]
        self.body = nn.Sequential()

    @abstractmethod
    def enter(self, x: Tensor) -> Tensor:
        """What precedes the residual units."""

    def forward(self, x: Tensor) -> list[Tensor]:
        """`x` [N, I, H, W] -> [N, 2w, H/4, W/4], [N, 4w, H/8, W/8], [N, 8w, H/16, W/16] for width w."""
        x, found = self.enter(x), []
        for number, unit in enumerate(self.body):
            x = unit(x)
            if number in self.ends[1:]:
                found.append(x)
        return found


class IRSE(Trunk):
    """Improved residual units with squeeze and excitation, as of ArcFace (Deng et al. 2019, arXiv 1801.07698)."""

    def __init__(self, *, in_channels: int, units: tuple[int, ...] = IRSE_50, width: int = 64) -> None:
        super().__init__(units=units, width=width)
        first = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.input_layer = nn.Sequential(first, nn.BatchNorm2d(width), nn.PReLU(width))
        for into, count, out in zip([width, *self.widths], units, self.widths, strict=False):
            self.body.append(IRSEUnit(into, out, stride=2))
            self.body.extend(IRSEUnit(out, out, stride=1) for _ in range(count - 1))

    def enter(self, x: Tensor) -> Tensor:
        return self.input_layer(x)


class IRSEUnit(nn.Module):
    """y = shortcut(x) + gate(BN conv PReLU conv BN x); where the width stays, the shortcut takes every second pixel."""

    def __init__(self, into: int, out: int, *, stride: int) -> None:
        super().__init__()
        shortcut = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.shortcut_layer = nn.MaxPool2d(1, stride) if into == out else shortcut
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(into),
            nn.Conv2d(into, out, 3, padding=1, bias=False),
            nn.PReLU(out),
            nn.Conv2d(out, out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out),
            Gate(out),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut_layer(x) + self.res_layer(x)


class Gate(nn.Module):
    """Squeeze and excitation: each channel times σ(W₂ relu(W₁ mean(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = max(1, channels // REDUCTION)
        self.fc1 = nn.Conv2d(channels, inside, 1, bias=False)
        self.fc2 = nn.Conv2d(inside, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean(dim=[2, 3], keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(squeezed))))


class ResNet(Trunk):
    """torchvision's residual units without its max-pooling, so that the last map is 1/16 of the image."""

    def __init__(self, *, in_channels: int, units: tuple[int, ...] = RESNET_34, width: int = 64) -> None:
        super().__init__(units=units, width=width)
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.PReLU(width)
        self.body.extend(BasicBlock(width, width) for _ in range(units[0]))
        for count, (into, out) in zip(units[1:], pairwise(self.widths), strict=True):
            shortcut = nn.Sequential(nn.Conv2d(into, out, 1, 2, bias=False), nn.BatchNorm2d(out))
            self.body.append(BasicBlock(into, out, 2, shortcut))
            self.body.extend(BasicBlock(out, out) for _ in range(count - 1))

    def enter(self, x: Tensor) -> Tensor:
        return self.relu(self.bn1(self.conv1(x)))
