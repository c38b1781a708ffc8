"""Adaptive discriminator augmentation (Karras et al. 2020, arXiv 2006.06676) on kornia.

The paper's "bgc": flips, quarter turns, shifts, scalings, rotations, and colours, each with probability p, which rises
while the discriminator is sure of the training images. An image's geometric maps are multiplied and it is warped once,
its colour maps likewise, and nothing is clamped, so that gradients reach the generator wherever its values lie.
"""

import logging
import math
from typing import Annotated, Any, Literal

import torch
from kornia.augmentation import AugmentationSequential, GeometricAugmentationBase2D, IntensityAugmentationBase2D
from kornia.geometry.transform import warp_affine
from pydantic import Field
from torch import Tensor

log = logging.getLogger(__name__)
AUTO_BELOW = 10_000  # images
SHIFT = 0.125  # of the side: integer shifts at most, and the deviation of the fractional ones
SCALE, BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.2, 0.5, 1.0  # deviations; all but brightness in powers of two


class Adaptive:
    """p rises where more than `target` of E[sign D(x)] says that D knows the training images, and falls below.

    mode: "auto" is on for fewer than 10,000 images. kimg: thousand images in which p goes from 0 to 1. interval: steps
    from one change of p to the next. start: p at the beginning.
    """

    def __init__(
        self,
        *,
        mode: Literal["auto", "on", "off"] = "auto",
        target: Annotated[float, Field(gt=-1, lt=1)] = 0.6,
        kimg: Annotated[float, Field(gt=0)] = 500,
        interval: Annotated[int, Field(gt=0)] = 4,
        start: Annotated[float, Field(ge=0, le=1)] = 0,
    ) -> None:
        self.mode, self.target, self.kimg, self.interval, self.start = mode, target, kimg, interval, start

    def is_on(self, images: int) -> bool:
        """For a set of so many training images; says why."""
        if self.mode != "auto":
            return self.mode == "on"
        few = images < AUTO_BELOW
        why = "fewer" if few else "no fewer"
        log.info("augmentation %s: %s than %d images (training.augment.mode)", "on" if few else "off", why, AUTO_BELOW)
        return few

    def next_p(self, p: float, sign: float, images: int) -> float:
        """p after `images` more, `sign` being the mean of sign D(x) over them."""
        change = images / (self.kimg * 1000)
        return min(max(p + math.copysign(change, sign - self.target), 0), 1)


class Augment:
    """Real and generated images on their way to D, each map with probability p."""

    def __init__(self) -> None:
        self.maps = Geometry(), Colour()
        self.pipeline = AugmentationSequential(*self.maps, data_keys=["input"])

    def __call__(self, images: Tensor, p: float) -> Tensor:
        """[N, 3, R, R] -> the same, differentiable once; as they are at p = 0. Of torch's global random numbers."""
        if not p:
            return images
        for each in self.maps:
            each.chance = p
        out: Any = self.pipeline(images)
        return out


class Geometry(GeometricAugmentationBase2D):
    """Flip, quarter turn, whole-pixel shift, scaling, rotation, scaling of one axis, rotation, shift: one warp."""

    chance = 1.0

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def generate_parameters(self, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """One matrix an image, from a picture's place to the place where it is shown, in sides from the middle."""
        n, p, side = shape[0], self.chance, shape[-1]
        # Two rotations, so that with both the chance is p.
        turn = 1 - math.sqrt(1 - p)
        flip = torch.where(_drawn(n, p) & (torch.rand(n) < 0.5), -1.0, 1.0)
        quarter = _drawn(n, p) * torch.randint(4, [n]) * (math.pi / 2)
        whole = torch.round((2 * torch.rand(n, 2) - 1) * SHIFT * side) / side * _drawn(n, p)[:, None]
        both, one = _powers(n, p, SCALE), _powers(n, p, SCALE)
        matrices = [
            _scaling(flip, torch.ones(n)),
            _rotation(quarter),
            _shift(whole),
            _scaling(both, both),
            _rotation(_angles(n, turn)),
            _scaling(one, 1 / one),
            _rotation(_angles(n, turn)),
            _shift(torch.randn(n, 2) * SHIFT * _drawn(n, p)[:, None]),
        ]
        total = torch.eye(3).expand(n, 3, 3)
        for matrix in matrices:
            total = matrix @ total
        return {"map": total}

    def compute_transformation(self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any]) -> Tensor:
        """The matrices between pixels, whose middle is (R − 1) / 2."""
        side = input.shape[-1]
        middle = torch.tensor([[1, 0, (side - 1) / 2], [0, 1, (side - 1) / 2], [0, 0, 1]])
        scale = torch.diag(torch.tensor([side, side, 1.0]))
        to_pixels = middle @ scale
        return (to_pixels @ params["map"] @ torch.linalg.inv(to_pixels)).to(input)

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """One bilinear warp; beyond its border a picture is mirrored."""
        assert transform is not None
        size = (input.shape[-2], input.shape[-1])
        return warp_affine(input, transform[:, :2], size, padding_mode="reflection", align_corners=True)


class Colour(IntensityAugmentationBase2D):
    """Brightness, contrast, inverted luma, hue, saturation: one affine map of RGB around grey, on [-1, 1]."""

    chance = 1.0

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def generate_parameters(self, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """`matrix` [N, 3, 3] and `offset` [N, 3]"""
        n, p = shape[0], self.chance
        grey = torch.full([3, 3], 1 / 3)  # v vᵀ, v = (1, 1, 1) / √3
        offset = torch.randn(n) * BRIGHTNESS * _drawn(n, p)
        contrast = _powers(n, p, CONTRAST)
        invert = (_drawn(n, p) & (torch.rand(n) < 0.5)).float()
        saturation = _powers(n, p, SATURATION)
        matrix = contrast[:, None, None] * torch.eye(3)
        matrix = (torch.eye(3) - 2 * grey * invert[:, None, None]) @ matrix
        matrix = _hue(_angles(n, p)) @ matrix
        matrix = (grey + (torch.eye(3) - grey) * saturation[:, None, None]) @ matrix
        return {"matrix": matrix, "offset": matrix @ torch.ones(3) * offset[:, None]}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        colours = params["matrix"].to(input) @ input.flatten(2)
        return (colours + params["offset"].to(input)[:, :, None]).view_as(input)


def _drawn(n: int, p: float) -> Tensor:
    return torch.rand(n) < p


def _angles(n: int, p: float) -> Tensor:
    return (2 * torch.rand(n) - 1) * math.pi * _drawn(n, p)


def _powers(n: int, p: float, deviation: float) -> Tensor:
    return torch.exp2(torch.randn(n) * deviation * _drawn(n, p))


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], dim=1))


def _shift(by: Tensor) -> Tensor:
    matrix = torch.eye(3).repeat(len(by), 1, 1)
    matrix[:, :2, 2] = by
    return matrix


def _rotation(angle: Tensor) -> Tensor:
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero, zero, zero, one]
    return torch.stack(rows, dim=1).view(-1, 3, 3)


# Rodrigues: v vᵀ + cos θ (I − v vᵀ) + sin θ [v]×, around the grey axis
def _hue(angle: Tensor) -> Tensor:
    grey, s = torch.full([3, 3], 1 / 3), 1 / math.sqrt(3)
    cross = torch.tensor([[0, -s, s], [s, 0, -s], [-s, s, 0]])
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return grey + cos * (torch.eye(3) - grey) + sin * cross
