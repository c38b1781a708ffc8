"""Whether a file is what its name promises: its first bytes, its size, its SHA-256.

Of a published file without a known hash the first download is recorded in `weights.lock` in the cache, in the form of
`sha256sum`; what is found or fetched under that name later must be equal.
"""

import functools
import hashlib
from pathlib import Path

from .errors import InputError
from .published import Entry

LOCK = "weights.lock"
PAGES = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<?xml", b"<!--")
POINTER = b"version https://git-lfs"


def complaint(first: bytes) -> str | None:
    """What is certainly wrong with a file that begins with `first`; None where nothing is."""
    if not first:
        return "is empty"
    start = first.lstrip()[:64].lower()
    if start.startswith(PAGES):
        return "is a web page, not weights"
    return "is a pointer of Git LFS, not weights (git lfs pull fetches them)" if start.startswith(POINTER) else None


def complaint_of(path: Path) -> str | None:
    """See `complaint`. InputError where the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return complaint(file.read(512))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); see to its permissions") from error


def verify(path: Path, entry: Entry, *, cache: Path, shown: str | None = None) -> Path:
    """`path` itself if it is the published file; `shown` is what the message calls it. Raises InputError."""
    name = shown or str(path)
    size = path.stat().st_size if path.is_file() else 0
    if wrong := complaint_of(path):
        raise InputError(f"{name}: {wrong}; {entry.by_hand} in its place")
    if entry.size is not None and size != entry.size:
        raise InputError(f"{name}: has {size:,} bytes, not {entry.size:,}, so it is not whole; fetch {entry.url} again")
    expected = entry.sha256 or recorded(cache).get(entry.file, "")
    found = digest(path)
    if found.startswith(expected):
        return path
    raise InputError(f"{name}: its SHA-256 begins with {found[:16]}, not {expected[:16]}; {_advice(entry, cache)}")


def _advice(entry: Entry, cache: Path) -> str:
    if not entry.sha256:
        return f"that of the first download stands in {cache / LOCK}: take its line away if the new file is right"
    if entry.hash_from == "publisher":
        return f"fetch {entry.url} again"
    return (
        f"fetch {entry.url} again; this hash is a mirror's, since the publisher states none: if you trust the file,"
        " give its path"
    )


def record(path: Path, entry: Entry, *, cache: Path) -> str | None:
    """Record the SHA-256 of a first download; -> the sentence that says so, None where the hash is known already."""
    if entry.sha256 or entry.file in recorded(cache):
        return None
    found = digest(path)
    # Opened to append: two processes that record at once both leave their line.
    with open(cache / LOCK, "a", encoding="utf-8") as file:
        file.write(f"{found}  {entry.file}\n")
    return (
        f"{entry.file}: no hash of it is known, so it could not be checked; its SHA-256, {found}, now stands in"
        f" {cache / LOCK}, and later files are compared with it"
    )


def recorded(cache: Path) -> dict[str, str]:
    """File name -> SHA-256, as recorded at the first download."""
    try:
        lines = (cache / LOCK).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    pairs = [line.split(maxsplit=1) for line in reversed(lines)]  # so that the first line of a name counts
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def digest(path: Path) -> str:
    """SHA-256 in hex; computed once for a file that does not change. InputError where it cannot be read."""
    try:
        state = path.stat()
        return _digest(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); see to its permissions") from error


@functools.lru_cache
def _digest(path: Path, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
