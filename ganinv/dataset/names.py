"""A folder name for each photo of a run: safe on every file system, never two alike."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from pathlib import PurePosixPath

REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')  # by Windows; and bytes that are no unicode
MAX_BYTES = 200  # of the 255 that file systems allow, so that temporary names still fit
WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
RUN_FILES = {
    "config.yaml",
    "metrics.csv",
    "summary.csv",
    "curves.csv",
    "edits.png",
    "failed.json",
    "grid.png",
    "report.html",
    "run.log",
    "wandb",
}


def folder_names(keys: list[str]) -> dict[str, str]:
    """Keys (paths below the folder or zip, with /) -> names, unique also where case or unicode form does not count.

    The stem where it is unique ("a"), else with its path and ending ("a_png"), else with a hash of the key as well.
    The names depend on the set of keys alone, not on their order. Spaces and unicode are kept.
    """
    levels = dict.fromkeys(keys, 0)
    while True:
        names = {key: spelling(key, level) for key, level in levels.items()}
        counts = Counter(as_seen_by_file_system(name) for name in names.values())
        clashing = [key for key, name in names.items() if counts[as_seen_by_file_system(name)] > 1 and levels[key] < 2]
        if not clashing:
            return names
        levels.update((key, levels[key] + 1) for key in clashing)


def spelling(key: str, level: int) -> str:
    """Short (0), with path and ending (1), with a hash as well (2)."""
    path = PurePosixPath(key)
    if level == 0:
        return safe(path.stem)
    long = safe(f"{path.with_suffix('')}_{path.suffix[1:]}")
    return long if level == 1 else f"{long}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:8]}"


def safe(text: str) -> str:
    """As a folder's name: refused characters become _, and so does a dot or space at either end."""
    text = REFUSED.sub("_", unicodedata.normalize("NFC", text))
    text = text.encode()[:MAX_BYTES].decode(errors="ignore")
    text = re.sub(r"^[. ]|[. ]$", "_", text) or "_"
    return f"_{text}" if text.split(".")[0].lower() in WINDOWS_DEVICES or text.lower() in RUN_FILES else text


def as_seen_by_file_system(name: str) -> str:
    """Equal for two names that some file system takes for the same."""
    return unicodedata.normalize("NFC", name.casefold())
