"""An edit on generated samples of the untouched generator: how far it goes, and what it does there."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..dataset.pixels import to_uint8
from ..edit.apply import Step
from ..edit.samples import draw
from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.family import at_once
from ..inverter.latent import Latent
from .drift import HELD_OUT
from .editability_effect import Columns, Ruler, Subject
from .editability_judge import Judge, scores
from .editability_strength import Found, least_strength

FEW = 20  # samples without the attribute, below which a share of them is rough

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Plan:
    """An edit as it is judged: its name is that of its attribute."""

    name: str
    step: Step
    judge: Judge
    region: Tensor | None  # bool [R, R]
    samples: Columns  # what it does to the samples
    lacking: int  # samples that do not show what the edit adds
    found: Found | None  # None: the strength was not sought

    def flipped(self, columns: Columns) -> Tensor:
        """bool [N]: of the pictures that lack what the edit adds, whether they show it after."""
        old = columns[f"score_{self.name}"]
        lacks, shows = (self.shows(values) for values in (old, old + columns[f"change_{self.name}"]))
        return shows[~lacks]

    def shows(self, values: Tensor) -> Tensor:
        """bool [N]: whether pictures with these scores show what the edit adds; of a negative strength, lack it."""
        return shows(self.judge, values, self.samples[f"score_{self.name}"], self.step)


def subjects(prior: Prior, *, samples: int, psi: float, seed: int) -> Iterator[Subject]:
    """The untouched generator at latents on which no direction was found, as many at once as memory likes."""
    generator, place = prior.generator, prior.generator.mapping.w_avg.device
    drawn = draw(generator, count=samples, seed=seed + HELD_OUT, psi=psi)
    ws = drawn.truncated(generator.mapping.w_avg)[:, None].expand(-1, generator.num_ws, -1)
    for part, z in zip(ws.split(at_once(generator)), drawn.z.split(at_once(generator)), strict=True):
        yield Subject(generator, Latent(ws=part.contiguous(), space="z", z=z).to(place))


def plan(
    step: Step,
    *,
    name: str,
    samples: Sequence[Subject],
    ruler: Ruler,
    region: Tensor | None,
    flips: float | None,
    most: float,
) -> Plan:
    """The edit at the least strength that is enough, or at its own where none is, or none is sought.

    InputError: every sample shows already what the edit adds.
    """
    judge, found = ruler.judges[name], None
    old = of_all(judge, samples, [])
    lacks = ~shows(judge, old, old, step)
    if not bool(lacks.any()):
        raise InputError(
            f"{name}: all {len(old)} samples show already what the edit adds; set thresholds={{{name}: NUMBER}} among"
            f" their scores, {old.min():.3g} to {old.max():.3g}"
        )

    def share(strength: float) -> float:
        new = of_all(judge, samples, [at(step, strength)])
        return float(shows(judge, new, old, step)[lacks].double().mean())

    if flips is not None:
        found = least_strength(share, share=flips, most=most)
    chosen = at(step, found.strength) if found is not None and found.is_enough else step
    log.info("%s: strength %.3g", name, chosen.strengths()[0])
    columns = joined([_effect(subject, chosen, ruler, region) for subject in samples])
    return Plan(name, chosen, judge, region, columns, int(lacks.sum()), found)


def shows(judge: Judge, values: Tensor, unedited: Tensor, step: Step) -> Tensor:
    """bool [N]: whether `values` lie on the side to which `step` moves; `unedited`: the samples' scores before it."""
    return judge.shows(values, unedited) == (step.strengths()[0] >= 0)


def at(step: Step, size: float) -> Step:
    """The edit at another size, in its own sense."""
    return replace(step, strength=size if step.strengths()[0] >= 0 else -size)


def of_all(judge: Judge, samples: Sequence[Subject], steps: Sequence[Step]) -> Tensor:
    """Scores of the samples, edited.  # [N]"""
    return torch.cat([scores({"": judge}, to_uint8(subject.picture(steps)))[""] for subject in samples])


def _effect(subject: Subject, step: Step, ruler: Ruler, region: Tensor | None) -> Columns:
    before, after = subject.picture([]), subject.picture([step])
    return ruler.effect(subject, [step], region=region, before=before, after=after)


def joined(parts: Sequence[Columns]) -> Columns:
    """One after the other."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def doubts(made: Plan, *, flips: float | None, most: float) -> Iterator[str]:
    """Sentences on a strength that is not enough, and on samples that are too few."""
    found, own = made.found, made.step.strengths()[0]
    if found is not None and flips is not None and not found.is_enough:
        yield (
            f"{made.name}: no strength up to {most:g} flips {flips:.0%} of the samples (the most: {found.share:.0%} at"
            f" {found.strength:.3g}); judged at its own, {own:g}"
        )
    if made.lacking < FEW:
        yield f"{made.name}: only {made.lacking} samples lack what it adds; raise editability.samples"
