"""Which of the generator's weights move."""

from typing import Literal

from torch import Tensor, nn

from ..generator.family import Generator
from ..generator.synthesis import SynthesisLayer

Moves = Literal["synthesis", "convolutions", "all"]


def moving(generator: Generator, *, moves: Moves, noise_maps: bool = False) -> dict[str, nn.Parameter]:
    """The tensors that tuning may change, by their name in the generator's state dict.

    "synthesis": every parameter of the synthesis network; the mapping stays, so that sampling and directions stay
    valid. "convolutions": the same without the style affines, so that StyleSpace stays too. "all": the mapping as
    well, which at a fixed w moves only by the global terms. `noise_maps`: the constant noise too.
    """
    if noise_maps:
        _make_noise_parameters(generator)
    return {name: value for name, value in generator.named_parameters() if _is_moving(name, moves)}


def copied(weights: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """The values as they are now."""
    return {name: value.detach().clone() for name, value in weights.items()}


def is_matrix(weight: Tensor) -> bool:
    """Whether it is a convolution's with a kernel: [out, in, 3, 3], not ToRGB's [3, in, 1, 1]."""
    return weight.ndim == 4 and weight.shape[2] > 1


def _is_moving(name: str, moves: Moves) -> bool:
    if moves == "all":
        return True
    return name.startswith("synthesis.") and not (moves == "convolutions" and ".affine." in name)


def _make_noise_parameters(generator: Generator) -> None:
    for module in generator.synthesis.modules():
        if isinstance(module, SynthesisLayer):
            values = module.noise_const
            del module.noise_const
            module.noise_const = nn.Parameter(values)
