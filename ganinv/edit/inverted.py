"""Edits of an inverted photo in memory, as `ganinv.Inversion.edit` makes them."""

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path

from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..report.artefacts import Inversion
from .apply import Step, edited, render
from .direction import Direction
from .known import find

Given = str | Path | Direction
Strength = float | Sequence[float] | None


def steps_of(inversion: Inversion, strengths: Mapping[str, Strength] | Mapping[Given, Strength]) -> list[Step]:
    """Directions that are given by name, file or themselves, at their strengths; None: the direction's own.

    Raises InputError, also for a direction of another generator than the one that was tuned.
    """
    # Directions carry the mark of the generator before it was tuned; its shapes have stayed.
    untuned = Prior(inversion.generator, None, inversion.fingerprint, {}, name=inversion.prior)
    if not isinstance(strengths, Mapping):
        raise InputError(f"edit: takes strengths by direction, as {{'smile': 4}}, got {strengths!r}")
    steps = []
    for given, strength in strengths.items():
        direction = given if isinstance(given, Direction) else find(str(given), untuned)
        direction.fits(untuned)
        steps.append(Step(direction, direction.strength if strength is None else _plain(strength, direction.name)))
    return steps


def _plain(strength: float | Sequence[float], name: str) -> float | list[float]:
    """A strength or several as Python's own numbers. InputError: anything else."""
    several = [strength] if isinstance(strength, Real) else strength
    if isinstance(several, str) or not (isinstance(several, Sequence) and several and all(map(_is_real, several))):
        raise InputError(f"{name}: a strength is a number, or several, one for each picture; got {strength!r}")
    return float(several[0]) if isinstance(strength, Real) else [float(value) for value in several]


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def pictures(inversion: Inversion, steps: Sequence[Step]) -> Tensor:
    """The tuned generator's pictures of the photo, edited.  # [N, 3, R, R] nominally in [-1, 1], N of the strengths"""
    place = inversion.generator.mapping.w_avg.device
    styles = edited(inversion.generator, inversion.latent.to(place), steps)
    return render(inversion.generator, styles, noise={n: m.to(place) for n, m in inversion.noise().items()})
