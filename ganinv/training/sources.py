"""Where training images lie: a folder, a zip or WebDataset shards.

A zip may be as stylegan2-ada's dataset_tool writes it. Shards are read by their files' offsets, since an order that can
be resumed at any place needs them; WebDataset's own readers go through a shard from its beginning.
"""

import logging
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ..dataset.decode import Unreadable
from ..dataset.sources import SUFFIXES, check_bytes, is_hidden, is_zip, list_files, read_entry, read_file
from ..errors import InputError

LABELS = ("dataset.json", "labels.csv")  # beside the pictures, as dataset_tool writes them, and for directions

log = logging.getLogger(__name__)


class Source(Protocol):
    """Files by name, in any order and from any process."""

    keys: list[str]

    def read(self, key: str) -> bytes:
        """A file's contents; Unreadable where there is none."""
        ...


class Folder:
    """Pictures of a folder and its sub-folders."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.keys = pictures((os.path.relpath(name, path) for name in _files_below(path)), path=path)

    def read(self, key: str) -> bytes:
        return read_file(self.path / key)


def _files_below(path: str) -> Iterator[str]:
    """Those of a folder and its sub-folders, linked ones too. InputError: a folder cannot be read."""
    seen: set[str] = set()
    for where, folders, names in os.walk(path, followlinks=True, onerror=_refuse):
        real = os.path.realpath(where)
        if real in seen:  # a link to a folder above, or to one that was there already
            folders.clear()
            continue
        seen.add(real)
        yield from (os.path.join(where, name) for name in names)


def _refuse(error: OSError) -> None:
    raise InputError(f"dataset.path: {error.filename!r} cannot be read ({error.strerror}); allow it, or move it away")


class Zip:
    """Pictures of a zip; each process opens it for itself."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.keys = pictures(list_files(path), path=path)
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def read(self, key: str) -> bytes:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), zipfile.ZipFile(self.path)
        return read_entry(self._opened[1], key)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}


class Shards:
    """Pictures in uncompressed tar files, by the shard's name and their own."""

    def __init__(self, paths: list[Path]) -> None:
        self.places: dict[str, tuple[Path, int, int]] = {}  # file, offset and size in bytes
        for path in paths:
            self.places |= {f"{path.name}/{name}": (path, *place) for name, place in _members(path).items()}
        self.keys = pictures(self.places)

    def read(self, key: str) -> bytes:
        path, offset, size = self.places[key]
        check_bytes(size)
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise Unreadable(f"cannot be read ({error.strerror})") from error


def _members(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and size of each file of a tar. InputError where it is not a whole, uncompressed one."""
    try:
        with tarfile.open(path, mode="r:") as shard:
            return {member.name: (member.offset_data, member.size) for member in shard if member.isfile()}
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"{str(path)!r} is not a whole tar without compression ({error}); write it again") from error


def pictures(names: Iterable[str], *, path: str | None = None) -> list[str]:
    """Those that are pictures by their ending, sorted; the others, of `path`, are counted in a warning."""
    found = sorted(name for name in names if not is_hidden(name))
    others = [name for name in found if not name.lower().endswith((*SUFFIXES, *LABELS))]
    if path is not None and others:
        some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        log.warning("%s: left out %d that are no pictures by their ending: %s", path, len(others), some)
    return [name for name in found if name.lower().endswith(SUFFIXES)]


def source_at(path: str, *, limit: int | None) -> Source:
    """What lies at `path`, the first `limit` by name. InputError: nothing there, or no picture."""
    source = _open(os.path.expanduser(path))
    if not source.keys:
        raise InputError(f"dataset.path: {path!r} holds no picture (endings read: {' '.join(SUFFIXES)})")
    source.keys = source.keys[:limit]
    return source


def _open(path: str) -> Source:
    if is_zip(path):
        return Zip(path)
    if path.endswith(".tar") and os.path.isfile(path):
        return Shards([Path(path)])
    if os.path.isdir(path):
        shards = sorted(Path(path).glob("*.tar"))
        if not shards:
            return Folder(path)
        if loose := pictures(_files_below(path)):
            raise InputError(
                f"dataset.path: {path!r} holds tar shards ({shards[0].name}, …) and loose pictures ({loose[0]}, …);"
                " leave one kind there"
            )
        return Shards(shards)
    what = "is one file" if os.path.exists(path) else "does not exist"
    raise InputError(f"dataset.path: {path!r} {what}; name a folder or a zip of images, or a folder of tar shards")
