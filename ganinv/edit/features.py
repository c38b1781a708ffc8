"""Frozen features that keep where in the picture they are."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..metric.frechet import AlexNet


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
        x = (pixels.to(self.mean.device).float() - self.mean) / self.std
        shrink = pixels.shape[-1] > self.side
        x = F.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=shrink)
        return F.adaptive_avg_pool2d(self.features[:8](x), self.grid).flatten(1)
