"""A training's generators as files that everything else reads, and the finished one with its card."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from ..errors import InputError
from ..generator.checkpoint import Prior, fingerprint, load_prior, save_prior
from .prior import PriorTraining

HALF = 65504  # the largest number of float16
DTYPES = {"float16": torch.float16, "float32": torch.float32}
Stored = Literal["float16", "float32"]


@dataclass(frozen=True)
class Record:
    """What goes into the header of each file."""

    architecture: dict[str, Any]
    licence: str
    training: dict[str, Any] = field(default_factory=dict)


def prior_of(module: PriorTraining, record: Record, **training: Any) -> Prior:
    """The average and the discriminator as they are now."""
    return Prior(
        generator=module.average,
        discriminator=module.discriminator,
        fingerprint=fingerprint(module.average),
        architecture=record.architecture,
        name="prior",
        licence=record.licence,
        training=record.training | {"kimg": module.images_done / 1000} | training,
    )


def write_latest(folder: Path, module: PriorTraining, record: Record) -> None:
    """latest.safetensors: from which another training can start, so with the raw generator."""
    save_prior(folder / "latest.safetensors", prior_of(module, record), raw=module.generator)


def write_best(folder: Path, module: PriorTraining, record: Record, best: dict[str, float]) -> None:
    """best.safetensors: the average at the least Fréchet distance so far, with its discriminator."""
    save_prior(folder / "best.safetensors", prior_of(module, record, **best))


def finish(folder: Path, *, stored: Stored, seconds: float, measured: bool) -> Prior:
    """prior.safetensors: the best generator, or where none was `measured` the latest, in `stored` precision."""
    best, latest = folder / "best.safetensors", folder / "latest.safetensors"
    prior = load_prior(best if measured and best.exists() else latest)
    prior = replace(prior, training=prior.training | {"seconds": round(seconds)})
    assert prior.discriminator is not None
    largest = max(float(p.abs().max()) for p in (*prior.generator.parameters(), *prior.discriminator.parameters()))
    if stored == "float16" and largest > HALF:
        raise InputError(
            f"training.stored: a weight of {largest:.4g} does not fit float16; set training.stored=float32"
        )
    save_prior(folder / "prior.safetensors", prior, dtype=DTYPES[stored])
    return load_prior(folder / "prior.safetensors")
