"""Whether two pictures show the same person: cosine of a face network's features (MobileFaceNet, arXiv 1804.07573)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops import Conv2dNormActivation

from ..dataset.frame import Region
from ..dataset.pixels import to_float, to_uint8
from ..errors import InputError
from ..weights import find, load
from .frechet import IMAGENET_MEAN, IMAGENET_STD

SIDE = 112
# Expansion, channels, blocks and first stride of each stage.
STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
# Left, top and side of the network's square in a picture cropped as FFHQ's, in its sides: FFHQ's crop puts the eyes'
# middle at .472 and the mouth's at .75 of the height, and the network's template at 51.6 and 92.3 of 112 pixels.
LEFT, TOP, WIDTH = 0.118, 0.120, 0.765


class _Depthwise(nn.Module):
    """Each channel by itself, then all together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.pointwise = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.pointwise(F.relu(self.bn1(self.depthwise(x))))))


class _Whole(nn.Module):
    """One weight for each place and channel, in the place of a mean over the 7 x 7 that are left."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise, self.bn = nn.Conv2d(width, width, 7, groups=width, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.depthwise(x))


class MobileFaceNet(nn.Module):
    """An aligned face -> 128 features, whose directions are compared."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv2dNormActivation(3, 64, 3, stride=2, activation_layer=nn.ReLU6)
        self.dw_conv = _Depthwise(64)
        blocks, width = [], 64
        for expansion, outer, count, first in STAGES:
            for i in range(count):
                blocks.append(InvertedResidual(width, outer, first if i == 0 else 1, expansion))
                width = outer
        self.features = nn.Sequential(*blocks)
        self.conv2 = Conv2dNormActivation(width, 512, 1, activation_layer=nn.ReLU6)
        self.gdconv = _Whole(512)
        self.conv3, self.bn = nn.Conv2d(512, 128, 1), nn.BatchNorm2d(128)

    def forward(self, faces: Tensor) -> Tensor:
        """`faces` [N, 3, 112, 112], normalised as ImageNet's -> [N, 128]."""
        x = self.conv2(self.features(self.dw_conv(self.conv1(faces))))
        return self.bn(self.conv3(self.gdconv(x))).flatten(1)


class Identity:
    """Cosine of the features of both faces, column `identity`: 1 the same picture, about 0 two people.

    For faces cropped as FFHQ's, where eyes and mouth have their places; no face is looked for, so other pictures give a
    number that says nothing. weights: the network's file (.safetensors or .pth). InputError: no such file, or another.
    """

    def __init__(self, *, weights: str) -> None:
        self.network, tensors = MobileFaceNet(), load(weights)
        try:
            self.network.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"{find(weights)}: not the weights of this MobileFaceNet (128 features)") from error
        self.network.requires_grad_(False).eval()

    @torch.no_grad()
    def __call__(
        self, images: Tensor, target: Tensor, *, valid: Region | None = None, size: int | None = None
    ) -> list[dict[str, float]]:
        """Both [N, 3, R, R] in [-1, 1] -> a row for each image. valid, size: not looked at; faces have no bars."""
        a, b = (self.network(aligned(to_float(to_uint8(pictures).cpu()))) for pictures in (images, target))
        return [{"identity": value} for value in F.cosine_similarity(a.double(), b.double()).tolist()]


def aligned(pictures: Tensor) -> Tensor:
    """Cropped as FFHQ's, [N, 3, R, R] in [-1, 1] -> what the network takes, [N, 3, 112, 112]."""
    side = pictures.shape[-1]
    left, top, width = (round(part * side) for part in (LEFT, TOP, WIDTH))
    face = pictures[:, :, top : top + width, left : left + width]
    face = F.interpolate(face, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=width > SIDE)
    mean, std = (torch.tensor(values, device=face.device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((face + 1) / 2 - mean) / std
