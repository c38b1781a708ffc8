"""Frozen features that keep where in the picture they are."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import squeezenet1_1

from ..errors import InputError
from ..metric.frechet import IMAGENET_MEAN, IMAGENET_STD, AlexNet
from ..weights import find, load


class AlexNetGrid(AlexNet):
    """AlexNet's third convolution after its ReLU, averaged over the fields of a 6 × 6 grid: 13,824 features.

    On FFHQ at 64 pixels (1,182 labelled photos, 5 folds) a linear head told smiles with teeth apart with an area under
    the curve of 0.93; on the last convolution, averaged over the picture or over 3 × 3 fields, with 0.70 to 0.77.
    """

    title = "AlexNet, third convolution, 6 x 6"
    side = 224  # pixels, to which pictures are resized
    grid = 6
    num_features = 384 * grid**2

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels` uint8 [N, 3, H, W] -> [N, 13824]."""
        return self.graded(pixels)

    def graded(self, pixels: Tensor) -> Tensor:
        """The same of float32 in [0, 255], with a gradient."""
        return F.adaptive_avg_pool2d(self.features[:8](normalised(self, pixels)), self.grid).flatten(1)


class SqueezeNetGrid(nn.Module):
    """SqueezeNet 1.1's fifth fire module, averaged over the fields of a 6 × 6 grid: 13,824 features.

    A judge of edits that AlexNet found. Its trunk is one that LPIPS uses too: lpips_squeezenet1_1_features.
    """

    title = "SqueezeNet 1.1, fifth fire module, 6 x 6"
    side, grid = 224, 6
    num_features = 384 * grid**2
    mean: Tensor
    std: Tensor

    def __init__(self, *, weights: str | None = None) -> None:
        """`weights`: a file with torchvision's names, or None for the one that LPIPS uses too."""
        super().__init__()
        name = weights or "lpips_squeezenet1_1_features"
        self.features, tensors = squeezenet1_1().features, load(name)
        try:
            self.load_state_dict({key: tensors[key] for key in self.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{find(name)}: not SqueezeNet 1.1's features in torchvision's names") from error
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels` uint8 [N, 3, H, W] -> [N, 13824]."""
        return self.graded(pixels)

    def graded(self, pixels: Tensor) -> Tensor:
        """The same of float32 in [0, 255], with a gradient."""
        return F.adaptive_avg_pool2d(self.features[:10](normalised(self, pixels)), self.grid).flatten(1)


def normalised(network: "AlexNetGrid | SqueezeNetGrid", pixels: Tensor) -> Tensor:
    """[N, 3, H, W] in [0, 255] -> as ImageNet's photos, [N, 3, side, side], on the network's device."""
    x = (pixels.to(network.mean.device).float() - network.mean) / network.std
    size, shrink = (network.side, network.side), pixels.shape[-1] > network.side
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=shrink)
