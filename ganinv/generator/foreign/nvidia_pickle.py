"""Pickles of protocol 3, as NVIDIA's tools write them, of plain data, tensors and objects of foreign classes.

Such objects go out by the names of their classes, which need not exist here; the same content gives the same bytes.
"""

import io
import pickle
import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from torch import Tensor, nn

from .storages import MAGIC, PROTOCOL
from .unpickle import PERSISTENCE_VERSION, Node

SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
KEY = "0"  # of a storage in its file


class Network(NamedTuple):
    """An object of a class, and the source text that defines the class."""

    node: Node
    source: str


class Storage(NamedTuple):
    """The values of a tensor, float32 and contiguous, on the CPU."""

    values: Tensor


class Hooks(NamedTuple):
    """Those of a tensor: none."""


class Reference(NamedTuple):
    """Something that stands outside the pickle, as torch.save puts its storages."""

    items: tuple[Any, ...]


class Class(NamedTuple):
    """A class by its name."""

    module: str
    name: str


class Writer:
    """Writes values to a file that is open for bytes; networks and source texts that come again are referred to."""

    def __init__(self, file: BinaryIO, *, protocol: int = 3) -> None:
        self.write, self.protocol, self.source = file.write, protocol, ""
        self.seen: dict[int, tuple[int, Any]] = {}  # by identity; the objects are kept, so that it stays theirs

    def dump(self, value: Any) -> None:
        """The whole pickle of `value`. Raises TypeError for what has no form here."""
        self.write(pickle.PROTO + bytes([self.protocol]))
        self.put(value)
        self.write(pickle.STOP)

    def put(self, value: Any) -> None:
        """One value."""
        kind = nn.Parameter if isinstance(value, nn.Parameter) else type(value)
        if kind not in FORMS:
            raise TypeError(f"a {kind.__name__} has no form in a pickle of networks")
        FORMS[kind](self, value)

    def call(self, module: str, name: str, *arguments: Any) -> None:
        """What the function `name` of `module` will give."""
        self.put(Class(module, name))
        self.many(pickle.MARK, arguments, pickle.TUPLE + pickle.REDUCE)

    def many(self, start: bytes, items: Iterable[Any], end: bytes) -> None:
        """Items between two instructions."""
        self.write(start)
        for item in items:
            self.put(item)
        self.write(end)

    def once(self, value: Any, form: Callable[[Any], None]) -> None:
        """`value` in its form the first time, then as a reference."""
        if id(value) in self.seen:
            self.write(pickle.LONG_BINGET + struct.pack("<I", self.seen[id(value)][0]))
            return
        form(value)
        self.seen[id(value)] = len(self.seen), value
        self.write(pickle.LONG_BINPUT + struct.pack("<I", len(self.seen) - 1))


def _network(writer: Writer, network: Network) -> None:
    writer.source = network.source
    writer.put(network.node)


def _node(writer: Writer, node: Node) -> None:
    writer.once(node, partial(_object, writer))


def _object(writer: Writer, node: Node) -> None:
    record = {"type": "class", "version": PERSISTENCE_VERSION, "module_src": writer.source}
    record |= {"class_name": node.class_name, "state": node.state}
    writer.call("torch_utils.persistence", "_reconstruct_persistent_obj", record)


def _tensor(writer: Writer, tensor: Tensor) -> None:
    own = tensor.detach().cpu().float().contiguous()
    shape, stride = tuple(own.shape), own.stride()
    writer.call("torch._utils", "_rebuild_tensor_v2", Storage(own), 0, shape, stride, False, Hooks())


def _storage(writer: Writer, storage: Storage) -> None:
    """As torch.save writes one storage, in its form before the zip."""
    writer.call("torch.storage", "_load_from_bytes", legacy(storage.values))


def legacy(values: Tensor) -> bytes:
    """Five pickles (a number, a version, a system, a reference to the values, keys), then how many values, and them."""
    count = values.numel()
    reference = Reference(("storage", Class("torch", "FloatStorage"), KEY, "cpu", count, None))
    head = b"".join(_alone(part) for part in (MAGIC, PROTOCOL, SYSTEM, reference, [KEY]))
    return head + struct.pack("<q", count) + values.numpy().astype("<f4", copy=False).tobytes()


def _alone(value: Any) -> bytes:
    buffer = io.BytesIO()
    Writer(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def _text(writer: Writer, text: str) -> None:
    if text is writer.source:
        writer.once(text, partial(_letters, writer))
    else:
        _letters(writer, text)


def _letters(writer: Writer, text: str) -> None:
    content = text.encode()
    writer.write(pickle.BINUNICODE + struct.pack("<I", len(content)) + content)


def _bytes(writer: Writer, content: bytes) -> None:
    writer.write(pickle.BINBYTES + struct.pack("<I", len(content)))
    writer.write(content)


def _whole(writer: Writer, number: int) -> None:
    if -(2**31) <= number < 2**31:
        writer.write(pickle.BININT + struct.pack("<i", number))
        return
    content = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    writer.write(pickle.LONG1 + bytes([len(content)]) + content)


def _reference(writer: Writer, reference: Reference) -> None:
    writer.put(reference.items)
    writer.write(pickle.BINPERSID)


def _items(values: dict[Any, Any]) -> Iterable[Any]:
    return (part for pair in values.items() for part in pair)


# What each kind of value becomes; sets, which protocol 3 has no instruction for, are made of a list.
FORMS: dict[type, Callable[[Writer, Any], object]] = {
    Network: _network,
    Node: _node,
    nn.Parameter: lambda w, value: w.call("torch._utils", "_rebuild_parameter", value.detach(), False, Hooks()),
    Tensor: _tensor,
    Storage: _storage,
    Hooks: lambda w, value: w.call("collections", "OrderedDict"),
    Reference: _reference,
    Class: lambda w, value: w.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode()),
    type(None): lambda w, value: w.write(pickle.NONE),
    bool: lambda w, value: w.write(pickle.NEWTRUE if value else pickle.NEWFALSE),
    int: _whole,
    float: lambda w, value: w.write(pickle.BINFLOAT + struct.pack(">d", value)),
    str: _text,
    bytes: _bytes,
    tuple: lambda w, value: w.many(pickle.MARK, value, pickle.TUPLE),
    list: lambda w, value: w.many(pickle.EMPTY_LIST + pickle.MARK, value, pickle.APPENDS),
    set: lambda w, value: w.call("builtins", "set", sorted(value)),
    dict: lambda w, value: w.many(pickle.EMPTY_DICT + pickle.MARK, _items(value), pickle.SETITEMS),
}
