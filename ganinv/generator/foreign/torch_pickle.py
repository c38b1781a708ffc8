"""Files of torch.save, its zip form and the one before it, as inert data: nothing in them is executed.

The instructions are read by `machine`, with its fixed list of names; values stay in the file until `View.read`, so that
what a checkpoint holds beside its networks (the optimisers of a training run) costs no memory.
"""

import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from ...errors import InputError
from . import storages
from .arrays import sizes
from .machine import Machine, Name, Unbuilt
from .source import Blobs, Budget, Damaged, Source, Stretch, shown
from .storages import DTYPES, MAGIC, PROTOCOL, TYPES, Storage
from .unpickle import Node, names

ZIP_START, LEGACY_START = b"PK\x03\x04", b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little")
MAX_DIRECTORY = 2**21  # bytes of a zip's list of entries; a training run's file of 1024 pixels has about 200,000
MAX_PICKLE = 2**26  # bytes of a zip's data.pkl; about 300,000 are used
LOCAL_HEADER = 30  # bytes of a zip entry's header before its name
PLAIN = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path")


@dataclass(frozen=True)
class View:
    """A tensor that is still in the file, or one that was made."""

    shape: tuple[int, ...]
    make: Callable[[], Tensor]

    def read(self) -> Tensor:
        """float32, contiguous, on the CPU."""
        return self.make().float()

    @classmethod
    def of(cls, tensor: Tensor) -> "View":
        return cls(tuple(tensor.shape), lambda: tensor)


@dataclass(frozen=True)
class Reference:
    """What a pickle says of a storage that lies outside it."""

    key: str
    count: int
    name: str  # "FloatStorage"


class _Thrifty:
    """A stream for `zipfile`, which reads the list of a zip's entries at once: a long one is refused before that."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.seek, self.tell = stream, stream.seek, stream.tell

    def read(self, count: int = -1) -> bytes:
        if count > MAX_DIRECTORY:
            raise Damaged(f"belongs to a zip whose list of entries has more than {MAX_DIRECTORY} bytes")
        return self.stream.read(MAX_DIRECTORY if count < 0 else count)


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """The object in `file`, its tensors as `View`s that can be read inside the `with`. Raises InputError."""
    try:
        size = file.stat().st_size
        with open(file, "rb") as stream, open(file, "rb", buffering=0) as values:
            blobs = Blobs(values, Budget(size))  # pyright: ignore[reportArgumentType]
            start = stream.read(len(LEGACY_START))
            load = _load_zip if start.startswith(ZIP_START) else _load_legacy
            yield load(stream, size, blobs)
    except Damaged as error:
        raise InputError(f"{file}: its pickle {shown(error)}; fetch it again, from a source that you trust") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the path and its rights") from error


def is_torch(start: bytes) -> bool:
    """Whether a file that begins like this is one of torch.save."""
    return start.startswith((ZIP_START, LEGACY_START))


def _load_zip(stream: BinaryIO, size: int, blobs: Blobs) -> Any:
    try:
        records = _records(stream, size)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OverflowError, ValueError, struct.error) as error:
        raise Damaged(f"cannot be found: the file is not a whole zip ({error})") from error
    pickles = [name for name in records if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1 or any("/code/" in name for name in records):
        raise Damaged("is not there: this zip is no checkpoint of torch.save (TorchScript, or another kind)")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in records and _bytes(stream, records[f"{root}byteorder"], 16) != b"little":
        raise Damaged("belongs to values that are not little-endian")
    content = _bytes(stream, records[pickles[0]], MAX_PICKLE)
    inner = Blobs(BytesIO(content), blobs.budget)
    resolve = partial(_in_zip, records, root)
    machine = Machine(
        Source(BytesIO(content), len(content)),
        names=_table(inner, blobs, resolve),
        budget=blobs.budget,
        persistent=_reference,
    )
    return machine.run()


def _records(stream: BinaryIO, size: int) -> dict[str, Stretch]:
    """Where each entry's bytes lie; stored as they are, inside the file, none twice."""
    with zipfile.ZipFile(_Thrifty(stream)) as archive:  # pyright: ignore[reportArgumentType]
        entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > size:
        raise Damaged(f"belongs to a zip that claims {len(entries)} entries with more bytes than it has")
    records: dict[str, Stretch] = {}
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.filename in records:
            raise Damaged("belongs to a zip with compressed, encrypted or doubled entries, as torch.save writes none")
        stream.seek(entry.header_offset)
        header = stream.read(LOCAL_HEADER)
        name, extra = struct.unpack("<HH", header[26:30])
        stretch = Stretch(entry.header_offset + LOCAL_HEADER + name + extra, entry.file_size)
        if stretch.start + stretch.length > size:
            raise Damaged("belongs to a zip whose entries lie outside it")
        records[entry.filename] = stretch
    return records


