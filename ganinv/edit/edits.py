"""The edits of a run: which directions, how far, and what is shown of them."""

import hashlib
import inspect
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from ..errors import InputError
from ..generator.checkpoint import Prior
from .apply import Step
from .direction import Direction, expect_layers, expect_strength
from .known import find
from .video import expect_video

TOGETHER = "together"


class Choice:
    """One direction as a run applies it."""

    def __init__(
        self,
        *,
        direction: str,
        strength: float | None = None,
        layers: Sequence[int] | None = None,
        absolute: bool = False,
    ) -> None:
        """`direction`: a name or a file. `strength`: in its units; None: the run's, or else the direction's own.

        `layers`: of w, [from, to before]; None: the direction's own. `absolute`: the coordinate along the direction is
        set to the strength, whatever the photo's is.
        """
        if layers is not None and len(layers) != 2:
            raise InputError(f"edit: layers are two numbers, [from, to before], got {list(layers)}")
        self.direction, self.strength, self.absolute = direction, strength, absolute
        self.layers = None if layers is None else (layers[0], layers[1])

    def step(self, prior: Prior, *, strength: float | None) -> Step:
        """Read, compared with `prior`, at its strength. Raises InputError."""
        direction = find(self.direction, prior)
        direction.fits(prior)
        if self.layers is not None:
            expect_layers(self.layers, prior.generator, direction.name)
        given = next(value for value in (self.strength, strength, direction.strength) if value is not None)
        return Step(direction, given, layers=self.layers, absolute=self.absolute)


class Edits:
    """Directions by name; each alone and, where there are several, all together."""

    def __init__(
        self,
        *,
        directions: dict[str, Choice | dict[str, Any]],
        strength: float | None = None,
        columns: Annotated[int, Field(ge=2, le=25)] = 5,
        animate: Literal["gif", "mp4"] | None = "gif",
    ) -> None:
        """`directions`: by name, each a Choice or its settings. `strength`: of every one that has none of its own here.
        `columns`: pictures of a strip, from minus the strength to the strength. `animate`: the form of each direction's
        sweep; None: there is none.
        """
        if TOGETHER in directions:
            raise InputError(
                f"edit.directions: {TOGETHER!r} is what all of them together are called; take another name"
            )
        if strength is not None:
            expect_strength(strength, "edit.strength")
        if animate not in ("gif", "mp4", None):
            raise InputError(f"edit.animate: must be gif, mp4 or null, got {str(animate).lower()}")
        if animate == "mp4":
            expect_video()
        self.directions = {name: as_choice(name, given) for name, given in directions.items()}
        self.strength, self.columns, self.animate = strength, columns, animate

    def steps(self, prior: Prior) -> dict[str, Step]:
        """Every direction at its strength, compared with `prior`. Raises InputError."""
        return {name: choice.step(prior, strength=self.strength) for name, choice in self.directions.items()}

    def combinations(self, prior: Prior) -> dict[str, list[Step]]:
        """What is applied, by name: each direction, and all together where there are several."""
        steps = self.steps(prior)
        alone = {name: [step] for name, step in steps.items()}
        return alone | ({TOGETHER: list(steps.values())} if len(steps) > 1 else {})


def as_choice(name: str, given: Choice | dict[str, Any]) -> Choice:
    """A direction's settings as the command line adds them. Raises InputError."""
    if isinstance(given, Choice):
        return given
    wrong = [key for key in given if key not in inspect.signature(Choice).parameters]
    if wrong or not isinstance(given.get("direction"), str):
        said = f"no such setting: {wrong[0]}; " if wrong else ""
        raise InputError(
            f"edit.directions.{name}: {said}set direction to a name or a file, and beside it strength, layers, absolute"
        )
    return Choice(**given)


def mark(step: Step) -> dict[str, Any]:
    """What a step is, for a record, by JSON's types."""
    direction = step.direction
    return {
        "direction": direction.name,
        "digest": digest(direction),
        "space": direction.space,
        "unit": direction.unit,
        "strength": step.strengths()[0],
        "layers": step.layers or direction.layers,
        "absolute": step.absolute,
        "licence": direction.licence,
    }


def digest(direction: Direction) -> str:
    """SHA-256 over the arrays of a direction, by name."""
    total = hashlib.sha256(direction.space.encode())
    for name, value in sorted(direction.values.items()):
        total.update(name.encode() + value.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes())
    return total.hexdigest()
