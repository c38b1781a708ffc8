"""What a reader of another project's checkpoint hands over."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Found:
    """The networks of a checkpoint in our names, not yet built or checked against each other.

    architecture: the record of `generator.checkpoint` (flat keys of the generator; a key that the discriminator has
    differently stands again with the prefix "d_"). tensors: float32 on the CPU, "G_ema.…", "D.…" and, where the file
    has them, "G.…" (raw training weights), names of stylegan2-ada-pytorch, `G_ema.mapping.w_avg` among them. notes: one
    sentence for each thing that is missing, was computed, or is not honoured.
    """

    family: str  # "stylegan2" or "stylegan3"
    form: str  # of the file, in words: "stylegan2-ada-pytorch pickle"
    architecture: dict[str, Any]
    tensors: dict[str, Tensor]
    notes: list[str] = field(default_factory=list)
    licence: str = "not stated"
    training: dict[str, Any] = field(default_factory=dict)
