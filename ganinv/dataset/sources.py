"""One photo, a folder of photos or a zip of photos: what is in it, and its pictures one after another."""

import logging
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from torch import Tensor

from ..errors import InputError
from .decode import Unreadable, decode
from .frame import SQUARE, Frame

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")
MAX_BYTES = 512_000_000  # of one file: 80 million pixels of uncompressed 16-bit RGB

logger = logging.getLogger(__name__)


def is_zip(path: str) -> bool:
    """Whether the path names a zip."""
    path = os.path.expanduser(path)
    return path.lower().endswith(".zip") and os.path.isfile(path)


def is_single(path: str) -> bool:
    """Whether the path names one photo."""
    return not os.path.isdir(os.path.expanduser(path)) and not is_zip(path)


def list_pictures(path: str) -> list[str]:
    """Keys of the pictures, sorted: file names of a folder (not of its sub-folders), all entries of a zip.

    Told by their endings; hidden files are passed over, others are named in a warning.
    InputError: no picture, no such path, or an unreadable one.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        raise InputError(f"{path!r} does not exist; name a photo, a folder of photos or a zip of photos")
    if is_single(path):
        return [os.path.basename(path)]
    keys = sorted(key for key in list_files(path) if not is_hidden(key))
    pictures = [key for key in keys if key.lower().endswith(SUFFIXES)]
    if not pictures:
        where = "in the zip" if is_zip(path) else "directly in the folder"
        raise InputError(f"{path!r} holds no picture {where} (endings read: {' '.join(SUFFIXES)})")
    if others := [key for key in keys if not key.lower().endswith(SUFFIXES)]:
        some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        logger.warning("%s: left out %d that are no pictures by their ending: %s", path, len(others), some)
    return pictures


def list_files(path: str) -> set[str]:
    """Keys of all files."""
    try:
        if is_zip(path):
            with zipfile.ZipFile(path) as archive:
                return {info.filename for info in archive.infolist() if not info.is_dir()}
        return {entry.name for entry in os.scandir(path) if not entry.is_dir()}
    except zipfile.BadZipFile as error:
        raise InputError(f"{path!r} is not a zip, or is cut short; make it again") from error
    except OSError as error:
        raise InputError(f"{path!r} cannot be read ({error.strerror}); check its permissions") from error


def is_hidden(key: str) -> bool:
    """Dot files, and what a Mac adds to folders and zips."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(key).parts)


def read_pictures(
    path: str, keys: list[str], *, resolution: int, frame: Frame = SQUARE
) -> Iterator[tuple[str, Tensor | Unreadable]]:
    """Each key with its uint8 [3, resolution, resolution], or with why there is none; decoded when asked for.

    What was done to a picture (cropped, enlarged, ...) is said once, at the first such picture.
    """
    said: set[str] = set()
    scope = " (and so for every such photo; said once)" if len(keys) > 1 else ""
    with opened(path) as read:
        for key in keys:
            try:
                pixels, notes = decode(read(key), resolution=resolution, frame=frame)
            except Unreadable as reason:
                yield key, reason
                continue
            for note in notes:
                if note not in said:
                    logger.warning("%s: %s%s", source_of(path, key), note, scope)
            said.update(notes)
            yield key, pixels


def source_of(path: str, key: str) -> str:
    """A picture's path as the user would write it, printable."""
    source = path if is_single(path) else os.path.join(path, key)
    return os.fsencode(source).decode(errors="replace")


@contextmanager
def opened(path: str) -> Iterator[Callable[[str], bytes]]:
    """A function from key to file contents; a zip stays open meanwhile."""
    path = os.path.expanduser(path)
    if is_zip(path):
        with zipfile.ZipFile(path) as archive:
            yield lambda key: read_entry(archive, key)
    else:
        yield lambda key: read_file(Path(path if is_single(path) else os.path.join(path, key)))


def read_entry(archive: zipfile.ZipFile, key: str) -> bytes:
    check_bytes(archive.getinfo(key).file_size)
    try:
        return archive.read(key)
    except Exception as error:  # BadZipFile, zlib.error, EOFError where damaged; RuntimeError where encrypted
        raise Unreadable(f"cannot be taken out of the zip ({error})") from error


def read_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise Unreadable("is not a file, or its link leads nowhere")
        check_bytes(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error


def check_bytes(size: int) -> None:
    if size > MAX_BYTES:
        raise Unreadable(f"has {size / 1e6:,.0f} MB; at most {MAX_BYTES / 1e6:,.0f} MB are read: reduce it first")