def _bytes(stream: BinaryIO, stretch: Stretch, most: int) -> bytes:
    if stretch.length > most:
        raise Damaged(f"has {stretch.length} bytes where {most} are allowed")
    stream.seek(stretch.start)
    return stream.read(stretch.length)


def _in_zip(records: dict[str, Stretch], root: str, reference: Reference) -> Storage:
    stretch, dtype = records.get(f"{root}data/{reference.key}"), DTYPES[reference.name]
    if stretch is None or reference.count * dtype.itemsize != stretch.length:
        raise Damaged(f"claims a storage of {reference.count} values that the zip does not hold")
    return Storage(stretch, 0, reference.count, dtype)


def _load_legacy(stream: BinaryIO, size: int, blobs: Blobs) -> Any:
    """Five pickles, then each storage's number of values and its values, in the order of the last pickle's keys."""
    stream.seek(0)
    source, found, said = Source(stream, size), {}, {}
    table = _table(blobs, blobs, lambda reference: found[reference.key])
    machine = Machine(source, names=table, budget=blobs.budget, persistent=partial(_remember, said))
    if machine.run() != MAGIC or machine.run() != PROTOCOL:
        raise Damaged("is not one of torch.save")
    system = machine.run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Damaged("belongs to values that are not little-endian")
    content, keys = machine.run(), machine.run()
    if not isinstance(keys, list) or any(type(key) not in (str, int) for key in keys):
        raise Damaged("has storages without names")
    if len(keys) != len(said) or {str(key) for key in keys} != said.keys():
        raise Damaged("names other storages than follow it")
    for key in map(str, keys):
        found[key] = _next_storage(source, said[key])
    return content


def _next_storage(source: Source, reference: Reference) -> Storage:
    count, dtype = int.from_bytes(source.take(8), "little", signed=True), DTYPES[reference.name]
    if count != reference.count:
        raise Damaged(f"claims a storage of {reference.count} values where the file has {count}")
    return Storage(source.blob(count * dtype.itemsize), 0, count, dtype)


def _reference(pid: Any) -> Reference:
    """('storage', type, key, device, count), and None at the end in older files."""
    kind, name, key, _, count, *rest = pid
    known = isinstance(name, Name) and name.label.removeprefix("torch.") in DTYPES and isinstance(key, str)
    if kind != "storage" or not known or type(count) is not int or count < 0 or any(item is not None for item in rest):
        raise Damaged("has a storage of an unknown kind")
    return Reference(key, count, name.label.removeprefix("torch."))


def _remember(said: dict[str, Reference], pid: Any) -> Reference:
    reference = _reference(pid)
    if said.setdefault(reference.key, reference) != reference:
        raise Damaged("gives one storage two sizes")
    return reference


def _table(inner: Blobs, blobs: Blobs, resolve: Callable[[Reference], Storage]) -> dict[tuple[str, str], Name]:
    """Names of a network's pickle (`inner`: where its own bytes lie), and what torch.save puts around it."""
    rebuild = storages.names(blobs)["torch._utils", "_rebuild_tensor_v2"].call
    assert rebuild is not None
    return {
        **names(inner),
        **TYPES,
        ("torch._utils", "_rebuild_tensor_v2"): Name("_rebuild_tensor_v2", partial(_view, rebuild, resolve)),
        ("torch._utils", "_rebuild_parameter"): Name("_rebuild_parameter", lambda tensor, *_: tensor),
        ("argparse", "Namespace"): Name("Namespace", lambda: Unbuilt(_namespace)),
        ("torch", "Size"): Name("torch.Size", lambda size: size),
        ("torch", "device"): Name("torch.device", lambda *_: None),
        ("collections", "defaultdict"): Name("defaultdict", lambda *_: {}),
        ("builtins", "dict"): Name("dict"),
        ("__builtin__", "dict"): Name("dict"),
        **{("pathlib", name): Name(name, lambda *_: None) for name in PLAIN},
    }


def _namespace(state: Any) -> Node:
    if not isinstance(state, dict):
        raise Damaged("has settings without a state")
    return Node("Namespace", state)


def _view(
    rebuild: Callable[..., Tensor],
    resolve: Callable[[Reference], Storage],
    reference: Any,
    offset: Any,
    size: Any,
    stride: Any,
    *_: Any,
) -> View:
    if not isinstance(reference, Reference):
        raise Damaged("has a tensor without a storage")

    def make() -> Tensor:
        return rebuild(resolve(reference), offset, size, stride, False, None)

    return View(sizes(size), make)
