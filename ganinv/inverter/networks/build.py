"""Encoders out of an architecture and tensors, both of which may be anybody's."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from .encoder import Architecture, Encoder

TRUNK = ("input_layer", "body", "conv1", "bn1", "relu")  # beginnings of published names that belong to the trunk
COUNTED = "num_batches_tracked"  # of batch normalisation, which nothing reads; some files lack it
Value = TypeVar("Value")


def expected(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shapes by name of the tensors that such an encoder has; nothing is allocated. Raises ValueError."""
    return {name: tuple(value.shape) for name, value in _weightless(architecture).state_dict().items()}


def assemble(architecture: Architecture, tensors: Mapping[str, Tensor]) -> Encoder:
    """The encoder with `tensors` themselves as its weights, frozen, in evaluation mode. Raises ValueError."""
    encoder = _weightless(architecture)
    counts = {name: torch.tensor(0) for name in encoder.state_dict() if name.endswith(COUNTED)}
    try:
        encoder.load_state_dict(counts | dict(tensors), assign=True)
    except RuntimeError as error:
        raise ValueError(str(error).split("\n")[1].strip()) from error
    return encoder.requires_grad_(False).eval()


def renamed(published: Mapping[str, Value]) -> dict[str, Value]:
    """Published names -> ours, which say what belongs to the trunk and what to the head."""
    return {f"{'trunk' if name.split('.')[0] in TRUNK else 'head'}.{name}": value for name, value in published.items()}


def _weightless(architecture: Architecture) -> Encoder:
    with torch.device("meta"):
        return Encoder(architecture=architecture)
