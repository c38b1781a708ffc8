"""Distance in a network's features: LPIPS (Zhang et al. 2018, arXiv 1801.03924), on the package `lpips`."""

import warnings
from typing import Literal

import lpips
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..weights import find, load

TRUNKS = {"alex": "lpips_alexnet_features", "squeeze": "lpips_squeezenet1_1_features", "vgg": "lpips_vgg16_features"}
MIN_SIDE = {"alex": 31, "squeeze": 17, "vgg": 16}  # pixels below which a pooling of the trunk has nothing left


class LPIPS(nn.Module):
    """Learned perceptual distance of two images; 0 for equal ones, larger for less similar ones.

    network: the trunk; values of different trunks do not compare. weights: file of the trunk (.safetensors or .pth,
    torchvision's names `features.N.weight`) or a name of `ganinv.weights`; None: the network's own name. The linear
    heads (version 0.1) come with the package. Raises MissingWeights where the trunk is not at hand.
    """

    def __init__(self, *, network: Literal["alex", "squeeze", "vgg"] = "alex", weights: str | None = None) -> None:
        super().__init__()
        self.network = network
        name = weights or TRUNKS[network]
        trunk = load(name)
        self.distance = _without_trunk(network)
        try:
            self.distance.net.load_state_dict({key: trunk[_torchvision(key)] for key in self.distance.net.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{find(name)}: not the trunk of LPIPS ({network}) in torchvision's names") from error
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "LPIPS":
        """Stay in evaluation mode: the heads have dropout, which would make the distance random."""
        return super().train(False)

    def fits(self, side: int) -> None:
        """Refuse, with an InputError, images of fewer pixels than the trunk takes."""
        least, others = MIN_SIDE[self.network], [name for name, pixels in MIN_SIDE.items() if pixels <= side]
        if side < least:
            instead = f"set loss.lpips.network={' or '.join(others)}" if others else "take a larger generator"
            raise InputError(
                f"loss.lpips: {self.network} needs images of at least {least} pixels, but this generator's have {side};"
                f" {instead}, or set loss.perceptual=0"
            )

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """`a`, `b` [N, 3, H, W] in [-1, 1], on any device -> [N], one value per image, on this network's."""
        if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3:
            raise ValueError(f"LPIPS: expected two batches [N, 3, H, W], got {list(a.shape)} and {list(b.shape)}")
        if min(a.shape[2:]) < MIN_SIDE[self.network]:
            side, least = min(a.shape[2:]), MIN_SIDE[self.network]
            raise ValueError(f"LPIPS: {self.network} needs images of at least {least} pixels, got {side}")
        device = next(self.parameters()).device
        return self.distance(a.to(device), b.to(device)).flatten()


def _without_trunk(network: str) -> lpips.LPIPS:
    """`lpips.LPIPS` with its heads and a random trunk, so that nothing is downloaded; the random state is kept."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        # lpips 0.1.4 calls torchvision with arguments of its older versions.
        warnings.filterwarnings("ignore", message="(The parameter 'pretrained'|Arguments other than a weight enum)")
        return lpips.LPIPS(net=network, pnet_rand=True, verbose=False)


def _torchvision(key: str) -> str:
    """`slice2.3.weight` of lpips is `features.3.weight` of torchvision."""
    return f"features.{key.split('.', 1)[1]}"
