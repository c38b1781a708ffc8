"""The record of a sweep's job, a file in the sweep's folder: what was asked, where it went, how it ended."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .config import MEASURED, OUTSIDE_HASH
from .errors import InputError
from .mistakes import FAILED, is_users, sentence

FORMAT = "ganinv-job"
JOBS = "jobs"
# Settings that make no other row of a table; other metrics make one where their runs have folders of their own.
ELSEWHERE = (*(key for key in OUTSIDE_HASH if key not in MEASURED), "device")
Stamps = dict[Path, int]


def stamps(folder: Path) -> Stamps:
    """The records in a sweep's folder, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / JOBS).glob("*.json")}


def place(folder: Path, overrides: Sequence[str]) -> Path:
    """Where a sweep in `folder` keeps the record of the job with these overrides: a rerun's takes its place."""
    return folder / JOBS / f"{hashlib.sha256(chr(10).join(overrides).encode()).hexdigest()[:10]}.json"


def write(folder: Path, record: dict[str, Any]) -> None:
    """`record` has number, overrides, folder, settings_hash, why, code and state: waiting, running, done, failed,
    stopped.
    """
    from .files import write_json

    write_json(place(folder, record["overrides"]), {"format": FORMAT, **record})


def read(path: Path) -> dict[str, Any]:
    """A job's record; InputError where it is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a whole record of a job ({error})") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{path}: not a record of a job")
    return record


def announce(folder: Path, *, number: int, overrides: Sequence[str]) -> Path:
    """Record a job that is yet to begin; one that was done before stays as it is. -> its record's place."""
    path = place(folder, overrides)
    if _known(path)["state"] != "done":
        _amend(folder, number=number, overrides=overrides, state="waiting", told="it was not begun")
    return path


def vanished(folder: Path, *, number: int, overrides: Sequence[str], said: str) -> None:
    """Record a job whose process is gone without a word: killed, out of memory, out of time; `said` by its launcher."""
    told = f"its process ended without a word (killed, out of memory or out of time?): {said}"
    _amend(folder, number=number, overrides=overrides, state="failed", told=told)


def _amend(folder: Path, *, number: int, overrides: Sequence[str], state: str, told: str) -> None:
    """Record why a job is not done; where its results went before, stays."""
    own = {"number": number, "overrides": list(overrides)}
    record = _known(place(folder, overrides)) | own
    write(folder, record | {"state": state, "why": told, "code": FAILED})


def _known(path: Path) -> dict[str, Any]:
    """A job's record; where there is no whole one, what is known of a job that never began."""
    try:
        return read(path)
    except InputError:
        return {"folder": None, "settings_hash": None, "state": "waiting"}


def why(error: BaseException) -> str:
    """An error in words: a user's by its sentence, one of ours by its kind too."""
    said = isinstance(error, Exception) and is_users(error)
    return sentence(error) if said else f"{type(error).__name__}: {error}"


def reason(record: dict[str, Any]) -> str:
    """Why a job is not done."""
    return record["why"] or "its process ended without a word (killed?), or it is running still"


def tells(override: str, *, among: Sequence[str] = ELSEWHERE) -> bool:
    """Whether an override can make another row: it sets none of `among`."""
    key = override.partition("=")[0].lstrip("+~")
    return not any(key == e or key.startswith(f"{e}.") for e in among)


def twins(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A sentence on jobs that were asked to differ and have the same settings, so that they are one row of a table."""
    rows: dict[str, dict[tuple[str, ...], int]] = {}
    for record in sorted(records, key=lambda record: record["number"]):
        asked = tuple(override for override in record["overrides"] if tells(override))
        rows.setdefault(record["settings_hash"] or f"#{record['number']}", {}).setdefault(asked, record["number"])
    for same in rows.values():
        if len(same) > 1:
            yield f"jobs {', '.join(f'#{number}' for number in same.values())} {_why_alike(list(same))}"


def _why_alike(asked: Sequence[tuple[str, ...]]) -> str:
    """What made one row of jobs that were asked to differ."""
    apart = set.union(*map(set, asked)) - set.intersection(*map(set, asked))
    if not any(tells(override, among=(*ELSEWHERE, *MEASURED)) for override in apart):
        return (
            "differ in what is measured alone and are one tuning with the last one's figures; choose several metrics in"
            " one job, or give each a folder= of its own"
        )
    return (
        "have the same settings and are one row: what the command line sets has the last word over row=; set it in a"
        " file that the row builds on, as loss=ffhq64 is one"
    )
