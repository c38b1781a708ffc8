"""Where training images lie: a folder with its sub-folders, or a zip as stylegan2-ada's dataset_tool writes it."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ..dataset.decode import Unreadable
from ..dataset.sources import SUFFIXES, is_hidden, is_zip, list_files, read_entry, read_file
from ..errors import InputError


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
        found = (os.path.join(where, name) for where, _, names in os.walk(path) for name in names)
        self.keys = pictures(os.path.relpath(name, path) for name in found)

    def read(self, key: str) -> bytes:
        return read_file(self.path / key)


class Zip:
    """Pictures of a zip; each process opens it for itself."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.keys = pictures(list_files(path))
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def read(self, key: str) -> bytes:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), zipfile.ZipFile(self.path)
        return read_entry(self._opened[1], key)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_opened": None}


def pictures(names) -> list[str]:  # noqa: ANN001
    """Those that are pictures by their ending, sorted."""
    return sorted(name for name in names if name.lower().endswith(SUFFIXES) and not is_hidden(name))


def source_at(path: str, *, limit: int | None) -> Source:
    """What lies at `path`, the first `limit` by name. InputError: nothing there, or no picture."""
    path = os.path.expanduser(path)
    make: Callable[[str], Source] | None = Zip if is_zip(path) else Folder if os.path.isdir(path) else None
    if make is None:
        what = "is one file" if os.path.exists(path) else "does not exist"
        raise InputError(f"dataset.path: {path!r} {what}; name a folder or a zip of training images")
    source = make(path)
    if not source.keys:
        raise InputError(f"dataset.path: {path!r} holds no picture (endings read: {' '.join(SUFFIXES)})")
    source.keys = source.keys[:limit]
    return source


__all__ = ["Folder", "Source", "Unreadable", "Zip", "source_at"]
