"""Every photo of a run: what is not done is done, and what cannot be is told."""

import logging
from pathlib import Path

from .dataset.images import BadPhoto, Images, Photo
from .errors import InputError
from .method import Method, invert, measure_again
from .report.artefacts import is_finished, is_tuned, save_metrics, save_photo
from .report.dashboard import Dashboard
from .report.inputs import Inputs

log = logging.getLogger("ganinv")


def invert_all(
    photos: Images, method: Method, *, folder: Path, marks: dict[str, str], inputs: Inputs, board: Dashboard
) -> dict[str, str]:
    """Invert and save each photo that is not finished yet; -> those that cannot be inverted: source -> why.

    `marks`: the hashes of the settings and of the metrics.
    """
    failed = {}
    for number, photo in enumerate(photos, start=1):
        name = photo.source if isinstance(photo, BadPhoto) else photo.name
        count = f"{number}/{len(photos)} {name}"
        if isinstance(photo, BadPhoto):
            why = photo.reason
        else:
            own, place = inputs.of(name), folder / name
            why = invert_one(photo, method, place=place, marks=marks, inputs=own, board=board, count=count)
        if why is not None:
            failed[photo.source] = why
            log.warning("%s: %s", count, why)
    return failed


def invert_one(
    photo: Photo,
    method: Method,
    *,
    place: Path,
    marks: dict[str, str],
    inputs: dict[str, str],
    board: Dashboard,
    count: str,
) -> str | None:
    """Do what is not done of a photo: all of it, or only other metrics than those of before; -> why it cannot be done.

    `count`: what the log calls it. Raises InputError where `place` takes no file: then no other photo can be saved.
    """
    settings, metrics = marks["settings_hash"], marks["metric_hash"]
    known = {"settings_hash": settings, "prior_fingerprint": method.prior.fingerprint, "photo_digest": photo.digest}
    if is_finished(place, **known, metric_hash=metrics, inputs=inputs):
        log.info("%s: finished before", count)
        return None
    if is_tuned(place, **known, inputs=inputs):
        try:
            row = measure_again(place, photo=photo, method=method)
        except InputError as error:
            log.warning("%s: %s; so it is tuned again", count, error)
        else:
            save_metrics(place, metrics=row, metric_hash=metrics, inputs=inputs)
            log.info("%s: %.1f dB, tuned before, measured again", count, row["psnr"])
            return None
    try:
        found, tuned = invert(photo, method)
    except InputError as error:
        return str(error)
    save_photo(
        place,
        photo=photo,
        latent=found.latent,
        initial=found.initial,
        tuned_image=found.image,
        tuned=tuned,
        prior=method.prior,
        metrics=found.metrics,
        settings_hash=settings,
        metric_hash=metrics,
        inputs=inputs,
    )
    board.log_photo(photo.name, folder=place, curve=tuned.curve, metrics=found.metrics, pictures=tuned.pictures)
    log.info("%s: %.1f dB after %d steps, %.0f s", count, found.metrics["psnr"], tuned.steps, tuned.seconds)
    return None
