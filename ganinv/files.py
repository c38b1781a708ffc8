"""Files written whole: under a temporary name in the same folder, synchronised, then renamed."""

import codecs
import contextlib
import csv
import errno
import io
import json
import math
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .errors import InputError

ADVICE = {
    errno.ENOSPC: "free some space there, or choose another folder",
    errno.EDQUOT: "free some space there, or choose another folder",
    errno.EACCES: "allow writing there, or choose another folder",
    errno.EPERM: "allow writing there, or choose another folder",
    errno.EROFS: "choose a folder on a writable disk",
}
NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def write_bytes(path: Path, data: bytes) -> None:
    """`data` at `path`, or nothing there and an InputError that names the folder; an older file stays until then."""
    with written(path) as file:
        file.write(data)


@contextlib.contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """As `write_bytes`, of what is written bit by bit."""
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        _discard(temporary)
        raise InputError(_sentence(path, error)) from error
    except BaseException:
        _discard(temporary)
        raise


@contextlib.contextmanager
def alone(target: Path, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """One process at a time, of those that ask so for `target`; the others call `on_wait` and wait here.

    The system frees the lock of a process that dies; its file may stay. OSError or NotImplementedError where the
    folder's disk has no locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def make_folder(folder: Path) -> None:
    """`folder` with those above it; InputError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "choose another folder")
        raise InputError(f"{folder}: the folder cannot be made ({error.strerror}); {advice}") from error


def _discard(temporary: Path) -> None:
    # The first error is the one to report.
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _sentence(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    advice = ADVICE.get(error.errno or 0, "choose another folder")
    return f"{path.parent}: {path.name} cannot be written in this folder ({reason}); {advice}"


def write_text(path: Path, text: str) -> None:
    """`text` as UTF-8; what has no UTF-8 form (a file name of broken bytes) as its escape."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_png(path: Path, pixels: Tensor) -> None:
    """`pixels` uint8 [3, H, W], lossless."""
    write_bytes(path, png(pixels))


def png(pixels: Tensor) -> bytes:
    """The bytes of a PNG file of `pixels` uint8 [3, H, W]."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def read_png(path: Path) -> Tensor:
    """uint8 [3, H, W]; InputError where the file is missing, truncated or no picture."""
    try:
        with Image.open(path) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: not a whole picture ({error}); run this photo again") from error


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Standard JSON: floats exact, the three that JSON lacks as the texts "inf", "-inf" and "nan"."""
    write_text(path, json.dumps(_named(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _named(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_named(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> dict[str, Any]:
    """An object as `write_json` left it (texts for numbers stay texts: see `number`); InputError otherwise."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a whole JSON file ({error}); run this photo again") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: not a JSON object; run this photo again")
    return record


def number(value: Any) -> Any:
    """The float that "inf", "-inf" or "nan" stands for; anything else as it is."""
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def write_csv(path: Path, rows: Sequence[dict[str, Any]], *, columns: Sequence[str] = ()) -> None:
    """`columns` first, then the rows' other keys as they come. Floats exact, None empty, infinity "inf"."""
    names = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    write_text(path, buffer.getvalue())


def read_csv(path: Path, *, text: Collection[str] = ()) -> list[dict[str, Any]]:
    """Rows: the columns `text` as they stand, the others as floats, None where empty."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            return [{key: _cell(value, key in text) for key, value in row.items()} for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not a readable table ({error}); run this photo again") from error


def join_csv(path: Path, tables: Mapping[str, Path], *, name: str) -> None:
    """`tables` one below the other, their names in a first column `name`; none is held in memory."""
    columns = dict.fromkeys([name, *(column for table in tables.values() for column in _columns(table))])
    with written(path) as file:
        writer = csv.DictWriter(codecs.getwriter("utf-8")(file, "backslashreplace"), list(columns), lineterminator="\n")
        writer.writeheader()
        for own, table in tables.items():
            writer.writerows({name: own, **row} for row in read_csv(table, text=columns))


def _columns(path: Path) -> list[str]:
    """The names in a table's first line."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return next(csv.reader(file, strict=True), [])
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not a readable table ({error}); run this photo again") from error


def _cell(value: str | None, is_text: bool) -> float | str | None:
    return value if is_text else float(value) if value else None
