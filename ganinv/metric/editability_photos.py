"""Edits of the photos that runs have finished: on the tuned generator, and on the untouched one at the same w."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..report.artefacts import Inversion, load
from ..report.jobs import Setting
from .editability_effect import Ruler, Subject, consistency
from .editability_plan import Plan

FIDELITY = ("mse", "psnr", "lpips")  # of the photo, from its record
Row = dict[str, Any]


def common(settings: Sequence[Setting]) -> list[str]:
    """Digests of the photos that every setting has, by name. InputError: there are none."""
    first = settings[0].photos
    found = [digest for digest in first if all(digest in setting.photos for setting in settings)]
    if not found:
        raise InputError(
            f"{', '.join(setting.name for setting in settings)}: have no photo in common; name runs on the same photos"
        )
    return sorted(found, key=lambda digest: first[digest]["image"])


def rows_of(setting: Setting, digests: Sequence[str], plans: Sequence[Plan], ruler: Ruler) -> Iterator[Row]:
    """A row for each photo and edit. Raises InputError where a photo cannot be read back."""
    for digest in digests:
        record = setting.photos[digest]
        inversion = load(record["folder"], prior=ruler.prior)
        tuned, untouched = subjects(inversion, ruler.prior)
        before = tuned.picture([]), untouched.picture([])
        known = {"setting": setting.name, "image": record["image"]}
        known |= {name: record["metrics"].get(name) for name in FIDELITY}
        for plan in plans:
            yield known | row(plan, tuned, untouched, before=before, ruler=ruler)


def subjects(inversion: Inversion, prior: Prior) -> tuple[Subject, Subject]:
    """The tuned generator, and the untouched one, at the photo's latent."""
    place = prior.generator.mapping.w_avg.device
    latent = inversion.latent.to(place)
    tuned = {name: value.to(place) for name, value in inversion.noise().items()}
    untouched = {name: value[0] for name, value in (latent.noise or {}).items()}
    return Subject(inversion.generator, latent, tuned), Subject(prior.generator, latent, untouched)


def row(plan: Plan, tuned: Subject, untouched: Subject, *, before: tuple, ruler: Ruler) -> Row:
    """Figures of the edit of one photo; `before`: its picture by either generator, without the edit."""
    after = tuned.picture([plan.step]), untouched.picture([plan.step])
    pairs = [(tuned, before[0], after[0]), (untouched, before[1], after[1])]
    found, beside = (
        ruler.effect(subject, [plan.step], region=plan.region, before=a, after=b) for subject, a, b in pairs
    )
    flipped = plan.flipped(found)
    figures = {name: float(value) for name, value in found.items()}
    more = {"flipped": bool(flipped) if len(flipped) else None}
    more |= {"untouched_change": float(beside[f"change_{plan.name}"])}
    more |= {"untouched_identity": float(beside["identity"])} if "identity" in beside else {}
    more |= {"consistency": float(consistency((before[0], after[0]), (before[1], after[1])))}
    return {"edit": plan.name, "strength": plan.step.strengths()[0]} | figures | more


def column(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """The figures that are there."""
    return [float(row[name]) for row in rows if row.get(name) is not None]
