"""What the user's own files hold, as digests: where one has changed, a photo is done, or measured, again."""

import hashlib
import os
import zipfile
from pathlib import Path

from ..dataset.sources import SUFFIXES, is_hidden, is_single, is_zip, list_files
from ..inverter.file import places

LARGE = 100_000_000  # bytes; a file of latents is smaller, one of an encoder's weights larger


class Inputs:
    """Digests by setting: the photo's own latent, and the images and weights that all photos share.

    latents: a file, or a folder with one for each photo; None: there are none. A large file is read once, as an encoder
    is. files: setting -> a file, or a folder or zip of images and how many of its pictures by name are used at most.
    Raises InputError where one cannot be listed.
    """

    def __init__(self, *, latents: str | None, files: dict[str, tuple[str, int | None]]) -> None:
        self.latents = latents
        file = None if latents is None else Path(latents).expanduser()
        is_large = file is not None and file.is_file() and file.stat().st_size > LARGE
        self.encoder = _of_lines([_of_bytes(file)]) if file is not None and is_large else None
        self.shared = {key: of_images(path, limit=limit) for key, (path, limit) in files.items()}

    def of(self, name: str) -> dict[str, str]:
        """Those on which the photo `name` depends, by setting; its latent is read anew each time."""
        if self.latents is None:
            return self.shared
        return {"inverter.path": self.encoder or of_latent(self.latents, name)} | self.shared


def of_latent(path: str, name: str) -> str:
    """SHA-256 of the bytes of a file of latents or, in a folder with one for each photo, of the photo's own."""
    place = Path(path).expanduser()
    files = [file for file in places(place, name) if file.is_file()] if place.is_dir() else [place]
    return _of_lines([f"{file.suffix} {_of_bytes(file)}" for file in files])


def of_images(path: str, *, limit: int | None) -> str:
    """SHA-256 of name, size and content of the pictures in a folder or zip, the first `limit` by name; or of a file.

    A zip keeps the CRC-32 of each entry, so nothing is unpacked. A folder keeps only times, which a copy may carry over
    or not; so its bytes are read, which costs little beside decoding them.
    """
    path = os.path.expanduser(path)
    if is_single(path):
        return _of_lines([_of_bytes(Path(path))])
    keys = sorted(key for key in list_files(path) if key.lower().endswith(SUFFIXES) and not is_hidden(key))[:limit]
    if not is_zip(path):
        return _of_lines([f"{key} {_of_bytes(Path(path, key))}" for key in keys])
    with zipfile.ZipFile(path) as archive:
        entries = [archive.getinfo(key) for key in keys]
    return _of_lines([f"{entry.filename} {entry.file_size} {entry.CRC:08x}" for entry in entries])


def _of_bytes(file: Path) -> str:
    """Size and SHA-256; of a file that cannot be read, a word."""
    try:
        with open(file, "rb") as handle:
            return f"{os.fstat(handle.fileno()).st_size} {hashlib.file_digest(handle, 'sha256').hexdigest()}"
    except OSError:
        return "unreadable"


def _of_lines(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="backslashreplace")).hexdigest()
