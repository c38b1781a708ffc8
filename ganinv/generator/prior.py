"""What a prior is, and the fingerprint of its generator."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from .discriminator import Discriminator
from .family import Generator


@dataclass(frozen=True)
class Prior:
    """A generator with its discriminator, and what is known of them."""

    generator: Generator
    discriminator: Discriminator | None
    fingerprint: str
    architecture: dict[str, Any]
    name: str
    licence: str = "not stated"
    training: dict[str, Any] = field(default_factory=dict)
    path: str | None = None
    form: str = "ganinv's own file"
    notes: list[str] = field(default_factory=list)  # what a foreign file lacks, and what was computed or left out


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over every tensor of `module`, by name: UTF-8 name, then little-endian float32 values in C order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes())
    return f"sha256:{digest.hexdigest()}"
