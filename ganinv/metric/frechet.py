"""Fréchet distance between two sets of images in the features of a network.

Only Inception's distance is called FID (Heusel et al. 2017, arXiv 1706.08500); every other one carries its network's
name, and its numbers compare with those of the same network alone.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.kid import poly_mmd

from ..errors import InputError
from ..weights import find, load

SUBSET = 1000  # images in which the kernel distance is taken at once
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FeatureNetwork(Protocol):
    """Images -> features; `title` is what its Fréchet distance is called."""

    title: str
    num_features: int

    def __call__(self, pixels: Tensor, /) -> Tensor:
        """`pixels` uint8 [N, 3, H, W] -> [N, num_features] float32."""
        ...

    def to(self, device: torch.device, /) -> object: ...


class AlexNet(nn.Module):
    """AlexNet's last convolution after its ReLU, averaged over the image: 256 features.

    Images are resized to 128 pixels (bilinear, antialiased where they are larger) and normalised as ImageNet's.
    """

    title = "Fréchet distance (AlexNet)"
    num_features = 256
    side = 128  # pixels
    mean: Tensor
    std: Tensor

    def __init__(self, *, weights: str | None = None) -> None:
        """`weights`: a safetensors file with torchvision's names, or None for the one that LPIPS uses too."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        name = weights or "lpips_alexnet_features"
        tensors = load(name)
        try:
            self.load_state_dict({key: tensors[key] for key in self.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{find(name)}: not AlexNet's convolutions in torchvision's names") from error
        # On pixels 0..255: the mean is taken off and the deviation divided out in one step.
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # pyright: ignore

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels` uint8 [N, 3, H, W] -> [N, 256]."""
        x = (pixels.to(self.mean.device).float() - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        shrink = pixels.shape[-1] > self.side
        x = F.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=shrink)
        return self.features(x).mean(dim=[2, 3])


class Inception(nn.Module):
    """Inception v3 as FID takes it: 2,048 features, of the package torch-fidelity; images are resized inside."""

    title = "FID"
    num_features = 2048

    def __init__(self, *, weights: str) -> None:
        """`weights`: torch-fidelity's file `weights-inception-2015-12-05-6726825d.pth`; nothing is downloaded."""
        super().__init__()
        # torch-fidelity unpickles the file without a guard; one that `load` takes holds tensors alone and runs no code.
        path, _ = str(find(weights)), load(weights)
        try:
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=path)
        except ModuleNotFoundError as error:
            raise InputError("FID needs the package torch-fidelity: pip install torch-fidelity") from error
        except RuntimeError as error:
            raise InputError(f"{path}: not the weights of torch-fidelity's Inception v3") from error

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels` uint8 [N, 3, H, W] -> [N, 2048]."""
        return self.network(pixels.to(next(self.network.parameters()).device))


class _Given(nn.Module):
    """Hands features on to torchmetrics, so that they are computed once and compared with several sets."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def collect(network: FeatureNetwork, batches: Iterable[Tensor]) -> Tensor:
    """Batches of uint8 [N, 3, H, W] -> features of all of them [total, num_features], float32, on the CPU."""
    return torch.cat([network(pixels).cpu() for pixels in batches])


# |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), Σ with N − 1 (Heusel et al. 2017, equation 6), in float64.
def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Between two sets of features, [N, F] and [M, F], at least two each."""
    metric = FrechetInceptionDistance(feature=_Given(a.shape[1]))
    metric.update(a.double().cpu(), real=True)
    metric.update(b.double().cpu(), real=False)
    return float(metric.compute())


# Mean over subsets of the unbiased MMD² with k(x, y) = (xᵀy / F + 1)³ (Bińkowski et al. 2018, arXiv 1801.01401).
def kernel_distance(a: Tensor, b: Tensor, *, subsets: int = 100, seed: int = 0) -> float:
    """Between two sets of features, [N, F] and [M, F], 1,000 of each at a time; KID in the features of Inception."""
    size, random = min(SUBSET, len(a), len(b)), torch.Generator().manual_seed(seed)

    def some(features: Tensor) -> Tensor:
        return features[torch.randperm(len(features), generator=random)[:size]]

    a, b = a.double().cpu(), b.double().cpu()
    return float(torch.stack([poly_mmd(some(a), some(b)) for _ in range(subsets)]).mean())


def expect_enough(network: FeatureNetwork, count: int, what: str) -> None:
    """InputError unless `count` of `what` gives a covariance of full rank."""
    if count <= network.num_features:
        needed = network.num_features + 1
        raise InputError(f"{what}: {count:,}, but {network.title} in {network.num_features} features needs {needed:,}")
