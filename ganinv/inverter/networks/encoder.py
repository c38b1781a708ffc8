"""An encoder: a photo, and for ReStyle what is reached so far -> what is added to the latent."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from .head import Last, Pyramid, Single
from .trunk import IRSE, ResNet, Trunk

STRIDE = 16  # pixels of the image behind one of the coarsest map
Units = Annotated[int, Field(ge=1, le=256)]
Width = Annotated[int, Field(ge=1, le=4096)]
Side = Annotated[int, Field(ge=STRIDE, le=4096)]
TRUNKS: dict[str, type[IRSE] | type[ResNet]] = {"ir_se": IRSE, "resnet": ResNet}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """All that the shapes of an encoder follow from."""

    num_ws: Annotated[int, Field(ge=1, le=64)]
    w_dim: Width
    trunk: Literal["ir_se", "resnet"]
    units: tuple[Units, Units, Units, Units]  # residual units in each stage of the trunk
    width: Width  # channels of its first stage, doubled with each stage
    head: Literal["pyramid", "last", "single"]
    deltas: bool  # layers from 1 on are offsets from the first (e4e)
    style_width: Annotated[int, Field(ge=0, le=4096)]  # channels of the head's own convolutions
    in_channels: Literal[3, 6]  # 3: the photo; 6: and what is reached so far
    in_size: Side  # pixels of a side, to which images are brought
    in_rows: Side  # of that many rows, the middle ones; fewer than in_size for wide photos

    @property
    def kind(self) -> Literal["psp", "e4e", "restyle"]:
        """The published method that it belongs to."""
        return "restyle" if self.in_channels == 6 else "e4e" if self.deltas or self.head == "single" else "psp"

    def record(self) -> dict[str, Any]:
        """For a file's header."""
        return asdict(self)


class Encoder(nn.Module):
    """offset = head(trunk(photo, reconstruction))."""

    def __init__(self, *, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.trunk: Trunk = TRUNKS[a.trunk](in_channels=a.in_channels, units=tuple(a.units), width=a.width)
        self.head = _head(a, self.trunk.widths)

    @property
    def is_residual(self) -> bool:
        """Whether it sees what is reached so far, so that more than one step makes sense."""
        return self.architecture.in_channels == 6

    def use(self, layers: int) -> None:
        """Of an encoder with deltas, the layers below `layers` have their own from now on, the others the first's."""
        if isinstance(self.head, Last):
            self.head.used = layers

    @property
    def layers(self) -> int:
        """How many have a w of their own: see `use`."""
        return self.head.used if isinstance(self.head, Last) else self.architecture.num_ws

    def seen(self, images: Tensor) -> Tensor:
        """Images [N, 3, R, R] as the encoder takes them.  # [N, 3, in_rows, in_size]"""
        side, rows = self.architecture.in_size, self.architecture.in_rows
        if images.shape[2:] != (side, side):
            images = F.adaptive_avg_pool2d(images, side)
        first = (side - rows) // 2
        return images[:, :, first : first + rows]

    def forward(self, images: Tensor, reached: Tensor | None = None) -> Tensor:
        """`images`, and for ReStyle the images `reached` so far, [N, 3, R, R] in [-1, 1] -> [N, num_ws, w_dim]."""
        parts = [self.seen(images)] if reached is None else [self.seen(images), self.seen(reached)]
        # Channels-last, as the generator gives images, makes oneDNN write outside its memory in the backward pass of a
        # 1 x 1 convolution of stride 2 with few channels (torch 2.14, CPU).
        return self.head(self.trunk(torch.cat(parts, dim=1).contiguous()))


def _head(a: Architecture, widths: list[int]) -> Last | Single:
    sizes: dict[str, Any] = {"widths": widths, "w_dim": a.w_dim, "num_ws": a.num_ws}
    if a.head == "single":
        return Single(**sizes)
    make = Pyramid if a.head == "pyramid" else Last
    halvings = (a.in_size // STRIDE).bit_length() - 1
    return make(**sizes, style_width=a.style_width, halvings=halvings, deltas=a.deltas)
