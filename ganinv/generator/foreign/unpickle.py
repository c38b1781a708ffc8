"""Pickles of networks as inert data: a fixed list of names, each with a stand-in of ours; nothing is executed.

What `load` gives: dict (EasyDict and OrderedDict too), list, tuple, set, str, numbers (NumPy's scalars too), bytes,
numpy.ndarray, torch.Tensor (contiguous, of the stored type, on the CPU), `Node` for an object of a foreign class.
Values are read from the file straight to where they stay, so that peak memory is about the file's size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import InputError
from . import arrays, storages
from .machine import Machine, Name, Unbuilt
from .source import Blobs, Budget, Damaged, Source, shown

PERSISTENCE_VERSION = 6  # of torch_utils.persistence, the only one that was published
MAX_SET = 100  # items of a set that is made from a list
MAX_MODULES = 10_000  # of one network
MAX_DEPTH = 16  # of modules in modules


@dataclass(frozen=True)
class Node:
    """An object of a foreign class, inert: its class's name and its attributes."""

    class_name: str
    state: dict[str, Any]


def load(file: Path) -> Any:
    """The object in the pickle `file`. Raises InputError."""
    try:
        size = file.stat().st_size
        with open(file, "rb") as instructions, open(file, "rb", buffering=0) as values:
            budget = Budget(size)
            table = names(Blobs(values, budget))  # pyright: ignore[reportArgumentType]
            return Machine(Source(instructions, size), names=table, budget=budget).run()
    except Damaged as error:
        raise InputError(f"{file}: its pickle {shown(error)}; fetch it again, from a source that you trust") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the path and its rights") from error


def tensors(node: Node) -> dict[str, Tensor]:
    """Parameters and buffers of a module and of those in it, by the names of its state dict. Raises ValueError."""
    return dict(_walk(node, "", set()))


def _walk(node: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if not isinstance(node, Node) or id(node) in seen or len(seen) > MAX_MODULES or prefix.count(".") > MAX_DEPTH:
        raise ValueError(f"{prefix or 'the network'} is not a module of its own")
    seen.add(id(node))
    for kind in ("_parameters", "_buffers"):
        for name, value in _named(node, kind):
            if isinstance(value, Tensor):
                yield f"{prefix}{name}", value
    for name, module in _named(node, "_modules"):
        if module is not None:
            yield from _walk(module, f"{prefix}{name}.", seen)


def _named(node: Node, kind: str) -> Iterator[tuple[str, Any]]:
    for name, value in attribute(node, kind, dict).items():
        if not isinstance(name, str):
            raise ValueError(f"its {node.class_name!r:.60} has {kind} without a name")
        yield name, value


def attribute(node: Node, name: str, kind: type | tuple[type, ...]) -> Any:
    """An attribute that must be there and of `kind`. Raises ValueError."""
    value = node.state.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"its {node.class_name!r:.60} has no {name} that can be used")
    return value


def names(blobs: Blobs) -> dict[tuple[str, str], Name]:
    """Every name that a pickle may use."""
    network = Name("Network", lambda: Unbuilt(_network))
    return {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): Name("_reconstruct_persistent_obj", _persistent),
        ("dnnlib.util", "EasyDict"): Name("EasyDict", lambda: {}),
        ("collections", "OrderedDict"): Name("OrderedDict", lambda: {}),
        ("builtins", "set"): Name("set", _set),
        ("__builtin__", "set"): Name("set", _set),
        ("dnnlib.tflib.network", "Network"): network,
        ("__builtin__", "bytes"): Name("bytes", lambda: b""),
        ("_codecs", "encode"): Name("encode", lambda text, code: _encoded(blobs, text, code)),
        **arrays.names(blobs),
        **storages.names(blobs),
    }


def _persistent(record: Any) -> Node:
    """An object of torch_utils.persistence; its `module_src` stays unread."""
    if not isinstance(record, dict) or record.get("type") != "class" or record.get("version") != PERSISTENCE_VERSION:
        raise Damaged("has a module of an unknown kind")
    name, state = record.get("class_name"), record.get("state")
    if not isinstance(name, str) or not isinstance(state, dict):
        raise Damaged("has a module without a class or without a state")
    return Node(name, state)


def _network(state: Any) -> Node:
    if not isinstance(state, dict):
        raise Damaged("has a TensorFlow network without a state")
    return Node("Network", state)


def _set(items: Any) -> set[str]:
    if not isinstance(items, list) or len(items) > MAX_SET or any(not isinstance(item, str) for item in items):
        raise Damaged("has a set of something else than names")
    return set(items)


def _encoded(blobs: Blobs, text: Any, code: Any) -> bytes:
    """Protocol 2 writes bytes as text."""
    if not isinstance(text, str) or code != "latin1":
        raise Damaged("encodes a text in an unknown way")
    blobs.budget.take(len(text))
    return text.encode("latin-1")
