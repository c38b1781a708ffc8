"""A file from an address, whole: taken up where a broken connection or an earlier, stopped call left it.

What has come so far lies in a hidden file beside the target, `.NAME.part`; `.NAME.part.json` says what it is a part of.
Proxies are those of the environment, as urllib takes them.
"""

import errno
import http.client
import itertools
import json
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import __version__
from .errors import InputError

ATTEMPTS = 5  # in all, at one call
PAUSE = 1.0  # seconds before the second attempt, twice as long before each further one
PATIENCE = 30  # seconds without an answer
CHUNK = 1 << 18  # bytes
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)  # answers that another attempt may change
HOPELESS = (socket.gaierror, ssl.SSLCertVerificationError, ConnectionRefusedError, FileNotFoundError)

Check = Callable[[bytes], str | None]  # first bytes of a file -> what is wrong with them


class Lost(Exception):
    """The connection broke, or the server is busy: another attempt may go on from there."""


def part_of(target: Path) -> Path:
    """Where the bytes of `target` lie until it is whole."""
    return target.with_name(f".{target.name}.part")


def discard(target: Path) -> None:
    """Forget what has come of `target`."""
    for path in (part_of(target), _mark(target)):
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Only one process at a time fetches `target`; the others wait here."""
    from . import files  # with torch, which the command line answers without

    target.parent.mkdir(parents=True, exist_ok=True)
    with files.alone(target, on_wait=lambda: _say(f"{target.name}: another process fetches it; waiting for that one")):
        yield


def fetch(url: str, target: Path, *, check: Check, size: int | None = None, by_hand: str = "") -> Path:
    """The file at `url`, whole, in `part_of(target)`, for the caller to verify and rename.

    check: of the first bytes. size: in bytes, where known. by_hand: the sentence's end when the address fails.
    Raises InputError where the address or what it answers with is no good, OSError where the disk takes no file.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(url, target, check=check, size=size)
        except Lost as lost:
            reason = lost
        except InputError as error:
            raise InputError(f"{error}; {by_hand}" if by_hand else str(error)) from error
        if attempt < ATTEMPTS:
            _say(f"{target.name}: {reason}; attempt {attempt + 1} of {ATTEMPTS}")
            time.sleep(PAUSE * 2 ** (attempt - 1))
    raise InputError(
        f"{url}: cannot be fetched ({reason}, {ATTEMPTS} attempts); the same command goes on from what has come, or"
        f" {by_hand}"
    )


def _attempt(url: str, target: Path, *, check: Check, size: int | None) -> Path:
    with _opened(url, target) as (response, start):
        if response is None:  # all of it had come already
            return part_of(target)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        chunks = _chunks(response)
        first = next(chunks, b"")
        # Before what came earlier is given up for it.
        if not start and (wrong := check(first)):
            raise InputError(f"{url}: {wrong}")
        if size is not None and total not in (None, size):
            raise InputError(f"{url}: has {total:,} bytes, not {size:,}")
        total = total or size
        _expect_room(target, (total or start) - start)
        _remember(target, url, response)
        came = _write(target, itertools.chain([first], chunks), start=start, total=total)
    if total is not None and came < total:
        raise Lost(f"the connection broke after {came:,} of {total:,} bytes")
    return part_of(target)


@contextmanager
def _opened(url: str, target: Path) -> Iterator[tuple[Any, int]]:
    """The server's answer, and the byte at which it starts; None where there is nothing left to send."""
    start, headers = _resumption(url, target)
    request = urllib.request.Request(url, headers={"User-Agent": f"ganinv/{__version__}"} | headers)
    try:
        response = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        with error:
            _expect_rest(error, url, target, start)
        yield None, start
        return
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, HOPELESS):
            raise InputError(f"{url}: cannot be fetched ({reason})") from error
        raise Lost(f"no connection ({reason})") from error
    with response:
        yield response, _begins_at(response, start)


def _resumption(url: str, target: Path) -> tuple[int, dict[str, str]]:
    """How much has come, and the headers that ask for the rest of that same file."""
    try:
        mark = json.loads(_mark(target).read_text(encoding="utf-8"))
        start, validator = part_of(target).stat().st_size, mark["validator"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, {}
    if mark.get("url") != url or not start or not isinstance(validator, str):
        return 0, {}
    # If-Range: the rest if the file is still the same, else the whole of the new one.
    return start, {"Range": f"bytes={start}-", "If-Range": validator}


def _expect_rest(error: urllib.error.HTTPError, url: str, target: Path, start: int) -> None:
    """Passes where the server refuses because all `start` bytes had come already; else raises."""
    if error.code == 416 and start:
        if error.headers.get("Content-Range", "").rpartition("/")[2] == str(start):
            return
        discard(target)
        raise Lost("the file has changed")
    if error.code in TRANSIENT:
        raise Lost(f"the server answers {error.code} {error.reason}")
    raise InputError(f"{url}: cannot be fetched ({error.code} {error.reason})")


def _begins_at(response: Any, start: int) -> int:
    """0 where the server knows no ranges or the file has changed."""
    if getattr(response, "status", None) != 206:
        return 0
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise Lost("the server sends another part than was asked for")
    return start


def _expect_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{target.name} needs {needed / 1e6:,.0f} MB more, {free / 1e6:,.0f} MB are free")


def _remember(target: Path, url: str, response: Any) -> None:
    """What the part is a part of. A weak ETag does not stand for the bytes, so it is not one to go on by."""
    tag = response.headers.get("ETag")
    strong = None if tag is None or tag.startswith("W/") else tag
    mark = {"url": url, "validator": strong or response.headers.get("Last-Modified")}
    _mark(target).write_text(json.dumps(mark), encoding="utf-8")


def _write(target: Path, chunks: Iterable[bytes], *, start: int, total: int | None) -> int:
    """Put `chunks` behind the first `start` bytes of the part; -> how many bytes it has then."""
    from tqdm import tqdm

    # disable=None: shown on a terminal only
    shown: dict[str, Any] = {"unit": "B", "unit_scale": True, "desc": target.name, "file": sys.stderr, "disable": None}
    with (
        open(part_of(target), "r+b" if start else "wb") as file,
        tqdm(total=total, initial=start, **shown) as bar,
    ):
        file.seek(start)
        for chunk in chunks:
            file.write(chunk)
            bar.update(len(chunk))
        return file.tell()


def _chunks(response: Any) -> Iterator[bytes]:
    """What the server sends; a broken connection is Lost, so that an OSError beyond this is the disk's."""
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except http.client.IncompleteRead as error:
        if error.partial:
            yield error.partial
        raise Lost("the connection broke") from error
    except (OSError, http.client.HTTPException) as error:
        raise Lost(f"the connection broke ({error})") from error


def _mark(target: Path) -> Path:
    return target.with_name(f".{target.name}.part.json")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
