"""Every photo of a run: what is not done is done, and what cannot be is told."""

import logging
from dataclasses import dataclass
from pathlib import Path

from .dataset.images import BadPhoto, Images, Photo
from .errors import InputError
from .method import Method, invert, measure_again
from .report.artefacts import Inversion, is_finished, is_tuned, load, save_metrics, save_photo
from .report.dashboard import Dashboard
from .report.inputs import Inputs
from .report.table import count, decibels

log = logging.getLogger("ganinv")


@dataclass(frozen=True)
class Marks:
    """By which a finished photo is known: hashes of the settings and of the metrics, digests of the user's files."""

    settings_hash: str
    metric_hash: str
    inputs: Inputs


@dataclass(frozen=True)
class Place:
    """Where a photo goes, what it is known by there, with the digests of its own files, and what the log calls it."""

    folder: Path
    marks: Marks
    inputs: dict[str, str]
    count: str


def invert_all(photos: Images, method: Method, *, folder: Path, marks: Marks, board: Dashboard) -> dict[str, str]:
    """Invert and save each photo that is not finished yet; -> those that cannot be inverted: source -> why."""
    failed = {}
    for number, photo in enumerate(photos, start=1):
        name = photo.source if isinstance(photo, BadPhoto) else photo.name
        count = f"{number}/{len(photos)} {name}"
        if isinstance(photo, BadPhoto):
            why = photo.reason
        else:
            place = Place(folder / name, marks, marks.inputs.of(name), count)
            why = invert_one(photo, method, place=place, board=board)
        if why is not None:
            failed[photo.source] = why
            log.warning("%s: %s", count, why)
    return failed


def invert_one(photo: Photo, method: Method, *, place: Place, board: Dashboard) -> str | None:
    """Do what is not done of a photo: all of it, or only other metrics than those of before; -> why it cannot be done.

    Raises InputError where the folder takes no file: then no other photo can be saved.
    """
    settings, fingerprint = place.marks.settings_hash, method.prior.fingerprint
    known = {"settings_hash": settings, "prior_fingerprint": fingerprint, "photo_digest": photo.digest}
    if is_finished(place.folder, **known, metric_hash=place.marks.metric_hash, inputs=place.inputs):
        log.info("%s: finished before", place.count)
        return None
    if is_tuned(place.folder, **known, inputs=place.inputs):
        try:
            found = load(place.folder, prior=method.prior)
        except InputError as error:
            log.warning("%s: %s; so it is tuned again", place.count, error)
        else:
            return measured(found, photo, method, place=place, board=board)
    return tuned(photo, method, place=place, board=board)


def measured(found: Inversion, photo: Photo, method: Method, *, place: Place, board: Dashboard) -> str | None:
    """Other figures of a photo that is tuned; -> why there are none."""
    try:
        row = measure_again(found, photo=photo, method=method)
    except InputError as error:
        return str(error)
    save_metrics(place.folder, metrics=row, metric_hash=place.marks.metric_hash, inputs=place.inputs)
    board.log_photo(photo.name, folder=place.folder, curve=[], metrics=row, pictures={})
    log.info("%s: %.1f dB, tuned before, measured again", place.count, row["psnr"])
    return None


def tuned(photo: Photo, method: Method, *, place: Place, board: Dashboard) -> str | None:
    """The method on a photo, and all that it leaves; -> why it cannot be done."""
    try:
        found, end = invert(photo, method)
    except InputError as error:
        return str(error)
    save_photo(
        place.folder,
        photo=photo,
        latent=found.latent,
        initial=found.initial,
        tuned_image=found.image,
        tuned=end,
        prior=method.prior,
        metrics=found.metrics,
        settings_hash=place.marks.settings_hash,
        metric_hash=place.marks.metric_hash,
        inputs=place.inputs,
    )
    board.log_photo(photo.name, folder=place.folder, curve=end.curve, metrics=found.metrics, pictures=end.pictures)
    reached = decibels(found.metrics["psnr"])
    log.info("%s: %s after %s, %.0f s", place.count, reached, count(end.steps, "step"), end.seconds)
    return None
