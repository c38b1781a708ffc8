"""What a photo leaves on disk, and how it is read back (docs/artefacts.md)."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..dataset.images import Photo
from ..dataset.pixels import to_float, to_uint8
from ..errors import InputError
from ..files import number, read_json, read_png, write_csv, write_json, write_png
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from ..generator.synthesis import NoiseMode
from ..inverter.latent import Latent
from ..tuner.tuned import Tuned
from .environment import environment
from .tuned import load_tuned, save_tuned

if TYPE_CHECKING:
    from ..edit.inverted import Given, Strength

FORMAT, VERSION = "ganinv-photo", 1
METRICS = "metrics.json"
PICTURES = ("target.png", "initial.png", "tuned.png")
RECORD = {"image", "source", "photo_digest", "settings_hash", "prior", "metrics", "finished", "environment"}
OUTCOME = ("steps", "seconds", "stopped")  # columns of a photo's row
FILES = (*PICTURES, "latent.safetensors", "generator.safetensors", "curve.csv", METRICS)


@dataclass(frozen=True)
class Inversion:
    """A photo that was inverted; the pictures are float32 [3, R, R] in [-1, 1], on the 8-bit grid."""

    name: str
    generator: Generator
    latent: Latent
    target: Tensor
    initial: Tensor
    image: Tensor
    metrics: dict[str, Any]
    moved: list[str]  # names of the tensors in which the generator differs from the prior's
    prior: str  # the name of what was tuned
    fingerprint: str  # of the prior's generator, to which directions belong

    @torch.no_grad()
    def render(self, ws: Tensor | None = None, *, noise_mode: NoiseMode = "const") -> Tensor:
        """The tuned generator's image at `ws` [N, num_ws, w_dim], default the photo's own -> [N, 3, R, R] float32."""
        ws = self.latent.ws if ws is None else ws
        arguments = {"noise_mode": noise_mode}
        return torch.func.functional_call(self.generator.synthesis, self.noise(), (ws,), arguments)

    def edit(self, strengths: "Mapping[str, Strength] | Mapping[Given, Strength]") -> Tensor:
        """The tuned generator's pictures with directions added together -> [N, 3, R, R] float32, nominally in [-1, 1].

        `strengths`: by a direction's name, its file or itself; one, several (a picture each) or None, the direction's
        own. InputError: no such direction, or one of another generator.
        """
        from ..edit.inverted import pictures, steps_of

        return pictures(self, steps_of(self, strengths))

    def noise(self) -> dict[str, Tensor]:
        """The inverter's own noise maps, save those that the tuning moved on."""
        maps = self.latent.noise or {}
        return {name: value[0] for name, value in maps.items() if f"synthesis.{name}" not in self.moved}


def save_photo(
    folder: Path,
    *,
    photo: Photo,
    latent: Latent,
    initial: Tensor,
    tuned_image: Tensor,
    tuned: Tuned,
    prior: Prior,
    metrics: dict[str, Any],
    settings_hash: str,
    metric_hash: str | None = None,
    inputs: dict[str, str] | None = None,
) -> None:
    """Write what `photo` leaves into `folder`; metrics.json comes last, and says that all is there.

    `initial`, `tuned_image` [3, R, R] in any range, rounded to 8 bit; `metric_hash`: of what is measured; `inputs`:
    digests of the user's other files, by setting. Raises InputError where the folder takes no file.
    """
    _unfinish(folder)
    for name, image in zip(PICTURES, (photo.image, initial, tuned_image), strict=True):
        write_png(folder / name, to_uint8(image))
    latent.save(folder / "latent.safetensors", prior=prior.fingerprint)
    save_tuned(folder / "generator.safetensors", generator=tuned.generator, moved=tuned.moved, prior=prior)
    write_csv(folder / "curve.csv", tuned.curve, columns=("step", "total"))
    record = {
        "format": FORMAT,
        "version": VERSION,
        "image": photo.name,
        "source": str(photo.source),
        "photo_digest": photo.digest,
        "settings_hash": settings_hash,
        "metric_hash": metric_hash,
        "inputs": inputs or {},
        "prior": {"name": prior.name, "fingerprint": prior.fingerprint, "licence": prior.licence},
        "space": latent.space,
        "resolution": photo.image.shape[-1],
        "valid": None if photo.valid is None else asdict(photo.valid),
        "metrics": {**metrics, **outcome(tuned)},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
    }
    write_json(folder / METRICS, record)


