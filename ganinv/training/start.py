"""Where a training begins: new networks, or those of a prior."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import InputError
from ..generator.build import assemble_generator
from ..generator.checkpoint import load_prior
from ..generator.discriminator import Discriminator
from ..generator.stylegan2 import Generator
from ..weights import find


@dataclass(frozen=True)
class Networks:
    """What is trained: the generator, its average, the discriminator, and what they are."""

    generator: Generator
    average: Generator
    discriminator: Discriminator
    architecture: dict[str, Any]
    licence: str | None = None
    before: dict[str, Any] | None = None  # the training record of the prior that was started from


def networks_of(start: str) -> Networks:
    """Those of a prior of any form that is read: raw weights of the generator where the file has them.

    InputError: no discriminator, or not a StyleGAN2 without labels.
    """
    prior = load_prior(start)
    if not isinstance(prior.generator, Generator) or prior.generator.c_dim:
        raise InputError(f"training.start: {start!r} is not a StyleGAN2 without labels; name one, or leave it out")
    if prior.discriminator is None:
        raise InputError(f"training.start: {start!r} has no discriminator; name a file that has both networks")
    raw = raw_tensors(start)
    same = raw is None
    generator = copy.deepcopy(prior.generator) if same else assemble_generator(prior.architecture, raw, Path(start))
    assert isinstance(generator, Generator)
    return Networks(
        generator=generator,
        average=prior.generator,
        discriminator=prior.discriminator,
        architecture=prior.architecture,
        licence=prior.licence,
        before=prior.training,
    )


def raw_tensors(start: str) -> dict[str, Tensor] | None:
    """The raw training weights "G.…" of a file of ours, named as the average's; None where it has none."""
    try:
        with safe_open(find(start), framework="pt") as handle:
            names = [name for name in handle.keys() if name.startswith("G.")]  # noqa: SIM118
            tensors = {f"G_ema.{name.removeprefix('G.')}": handle.get_tensor(name) for name in names}
    except (SafetensorError, InputError, OSError):  # another form, or a folder
        return None
    return tensors or None
