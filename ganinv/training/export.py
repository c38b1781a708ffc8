"""A training's generators as files that everything else reads."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..generator.checkpoint import Prior, fingerprint, save_prior
from .prior import PriorTraining


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
    save_prior(folder / "best.safetensors", prior_of(module, record, frechet=best))
