"""Name -> file of weights: inside the package, in a folder of the user's, or in the cache; downloaded only when asked.

`python -m ganinv.weights` lists what has a name, `python -m ganinv.weights NAME` downloads it. Looked through, in this
order: the folder in the environment variable GANINV_WEIGHTS, the cache (GANINV_HOME, default ~/.cache/ganinv), and the
cache of torch.hub. No network is needed where the file lies in one of them; GANINV_OFFLINE=1 forbids it.
"""

import argparse
import difflib
import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import download as downloads
from .errors import InputError
from .paths import looked_up
from .published import TABLE, Entry
from .unread import heard
from .verify import complaint, complaint_of, record, verify

if TYPE_CHECKING:
    from torch import Tensor

PACKAGED = tuple(Path(__file__).parent / room for room in ("generator", "inverter"))
FULL = (errno.ENOSPC, errno.EDQUOT)


class MissingWeights(InputError):
    """Weights that have a name but are not on this machine; the message says how to get them."""


def find(name_or_path: str) -> Path:
    """The file behind a name of the table, behind "package:FILE" (inside the package), or at a path.

    A published file is checked against its size and hash. Raises MissingWeights for a name whose file is not at hand,
    InputError for anything else that is not there, and for a web page under the name of weights.
    """
    if name_or_path.startswith("package:"):
        return _packaged(name_or_path.removeprefix("package:"))
    if name_or_path in TABLE:
        return _named(name_or_path, TABLE[name_or_path])
    if "://" in name_or_path:
        raise InputError(f"{name_or_path}: nothing is downloaded unasked; fetch the file and give its path")
    path = looked_up(name_or_path)
    if path.is_file():
        return _no_page(path)
    problem = "is a folder" if path.is_dir() else "no such file"
    hint = f"a name that `python -m ganinv.weights` lists{_near(name_or_path)}"
    raise InputError(f"{path}: {problem}; give a file's path, package:FILE, or {hint}")


def load(name_or_path: str) -> "dict[str, Tensor]":
    """Tensors by name of a .safetensors file or of a state dict in a .pth file (which runs no code), on the CPU.

    Raises InputError as `find` does, and where the file is not whole or holds something else.
    """
    import torch
    from safetensors.torch import load_file

    path = find(name_or_path)
    try:
        is_safe = path.suffix == ".safetensors"
        tensors = load_file(path) if is_safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the bytes lead it to
        raise InputError(f"{path}: is not a whole file of weights; fetch it again") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise InputError(f"{path}: holds no state dict (tensors by name); save one with torch.save(net.state_dict())")
    return tensors


def download(name: str) -> Path:
    """Fetch a file of the table into the cache, whole and checked or not at all; one that is at hand is not fetched.

    Raises InputError. A download that was stopped goes on where it was.
    """
    if name not in TABLE:
        raise InputError(
            f"{name}: no such weights; `python -m ganinv.weights` lists those that have a name{_near(name)}"
        )
    entry, target = TABLE[name], cache() / TABLE[name].file
    if (found := _at_hand(name, entry)) and (found != target or is_offline()):
        return _checked(found, name, entry)
    if is_offline():
        raise InputError(f"GANINV_OFFLINE is set, so {name} is not downloaded; {_by_hand(entry)}")
    try:
        with downloads.alone(target):
            return _usable(target, entry) or _fetch(entry, target)
    except OSError as error:
        raise InputError(_disk_complaint(target, error)) from error


def _fetch(entry: Entry, target: Path) -> Path:
    part = downloads.fetch(entry.url, target, check=complaint, size=entry.size, by_hand=_by_hand(entry))
    try:
        verify(part, entry, cache=target.parent, shown=entry.url)
    except InputError:
        downloads.discard(target)
        raise
    if said := record(part, entry, cache=target.parent):
        print(said, file=sys.stderr)
    part.replace(target)
    downloads.discard(target)
    return target


def _usable(target: Path, entry: Entry) -> Path | None:
    """`target` if it is there and right; one that is not will be fetched again."""
    try:
        return verify(target, entry, cache=target.parent) if target.is_file() else None
    except InputError as error:
        print(f"{error}; it is fetched again", file=sys.stderr)
        return None


