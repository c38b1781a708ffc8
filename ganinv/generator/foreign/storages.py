"""PyTorch's tensors inside a pickle: views into storages, each of which is a file of torch.save inside the file."""

import math
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from .arrays import sizes
from .machine import Machine, Name
from .source import Blob, Blobs, Damaged, Source, length

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of torch.save before its zip form
HEAD = 4096  # bytes that hold the five pickles before the values; about 400 are used
COUNT = 8  # bytes of the number of values, between the pickles and the values
DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
TYPES = {("torch", name): Name(f"torch.{name}") for name in DTYPES}


@dataclass(frozen=True)
class Storage:
    """`count` values from byte `start` of a blob on, still in the file."""

    blob: Blob
    start: int
    count: int
    dtype: torch.dtype


def names(blobs: Blobs) -> dict[tuple[str, str], Name]:
    """PyTorch's names in a pickle."""
    return {
        ("torch.storage", "_load_from_bytes"): Name("_load_from_bytes", partial(_storage, blobs)),
        ("torch._utils", "_rebuild_tensor_v2"): Name("_rebuild_tensor_v2", partial(_tensor, blobs)),
        ("torch._utils", "_rebuild_parameter"): Name("_rebuild_parameter", _parameter),
    }


def _storage(blobs: Blobs, blob: Any) -> Storage:
    if not isinstance(blob, Blob):
        raise Damaged("has a storage without bytes")
    head = blobs.head(blob, HEAD)
    source = Source(BytesIO(head), len(head))
    machine = Machine(source, names=TYPES, budget=blobs.budget, persistent=_reference)
    if machine.run() != MAGIC or machine.run() != PROTOCOL:
        raise Damaged("has a storage that is no file of torch.save")
    system, storage, keys = machine.run(), machine.run(), machine.run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Damaged("has a storage that is not little-endian")
    if not isinstance(storage, tuple) or keys != [storage[0]]:
        raise Damaged("has a storage whose parts do not fit together")
    _, dtype, count = storage
    start, said = source.position + COUNT, int.from_bytes(source.take(COUNT), "little", signed=True)
    if said != count or start + count * dtype.itemsize > length(blob):
        raise Damaged(f"has a storage that claims {said} values and does not hold them")
    return Storage(blob, start, count, dtype)


def _reference(pid: Any) -> tuple[str, torch.dtype, int]:
    """(key, type, count) of the one storage: the raw values follow."""
    kind, name, key, _, count, view = pid
    known = isinstance(name, Name) and isinstance(key, str) and type(count) is int and count >= 0
    if kind != "storage" or not known or view is not None:
        raise Damaged("has a storage of an unknown kind")
    return key, DTYPES[name.label.removeprefix("torch.")], count


def _tensor(
    blobs: Blobs,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(storage, Storage) or type(offset) is not int:
        raise Damaged("has a tensor without a storage")
    size, stride = sizes(size), _strides(stride)
    if len(size) != len(stride) or offset < 0:
        raise Damaged(f"has a tensor at offset {offset} with shape {list(size)} and strides {list(stride)}")
    count = math.prod(size)
    # Of the last value, seen from the first; 0 in both where there is none.
    reach = sum((axis - 1) * step for axis, step in zip(size, stride, strict=True)) + 1 if count else 0
    if count > storage.count or offset + reach > storage.count:
        raise Damaged(f"has a tensor of shape {list(size)} that lies outside its storage of {storage.count} values")
    if not count:
        return torch.zeros(size, dtype=storage.dtype)
    step = storage.dtype.itemsize
    values = torch.from_numpy(blobs.read(storage.blob, storage.start + offset * step, reach * step))
    values = values.ne(0) if storage.dtype == torch.bool else values.view(storage.dtype)
    return values.as_strided(size, stride).contiguous()


def _strides(stride: Any) -> tuple[int, ...]:
    if not isinstance(stride, tuple) or any(type(step) is not int or not 0 <= step <= 2**40 for step in stride):
        raise Damaged("has a tensor whose strides are no whole numbers from 0 on")
    return stride


def _parameter(tensor: Any, requires_grad: Any, hooks: Any) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise Damaged("has a parameter that is no tensor")
    return tensor
