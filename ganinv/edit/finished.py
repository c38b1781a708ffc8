"""Edits of a photo that a run has finished: its tuned generator is read back, nothing is tuned again."""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..dataset.pixels import to_uint8
from ..errors import InputError
from ..files import read_json, read_png, write_bytes, write_json, write_png
from ..generator.checkpoint import Prior
from ..method import to_device
from ..mistakes import PhotosFailed
from ..report.artefacts import METRICS, Inversion, finished_photos, load
from ..report.summary import EDITS, REPORT, renew_edits
from ..report.table import records
from ..report.tuned import prior_of
from .apply import Step
from .edits import TOGETHER, Edits, mark
from .inverted import pictures
from .sheet import gif, sheet
from .video import mp4

FOLDER, RECORD = "edits", "edits.json"
OF_RUN = (EDITS, REPORT)  # what edits write beside the photos
FRAMES = 25  # of a sweep
MOVING = {"gif": gif, "mp4": mp4}
ENDS = (".png", "_strip.png", *(f".{form}" for form in MOVING))

log = logging.getLogger(__name__)


def edit_run(
    folder: Path,
    edits: Edits,
    *,
    prior: Prior | None = None,
    settings_hash: str | None = None,
    device: torch.device | None = None,
) -> list[Path]:
    """Edit every finished photo of a run's folder, or the one photo whose folder it is; -> their folders.

    `prior`: the one that was tuned, where it has moved since. `settings_hash`: only photos with these settings, if
    there are any. `device`: where the prior is moved, in place; None: it stays. Raises InputError.
    """
    if settings_hash is None:
        photos = photos_of(folder)
    else:
        photos = [record["folder"] for record in records(folder, settings_hash=settings_hash)]
    if not photos:
        return []
    failed: dict[Path, str] = {}
    prior = prior or first_prior(photos, failed)
    prior = to_device(prior, device) if device is not None else prior
    combinations = edits.combinations(prior)
    for photo in (photo for photo in photos if photo not in failed):
        try:
            edit_photo(photo, edits, combinations, prior=prior)
        except InputError as error:
            failed[photo] = str(error)
    done = [photo for photo in photos if photo not in failed]
    is_one = photos == [folder]
    run = folder.resolve().parent if is_one else folder
    if done and (not is_one or (run / EDITS).is_file()):
        write_png(run / EDITS, overview(edited_in(run) if is_one else done, combinations))
        failed |= not_renewed(run) if settings_hash is None else {}  # a run writes its report at its end
    if failed:
        raise PhotosFailed("\n".join(f"not edited: {photo}: {why}" for photo, why in failed.items()))
    return photos


def edited_in(run: Path) -> list[Path]:
    """Folders of a run's photos that have edits."""
    return [photo for photo in finished_photos(run) if read_record(photo / FOLDER)]


def not_renewed(run: Path) -> dict[Path, str]:
    """Put the sheet into the run's report; -> the report and why, where it does not take it."""
    try:
        renew_edits(run)
    except InputError as error:
        return {run / REPORT: str(error).removeprefix(f"{run / REPORT}: ")}
    return {}


def first_prior(photos: Sequence[Path], failed: dict[Path, str]) -> Prior:
    """What the first photo that can be read was tuned from; those before it are added to `failed`. InputError: none."""
    for photo in photos:
        try:
            return prior_of(photo / "generator.safetensors")
        except InputError as error:
            failed[photo] = str(error)
    raise InputError("\n".join(failed.values()))


def photos_of(folder: Path) -> list[Path]:
    """Folders of finished photos: `folder` itself, or those in it. Raises InputError."""
    if (folder / METRICS).is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name a run's folder, or a photo's in it")
    photos = finished_photos(folder)
    if not photos:
        raise InputError(
            f"{folder}: holds no finished photo; name a run's folder, or a photo's in it, or give the run's command"
            " again where it was stopped: it goes on"
        )
    return photos


def edit_photo(folder: Path, edits: Edits, combinations: dict[str, list[Step]], *, prior: Prior) -> None:
    """Write what `edits` make of the photo into `folder`/edits; the record comes last. Nothing where it stands."""
    place = folder / FOLDER
    wanted = {
        name: {"steps": [mark(step) for step in steps], "columns": edits.columns, "animate": edits.animate}
        for name, steps in combinations.items()
    }
    done = read_record(place)
    made_of = read_json(folder / METRICS).get("settings_hash"), read_json(folder / METRICS).get("finished")
    same = done.get("photo") == list(made_of)
    if not same:
        discard(place, done.get("edits", {}))
    older = done.get("edits", {}) if same else {}
    left = {name: steps for name, steps in combinations.items() if older.get(name) != _json(wanted[name])}
    if left:
        inversion = load(folder, prior=prior)
        for name, steps in left.items():
            write_edit(place, name, inversion, steps, edits)
        write_json(place / RECORD, {"photo": made_of, "edits": older | {name: wanted[name] for name in left}})
    log.info("%s: %s", folder.name, ", ".join(left) if left else "edited before")


