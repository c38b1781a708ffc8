"""Our networks as a pickle that the tools of stylegan2-ada-pytorch and stylegan3 load: `G`, `D` and `G_ema`.

Half precision is left out: the tools run every block in float32, as we do.
"""

import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...files import write_bytes
from .. import stylegan3
from ..checkpoint import Prior
from . import nvidia_layout, nvidia_layout3
from .nvidia_keywords import discriminator_keywords, generator_keywords
from .nvidia_source import ABSENT, STYLEGAN2, STYLEGAN3
from .unpickle import PERSISTENCE_VERSION, Node

PROTOCOL = 3  # of the published files
RECONSTRUCT = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"


class Network(NamedTuple):
    """An object of a class, and the source text that defines the class."""

    node: Node
    source: str


def write(target: Path, prior: Prior) -> list[str]:
    """Write `prior` whole or not at all; what was left out, in sentences. `G` is `G_ema`: raw weights are not kept."""
    buffer = io.BytesIO()
    notes = [] if prior.discriminator else ["No discriminator was written, as the prior has none: a stand-in is there."]
    _Writer(buffer, PROTOCOL).dump(content(prior))
    write_bytes(target, buffer.getvalue())
    return notes


def content(prior: Prior) -> dict[str, Any]:
    """What the pickle holds, as stylegan2-ada-pytorch's training writes it."""
    generator = _generator(prior)
    names = {"training_set_kwargs": None, "G": generator, "D": _discriminator(prior), "G_ema": generator}
    return names | {"augment_pipe": None}


def _generator(prior: Prior) -> Network:
    network, architecture = prior.generator, prior.architecture
    if isinstance(network, stylegan3.Generator):
        return Network(nvidia_layout3.node(network, architecture), STYLEGAN3)
    return Network(nvidia_layout.node(network, generator_keywords(network, architecture)), STYLEGAN2)


def _discriminator(prior: Prior) -> Network:
    network = prior.discriminator
    if network is None:
        return Network(nvidia_layout.persistent("Absent", {}), ABSENT)
    return Network(nvidia_layout.node(network, discriminator_keywords(network, prior.architecture)), STYLEGAN2)


class _Writer(pickle._Pickler):
    """Objects of the host's classes go out by name, as no class of ours stands for them."""

    dispatch = dict(pickle._Pickler.dispatch)
    source = ""

    def save_network(self, network: Network) -> None:
        self.source = network.source
        self.save(network.node)

    def save_node(self, node: Node) -> None:
        record = {"type": "class", "version": PERSISTENCE_VERSION, "module_src": self.source}
        self.write(RECONSTRUCT)
        self.save((record | {"class_name": node.class_name, "state": node.state},))
        self.write(pickle.REDUCE)
        self.memoize(node)

    def save_tensor(self, tensor: Tensor) -> None:
        """float32, contiguous, in a storage of its own."""
        own = tensor.detach().cpu().float().clone(memory_format=torch.contiguous_format)
        value = nn.Parameter(own, requires_grad=False) if isinstance(tensor, nn.Parameter) else own
        self.save_reduce(*value.__reduce_ex__(PROTOCOL), obj=tensor)

    def memoize(self, obj: Any) -> None:
        """Bytes come once; remembering them would keep a second copy of every weight."""
        first = obj[0] if isinstance(obj, tuple) and obj else obj
        if not isinstance(first, bytes):
            super().memoize(obj)

    dispatch[Network] = save_network
    dispatch[Node] = save_node
    dispatch[Tensor] = dispatch[nn.Parameter] = save_tensor
