"""Name -> file of weights: inside the package, in a folder of the user's, or in the cache; downloaded only when asked.

`python -m ganinv.weights` lists what has a name, `python -m ganinv.weights NAME` downloads it. Looked through, in this
order: the folder in the environment variable GANINV_WEIGHTS, the cache (GANINV_HOME, default ~/.cache/ganinv), and the
cache of torch.hub. No network is needed where the file lies in one of them.
"""

import argparse
import hashlib
import http.client
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

PACKAGED = Path(__file__).parent / "generator"
TORCHVISION = "https://download.pytorch.org/models/"
CHUNK = 1 << 20  # bytes
PATIENCE = 30  # seconds without an answer


@dataclass(frozen=True)
class Entry:
    """A published file."""

    file: str  # its published name
    url: str
    sha256: str  # first hex digits, all 64 where they are published
    what: str
    licence: str


def _torchvision(file: str, what: str) -> Entry:
    """torchvision publishes the first eight digits of the SHA-256, as the end of the file's name."""
    digits = Path(file).stem.rsplit("-", 1)[1]
    return Entry(file=file, url=TORCHVISION + file, sha256=digits, what=what, licence="BSD-3-Clause")


TABLE = {
    "lpips_alexnet_features": _torchvision("alexnet-owt-7be5be79.pth", "AlexNet, the trunk of LPIPS (alex)"),
    "lpips_squeezenet1_1_features": _torchvision(
        "squeezenet1_1-b8a52dc0.pth", "SqueezeNet 1.1, the trunk of LPIPS (squeeze)"
    ),
    "lpips_vgg16_features": _torchvision("vgg16-397923af.pth", "VGG-16, the trunk of LPIPS (vgg)"),
}


class MissingWeights(InputError):
    """Weights that have a name but are not on this machine; the message says how to get them."""


def find(name_or_path: str) -> Path:
    """The file behind a name of the table, behind "package:FILE" (inside the package), or at a path.

    A published file is checked against its hash. Raises MissingWeights for a name whose file is not at hand, InputError
    for anything else that is not there.
    """
    if name_or_path.startswith("package:"):
        return _packaged(name_or_path.removeprefix("package:"))
    if name_or_path in TABLE:
        return _named(name_or_path, TABLE[name_or_path])
    if "://" in name_or_path:
        raise InputError(f"{name_or_path}: nothing is downloaded unasked; fetch the file and give its path")
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    problem = "is a folder" if path.is_dir() else "no such file"
    raise InputError(f"{path}: {problem}; give a file's path, package:FILE, or one of {', '.join(TABLE)}")


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
        raise InputError(f"{path}: {_complaint(path)}; fetch it again") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise InputError(f"{path}: holds no state dict (tensors by name); save one with torch.save(net.state_dict())")
    return tensors


def download(name: str) -> Path:
    """Fetch a file of the table into the cache, whole and checked or not at all. Raises InputError."""
    if name not in TABLE:
        raise InputError(f"{name}: no such weights; there are {', '.join(TABLE)}")
    entry, target = TABLE[name], cache() / TABLE[name].file
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            for chunk in _chunks(entry.url):
                file.write(chunk)
        _verify(part, entry, shown=entry.url)
        part.replace(target)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{target.parent}: cannot be written ({reason}); set GANINV_HOME to a folder that can"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return target


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


def _packaged(name: str) -> Path:
    path = PACKAGED / name
    if Path(name).name == name and path.is_file():
        return path
    inside = ", ".join(f"package:{path.name}" for path in sorted(PACKAGED.glob("*.safetensors")))
    raise InputError(f"package:{name}: no such file in the package; it holds {inside or 'none'}")


def _named(name: str, entry: Entry) -> Path:
    for folder in folders():
        if (folder / f"{name}.safetensors").is_file():
            return folder / f"{name}.safetensors"
        if (folder / entry.file).is_file():
            return _verify(folder / entry.file, entry)
    raise MissingWeights(
        f"{name} ({entry.what}) is not at hand; get it with `python -m ganinv.weights {name}`, or put {entry.file} or"
        f" {name}.safetensors into the folder that GANINV_WEIGHTS names"
    )


def _chunks(url: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            while chunk := response.read(CHUNK):
                yield chunk
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise InputError(f"{url}: cannot be fetched ({error}); fetch it elsewhere and put it into {cache()}") from error


def _verify(path: Path, entry: Entry, *, shown: str | None = None) -> Path:
    """`path` itself if it begins with the published hash; `shown` is what the message calls it."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); see to its permissions") from error
    if found.startswith(entry.sha256):
        return path
    expected = f"its SHA-256 begins with {found[: len(entry.sha256)]}, not {entry.sha256}"
    raise InputError(f"{shown or path}: {_complaint(path)}, {expected}; fetch {entry.url} again")


def _complaint(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            start = file.read(512).lstrip()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not start:
        return "is empty"
    return "is a web page, not weights" if start.startswith(b"<") else "is not a whole file of weights"


def _list() -> None:
    for name, entry in TABLE.items():
        try:
            place = str(_named(name, entry))
        except MissingWeights:
            place = "not at hand"
        print(f"{name}: {entry.what}; {entry.licence}; {entry.url}; {place}")


def main(arguments: list[str] | None = None) -> int:
    """Download the weights that are named; without a name, list them. The exit code is 1 after a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ganinv.weights", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TABLE))
    names = parser.parse_args(arguments).names
    try:
        for name in names:
            print(download(name))
        if not names:
            _list()
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
