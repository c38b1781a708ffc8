"""Distances of whole images, without bands: what a pyramid is compared with, and what other methods minimise."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from .feature import LPIPS

Weight = Annotated[float, Field(ge=0)]


# l1 · mean|x − y| + l2 · mean(x − y)² + perceptual · LPIPS(x, y)
class Plain(nn.Module):
    """Mean absolute and mean squared difference and LPIPS, each by its weight; a term of weight 0 is not computed."""

    def __init__(self, *, l1: Weight = 0, l2: Weight = 0, perceptual: Weight = 0, lpips: LPIPS | None = None) -> None:
        super().__init__()
        if not (l1 or l2 or perceptual):
            raise ValueError("l1, l2, perceptual: all are 0, so nothing is measured; set at least one above 0")
        if perceptual and lpips is None:
            raise ValueError("perceptual: a weight above 0 needs the network of LPIPS, in `lpips`")
        self.l1, self.l2, self.perceptual = l1, l2, perceptual
        self.lpips = lpips if perceptual else None

    def fits(self, resolution: int) -> None:
        """Refuse, with an InputError, images of a side in pixels that LPIPS does not take."""
        if self.lpips is not None:
            self.lpips.fits(resolution)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """`image`, `target` [N, 3, H, W] in [-1, 1] -> [N]."""
        if image.shape != target.shape or image.ndim != 4:
            raise ValueError(
                f"Plain: expected two batches [N, C, H, W], got {list(image.shape)} and {list(target.shape)}"
            )
        difference = (image - target).flatten(1)
        total = difference.new_zeros(len(image))
        if self.l1:
            total = total + self.l1 * difference.abs().mean(dim=1)
        if self.l2:
            total = total + self.l2 * difference.square().mean(dim=1)
        return total if self.lpips is None else total + self.perceptual * self.lpips(image, target)