def discard(place: Path, names: Iterable[str], *, ends: Sequence[str] = ENDS) -> None:
    """Remove what stands of edits of that name: it is of another tuning, or another strength, than what is written."""
    for name in (name for name in names if Path(name).name == name):
        for end in ends:
            (place / f"{name}{end}").unlink(missing_ok=True)


def write_edit(place: Path, name: str, inversion: Inversion, steps: Sequence[Step], edits: Edits) -> None:
    """The edited picture, a strip over the strengths and, where it is asked for, a sweep."""
    discard(place, [name], ends=[f".{form}" for form in MOVING if form != edits.animate])
    write_png(place / f"{name}.png", sweep(inversion, steps, [1.0])[0])
    shares = torch.linspace(-1, 1, edits.columns).tolist()
    titles = [f"{share * steps[0].strengths()[0]:+.2g}" if len(steps) == 1 else f"{share:+.2g}" for share in shares]
    rows = [(f"{inversion.name}: {name}", list(sweep(inversion, steps, shares)))]
    write_png(place / f"{name}_strip.png", sheet(rows, columns=titles))
    if edits.animate is not None:
        frames = sweep(inversion, steps, torch.linspace(-1, 1, FRAMES).tolist())
        write_bytes(place / f"{name}.{edits.animate}", MOVING[edits.animate](frames))


def sweep(inversion: Inversion, steps: Sequence[Step], shares: Sequence[float]) -> Tensor:
    """The tuned generator's pictures at each share of the steps' strengths.  # uint8 [N, 3, R, R]"""
    scaled = [replace(step, strength=[share * step.strengths()[0] for share in shares]) for step in steps]
    return to_uint8(pictures(inversion, scaled)).cpu()


def overview(photos: Sequence[Path], combinations: Collection[str]) -> Tensor:
    """A row a photo: target, tuned, and each edit that all have, those of before too.  # uint8 [3, H, W]"""
    made = [read_record(photo / FOLDER).get("edits", {}) for photo in photos]
    before = [name for name in made[0] if name not in combinations]
    before = [name for name in before if all((photo / FOLDER / f"{name}.png").is_file() for photo in photos)]
    names = [name for name in [*before, *combinations] if all(name in each for each in made)]
    names.sort(key=lambda name: name == TOGETHER)
    rows = []
    for photo in photos:
        edits = [read_png(photo / FOLDER / f"{name}.png") for name in names]
        rows.append((photo.name, [read_png(photo / "target.png"), read_png(photo / "tuned.png"), *edits]))
    return sheet(rows, columns=["target", "tuned", *(title(name, made) for name in names)])


def title(name: str, made: Sequence[dict[str, Any]]) -> str:
    """An edit's name, with its strength where it is of one direction and the same on all photos.

    Several together that are not those that stand beside them are named one by one, where they are on all photos.
    """
    if name == TOGETHER and not all(is_of_all(each) for each in made):
        said = {parts(each) for each in made}
        return said.pop() if len(said) == 1 else f"{name}, not alike"
    strengths = {tuple(step["strength"] for step in each[name]["steps"]) for each in made}
    one = next(iter(strengths))
    return f"{name} {one[0]:+.3g}" if len(strengths) == len(one) == 1 else name


def parts(made: dict[str, Any]) -> str:
    """What a photo's edits together are, by the edits' names; two of them with their strengths, which would not fit."""
    steps = made[TOGETHER]["steps"]
    known = {name: [*edit["steps"]] for name, edit in made.items() if name != TOGETHER}
    names = [next((name for name, own in known.items() if own == [step]), step["direction"]) for step in steps]
    if len(steps) > 2:
        return " + ".join(names)
    return ", ".join(f"{name} {step['strength']:+.3g}" for name, step in zip(names, steps, strict=True))


def is_of_all(made: dict[str, Any]) -> bool:
    """Whether a photo's edits together are all its other edits, at the strengths that these have."""
    others = [step for name, edit in made.items() if name != TOGETHER for step in edit["steps"]]
    steps = made[TOGETHER]["steps"]
    return len(steps) == len(others) and all(step in others for step in steps)


def read_record(place: Path) -> dict[str, Any]:
    """edits.json of a photo's edits; empty where there is none that can be read."""
    try:
        return read_json(place / RECORD)
    except InputError:
        return {}


def _json(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))