def _disk_complaint(target: Path, error: OSError) -> str:
    reason = error.strerror or error
    if error.errno in FULL:
        advice = "free some space there and give the same command again, or set GANINV_HOME to another folder"
        return f"{target.parent}: no room ({reason}); {advice}"
    return f"{target.parent}: cannot be written ({reason}); set GANINV_HOME to a folder that can"


def is_offline() -> bool:
    """Whether the environment variable GANINV_OFFLINE forbids downloads."""
    return os.environ.get("GANINV_OFFLINE", "0").lower() not in ("", "0", "false", "no")


def cache() -> Path:
    """Where downloads go."""
    return Path(os.environ.get("GANINV_HOME") or "~/.cache/ganinv").expanduser()


def folders() -> list[Path]:
    """Where named weights are looked for, in this order."""
    own = os.environ.get("GANINV_WEIGHTS")
    if own and not Path(own).expanduser().is_dir():
        raise InputError(f"GANINV_WEIGHTS: {own} is not a folder; name the one that holds your weights, or unset it")
    torch_home = os.environ.get("TORCH_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/torch"
    places = [*([own] if own else []), cache(), f"{torch_home}/hub/checkpoints"]
    return [Path(place).expanduser() for place in places]


def has_name(name_or_path: str) -> bool:
    """Whether that is a published or an embedded file's name, not a path."""
    return name_or_path in TABLE or name_or_path.startswith("package:")


def _packaged(name: str) -> Path:
    held = {path.name: path for room in PACKAGED for path in sorted(room.glob("*.safetensors"))}
    if name in held:
        return held[name]
    inside = ", ".join(f"package:{known}" for known in held)
    raise InputError(f"package:{name}: no such file in the package; it holds {inside or 'none'}")


def _named(name: str, entry: Entry) -> Path:
    if found := _at_hand(name, entry):
        return _checked(found, name, entry)
    if is_offline():
        raise MissingWeights(f"{name} ({entry.what}) is not at hand, and GANINV_OFFLINE is set; {_by_hand(entry)}")
    raise MissingWeights(
        f"{name} ({entry.what}) is not at hand; get it with `python -m ganinv.weights {name}` ({entry.amount};"
        f" {entry.licence}), or put {entry.file} or {name}.safetensors into the folder that GANINV_WEIGHTS names"
    )


def _at_hand(name: str, entry: Entry) -> Path | None:
    places = (folder / file for folder in folders() for file in (f"{name}.safetensors", entry.file))
    return next((place for place in places if place.is_file()), None)


def _checked(path: Path, name: str, entry: Entry) -> Path:
    """A file of the user's own making, NAME.safetensors, has no published hash."""
    return _no_page(path) if path.name == f"{name}.safetensors" else verify(path, entry, cache=cache())


def _no_page(path: Path) -> Path:
    """An empty file is left to its reader, who says so in the words of the format."""
    if path.stat().st_size and (wrong := complaint_of(path)):
        raise InputError(f"{path}: {wrong}; fetch the file again, in a browser if its address answers with a page")
    return path


def _by_hand(entry: Entry) -> str:
    return f"{entry.by_hand} into {cache()} or the folder that GANINV_WEIGHTS names"


def _near(name: str | Path) -> str:
    near = difflib.get_close_matches(str(name), TABLE, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _list() -> None:
    for name, entry in TABLE.items():
        try:
            place = str(_named(name, entry))
        except MissingWeights:
            place = "not at hand"
        except InputError as error:
            place = str(error)
        print(f"{name}: {entry.what}; {entry.amount}; {entry.licence}; {entry.page or entry.url}; {place}")


def main(arguments: list[str] | None = None) -> int:
    """Download the weights that are named; without a name, list them. The exit code is 2 after a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ganinv.weights", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="for instance ffhq1024")
    names = parser.parse_args(arguments).names
    try:
        for name in names:
            print(download(name))
        if not names:
            _list()
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(heard(main))
