"""What a tuning gives."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..generator.family import Generator


@dataclass(frozen=True)
class Tuned:
    """A tuned generator and how it came about."""

    generator: Generator
    moved: dict[str, Tensor]  # the tensors that differ from the prior's, by name in the generator's state dict
    curve: list[dict[str, float]]  # a row per logged step: step, seconds, total, each term by name, mse, psnr
    steps: int
    seconds: float
    stopped: str  # "target", "budget", "not finite" or "not tuned"
    pictures: dict[int, Tensor] = field(default_factory=dict)  # the photo's on the way (`Snapshots`)


def moved_of(untouched: Generator, tuned: Generator) -> dict[str, Tensor]:
    """The tensors of `tuned` that differ in any bit, by name in its state dict."""
    before = untouched.state_dict()
    after = {name: value.detach() for name, value in tuned.state_dict().items()}
    bits = torch.int32  # 0 and −0 are equal as numbers
    return {name: value for name, value in after.items() if not torch.equal(value.view(bits), before[name].view(bits))}
