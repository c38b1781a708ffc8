"""Take a prior, or the generator that was tuned on a photo, to the tools that people use next.

`python -m ganinv.export SOURCE TARGET --format nvidia`. SOURCE is whatever `generator.checkpoint.load_prior` reads, or
the folder of a photo in a run. A photo's w goes along, beside TARGET, as `projected_w.npz` (the form of
stylegan2-ada-pytorch's projector: "w" [1, num_ws, w_dim] float32).
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .paths import looked_up
from .unread import heard

if TYPE_CHECKING:
    from .generator.checkpoint import Prior
    from .report.artefacts import Inversion

WRONG = 2  # exit code of a mistake
MOST = 2000  # letters of a line
FORMATS = {
    "nvidia": "pickle for the tools of stylegan2-ada-pytorch and stylegan3 (projector, PTI, DragGAN)",
    "rosinality": "g_ema, latent_avg and d in a .pt, for rosinality's stylegan2-pytorch and what builds on it",
    "ganinv": "our own file: safetensors with generator, discriminator and record",
    "folder": "config.json and model.safetensors in a folder",
    "difference": "of a photo's folder, the tensors that the tuning moved, and nothing else",
}


def export(source: str | Path, target: str | Path, *, form: str, prior: str | Path | None = None) -> list[str]:
    """Write `source` to `target`, which must not exist; what was left out or came along, in sentences.

    `form`: a key of FORMATS. `prior`: the one that a photo's folder was tuned from, where it has moved since. Raises
    InputError, and then writes nothing.
    """
    target, folder = looked_up(target), looked_up(source)
    if form not in FORMATS:
        raise InputError(f"format: {form} is not one; there are {', '.join(FORMATS)}")
    if not (form == "folder" and target.is_dir() and not any(target.iterdir())):
        _expect_free(target)
    if not is_photo(folder):
        return _export_prior(source, target, form=form, prior=prior)
    if form != "difference":
        _expect_free(_place_of_w(target, form))
    inversion, tuned = load_photo(folder, prior=prior)
    if form == "difference":
        return _copy(folder / "generator.safetensors", target)
    said = _write_w(inversion, _place_of_w(target, form))  # first: a second file that fails leaves the first behind
    with _without(_place_of_w(target, form)):
        return [*_write(tuned, target, form=form), *_licence(tuned, form), said]


def _expect_free(path: Path) -> None:
    if looked_up(path).exists():
        raise InputError(f"{path}: exists already; give another name, or remove it first")


def is_photo(folder: Path) -> bool:
    """Whether `folder` is a finished photo's. Raises InputError for an unfinished one's, and for a whole run's."""
    if (folder / "metrics.json").is_file() and (folder / "generator.safetensors").is_file():
        return True
    is_address = folder.parts[:1] in (("http:",), ("https:",))
    if not folder.exists() and len(folder.parts) > 1 and not is_address:
        raise InputError(f"{folder}: no such file or folder; give a checkpoint, or the folder of one photo of a run")
    if _is_of_a_run(folder):
        from .report import artefacts

        artefacts.load(folder)  # which says what is there instead
    return False


def _is_of_a_run(folder: Path) -> bool:
    """Whether a run made `folder`, and not somebody who keeps a prior there."""
    if not folder.is_dir() or (folder / "config.json").exists():
        return False
    signs = (folder / name for name in ("generator.safetensors", "config.yaml", "metrics.json"))
    return any(sign.is_file() for sign in signs) or any(folder.glob("*/metrics.json"))


def load_photo(folder: Path, *, prior: str | Path | None) -> "tuple[Inversion, Prior]":
    """What a run left, and its tuned generator as a prior: the photo's own noise maps are in it. Raises InputError."""
    from dataclasses import replace

    from .generator.checkpoint import fingerprint, load_prior
    from .report import artefacts
    from .report.tuned import prior_of

    original = load_prior(prior) if prior else prior_of(folder / "generator.safetensors")
    inversion = artefacts.load(folder, prior=original)
    generator = inversion.generator
    for name, value in inversion.noise().items():
        generator.synthesis.get_buffer(name).copy_(value)
    training = original.training | {"tuned_on": inversion.name, "tuned_from": original.fingerprint}
    mark = fingerprint(generator)
    return inversion, replace(original, generator=generator, fingerprint=mark, name=inversion.name, training=training)


def _export_prior(source: str | Path, target: Path, *, form: str, prior: str | Path | None) -> list[str]:
    from .generator.checkpoint import load_prior

    if prior:
        raise InputError(f"--prior: {source} is not the folder of a photo, so nothing was tuned from it; leave it out")
    found = load_prior(source)
    if form == "difference":
        raise InputError(f"{source}: a prior has no difference; give the folder of a photo in a run, or another format")
    return [*_write(found, target, form=form), *_licence(found, form)]


def _write(prior: "Prior", target: Path, *, form: str) -> list[str]:
    from .generator.checkpoint import save_prior
    from .generator.foreign import folder, write_nvidia, write_rosinality

    if form == "nvidia":
        return write_nvidia.write(target, prior)
    if form == "rosinality":
        return write_rosinality.write(target, prior)
    if form == "folder":
        return folder.write(target, prior)
    save_prior(target, prior)
    return []


def _licence(prior: "Prior", form: str) -> list[str]:
    if form in ("ganinv", "folder") or prior.licence == "not stated":
        return []
    return [f"The format has no place for it: the weights' licence is {prior.licence}."]


def _place_of_w(target: Path, form: str) -> Path:
    return target / "projected_w.npz" if form == "folder" else target.with_name(f"{target.name}.projected_w.npz")


def _write_w(inversion: "Inversion", path: Path) -> str:
    import io

    import numpy as np

    from .files import write_bytes

    buffer = io.BytesIO()
    np.savez(buffer, w=inversion.latent.ws.detach().cpu().float().numpy())
    write_bytes(path, buffer.getvalue())
    return f"The photo's w is in {path}."


@contextmanager
def _without(path: Path) -> Iterator[None]:
    """Take `path` away again where what follows fails."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _copy(path: Path, target: Path) -> list[str]:
    from .files import write_bytes

    write_bytes(target, path.read_bytes())
    return ["It belongs on the prior that its header names by fingerprint."]


def main(arguments: list[str] | None = None) -> int:
    """Write a prior, or a photo's tuned generator, in another format. The exit code is 2 after a mistake."""
    formats = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    parser = argparse.ArgumentParser(prog="python -m ganinv.export", description=main.__doc__, epilog=formats)
    parser.add_argument("source", help="a checkpoint, a name of ganinv.weights, or a photo's folder in a run")
    parser.add_argument("target", help="a file (a folder for --format folder) that does not exist yet")
    parser.add_argument("--format", required=True, choices=FORMATS, help="see below")
    parser.add_argument("--prior", help="of a photo's folder: the prior that was tuned, where it has moved since")
    given = parser.parse_args(arguments)
    from .generator.foreign.source import shown

    try:
        notes = export(given.source, given.target, form=given.format, prior=given.prior)
    except InputError as error:
        print(shown(error, MOST), file=sys.stderr)
        return WRONG
    print(given.target)
    for note in notes:
        print(shown(note, MOST))
    return 0


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    logging.getLogger("ganinv").setLevel(logging.INFO)  # what takes long says so
    sys.exit(heard(main))
