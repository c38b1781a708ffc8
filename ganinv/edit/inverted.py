"""Edits of an inverted photo in memory, as `ganinv.Inversion.edit` makes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ..generator.checkpoint import Prior
from ..report.artefacts import Inversion
from .apply import Step, edited, render
from .direction import Direction
from .known import find

Given = str | Path | Direction
Strength = float | Sequence[float] | None


def steps_of(inversion: Inversion, strengths: Mapping[Given, Strength]) -> list[Step]:
    """Directions that are given by name, file or themselves, at their strengths; None: the direction's own.

    Raises InputError, also for a direction of another generator than the one that was tuned.
    """
    # Directions carry the mark of the generator before it was tuned; its shapes have stayed.
    untuned = Prior(inversion.generator, None, inversion.fingerprint, {}, name=inversion.prior)
    steps = []
    for given, strength in strengths.items():
        direction = given if isinstance(given, Direction) else find(str(given), untuned)
        direction.fits(untuned)
        steps.append(Step(direction, direction.strength if strength is None else strength))
    return steps


def pictures(inversion: Inversion, steps: Sequence[Step]) -> Tensor:
    """The tuned generator's pictures of the photo, edited.  # [N, 3, R, R] nominally in [-1, 1], N of the strengths"""
    place = inversion.generator.mapping.w_avg.device
    styles = edited(inversion.generator, inversion.latent.to(place), steps)
    return render(inversion.generator, styles, noise={n: m.to(place) for n, m in inversion.noise().items()})
