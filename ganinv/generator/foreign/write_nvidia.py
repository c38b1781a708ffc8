"""Our networks as a pickle that the tools of stylegan2-ada-pytorch and stylegan3 load: `G`, `D` and `G_ema`.

Half precision is left out: the tools run every block in float32, as we do.
"""

import io
from pathlib import Path
from typing import Any

from ...files import write_bytes
from .. import stylegan3
from ..prior import Prior
from . import nvidia_layout, nvidia_layout3
from .nvidia_keywords import discriminator_keywords, generator_keywords
from .nvidia_pickle import Network, Writer
from .nvidia_source import ABSENT, STYLEGAN2, STYLEGAN3


def write(target: Path, prior: Prior) -> list[str]:
    """Write `prior` whole or not at all; what was left out, in sentences. `G` is `G_ema`: raw weights are not kept."""
    buffer = io.BytesIO()
    notes = [] if prior.discriminator else ["No discriminator was written, as the prior has none: a stand-in is there."]
    if any(isinstance(prior.architecture.get(key), dict) for key in ("channel_base", "d_channel_base")):
        notes.append("Its widths follow no base: tools that make the network anew from its arguments get other widths.")
    Writer(buffer).dump(content(prior))
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