def outcome(tuned: Tuned) -> dict[str, Any]:
    """The columns of a photo's row that say how its tuning went."""
    return {name: getattr(tuned, name) for name in OUTCOME}


def _unfinish(folder: Path) -> None:
    """Take away an older metrics.json, so that a stop in the middle cannot leave a mixture that looks finished."""
    try:
        # Where a file stands in the folder's place, the first write says so.
        with contextlib.suppress(NotADirectoryError):
            (folder / METRICS).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: its old {METRICS} cannot be removed ({error.strerror})") from error


def save_metrics(folder: Path, *, metrics: dict[str, Any], metric_hash: str, inputs: dict[str, str]) -> None:
    """Put other figures in the place of those of a tuned photo; its tuning, and when that ended, stay as they are."""
    changed = {"metrics": metrics, "metric_hash": metric_hash, "inputs": inputs}
    write_json(folder / METRICS, read_record(folder) | changed)


def is_finished(
    folder: Path, *, metric_hash: str | None = None, inputs: dict[str, str] | None = None, **tuning: str
) -> bool:
    """Whether `folder` holds every file of this photo, tuned so (`is_tuned`), and has these metrics."""
    if not is_tuned(folder, inputs=inputs, **tuning):
        return False
    record = read_record(folder)
    return (record.get("metric_hash"), record.get("inputs", {})) == (metric_hash, inputs or {})


def is_tuned(
    folder: Path,
    *,
    settings_hash: str,
    prior_fingerprint: str,
    photo_digest: str,
    inputs: dict[str, str] | None = None,
) -> bool:
    """Whether `folder` holds every file of this photo, made with these settings, this prior and these inputs.

    The metrics, and the files that they read, may have been other ones.
    """
    if not all((folder / name).is_file() for name in FILES):
        return False
    try:
        record = read_record(folder)
    except InputError:
        return False
    found = record["settings_hash"], record["prior"]["fingerprint"], record["photo_digest"]
    alike = _of_tuning(record.get("inputs", {})) == _of_tuning(inputs or {})
    return alike and found == (settings_hash, prior_fingerprint, photo_digest)


def _of_tuning(inputs: dict[str, str]) -> dict[str, str]:
    """Without the files of metrics."""
    return {key: digest for key, digest in inputs.items() if not key.startswith("metric.")}


def finished_photos(folder: Path) -> list[Path]:
    """Folders of the finished photos in a run's folder, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{METRICS}"))


def read_record(folder: Path) -> dict[str, Any]:
    """metrics.json of a photo's folder, its figures as numbers; InputError where it is no such file."""
    record = read_json(folder / METRICS)
    if record.get("format") != FORMAT or record.get("version") != VERSION:
        raise InputError(f"{folder / METRICS}: not a record of ganinv (version {VERSION}); run this photo again")
    is_whole = not RECORD - record.keys() and isinstance(record["metrics"], dict) and isinstance(record["prior"], dict)
    if not is_whole or {"name", "fingerprint"} - record["prior"].keys():
        raise InputError(f"{folder / METRICS}: not a complete record; run this photo again")
    record["metrics"] = {key: number(value) for key, value in record["metrics"].items()}
    return record


def load(folder: str | Path, *, prior: Prior | None = None) -> Inversion:
    """Give back what a run left in `folder`, the folder of one photo: the tuned generator is the same to the bit.

    `prior`: the one that was tuned, where it has moved since; any other is refused. Raises InputError.
    """
    folder = Path(folder).expanduser()
    _expect_photo(folder)
    record = read_record(folder)
    target, initial, image = (to_float(read_png(folder / name)) for name in PICTURES)
    generator, moved = load_tuned(folder / "generator.safetensors", prior=prior)
    return Inversion(
        name=record["image"],
        generator=generator,
        latent=Latent.load(folder / "latent.safetensors"),
        target=target,
        initial=initial,
        image=image,
        metrics=record["metrics"],
        moved=moved,
        prior=record["prior"]["name"],
        fingerprint=record["prior"]["fingerprint"],
    )


def _expect_photo(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of one photo in a run's folder")
    if (folder / METRICS).is_file():
        return
    photos = [photo.name for photo in finished_photos(folder)]
    hint = f"it holds the photos {', '.join(photos[:3])}; name one of them" if photos else "run this photo again"
    raise InputError(f"{folder}: has no {METRICS}, so it is not the folder of a finished photo; {hint}")
