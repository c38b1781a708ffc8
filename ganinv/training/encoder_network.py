"""What a new encoder looks like."""

from dataclasses import dataclass
from typing import Literal

from ..errors import InputError
from ..generator.family import Generator
from ..inverter.networks.encoder import Architecture
from .schedule import Count

MAX_SIDE = 256  # pixels to which larger photos are reduced, as for published encoders


@dataclass(frozen=True, kw_only=True)
class Network:
    """A new encoder, at the generator's resolution.

    kind: restyle sees the photo and what is reached so far, psp and e4e the photo alone. deltas: layers are offsets
    from the first, as e4e has it. units: residual units in each of the trunk's stages; width: channels of the first
    stage, doubled with each. head: "last" takes every layer's w from the coarsest map, "pyramid" finer layers' from
    finer maps. style_width: channels of the head's convolutions.
    """

    kind: Literal["restyle", "e4e", "psp"] = "restyle"
    deltas: bool = False
    trunk: Literal["resnet", "ir_se"] = "resnet"
    units: tuple[Count, Count, Count, Count] = (2, 2, 2, 2)
    width: Count = 24
    head: Literal["last", "pyramid"] = "last"
    style_width: Count = 56

    def architecture(self, generator: Generator) -> Architecture:
        """For `generator`, whatever its number of layers. Raises InputError."""
        if (self.kind == "e4e" and not self.deltas) or (self.kind == "psp" and self.deltas):
            raise InputError(
                f"training.network: {self.kind} with deltas={self.deltas}; deltas are what makes e4e of psp"
            )
        side, (a, b, c, d) = min(generator.img_resolution, MAX_SIDE), self.units
        return Architecture(
            num_ws=generator.num_ws,
            w_dim=generator.w_dim,
            trunk=self.trunk,
            units=(a, b, c, d),
            width=self.width,
            head=self.head,
            deltas=self.deltas,
            style_width=self.style_width,
            in_channels=6 if self.kind == "restyle" else 3,
            in_size=side,
            in_rows=side,
        )
