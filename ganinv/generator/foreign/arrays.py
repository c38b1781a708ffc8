"""NumPy's arrays and scalars inside a pickle, of NumPy 1 and 2, numbers alone."""

import math
from functools import partial
from typing import Any

import numpy as np

from .machine import Name, Unbuilt
from .source import Blob, Blobs, Damaged, length, shown

CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
MAX_AXES = 8
MODULES = ("numpy.core", "numpy._core")  # of NumPy 1 and 2
NDARRAY = Name("numpy.ndarray")


def names(blobs: Blobs) -> dict[tuple[str, str], Name]:
    """NumPy's names in a pickle."""
    table = {("numpy", "dtype"): Name("numpy.dtype", _dtype), ("numpy", "ndarray"): NDARRAY}
    for module in MODULES:
        multiarray = f"{module}.multiarray"
        table[multiarray, "scalar"] = Name("numpy.scalar", partial(_scalar, blobs))
        table[multiarray, "_reconstruct"] = Name("numpy._reconstruct", partial(_reconstruct, blobs))
        table[f"{module}.numeric", "_frombuffer"] = Name("numpy._frombuffer", partial(_from_buffer, blobs))
    return table


def _dtype(code: Any, align: Any = False, copy: Any = True) -> Unbuilt:
    if code not in CODES:
        raise Damaged(f"has an array of type {shown(code, 20)!r}; only numbers can be read")
    return Unbuilt(partial(_ordered, np.dtype(code)))


def _ordered(dtype: np.dtype, state: Any) -> np.dtype:
    """`state`: version, byte order, and what records and objects would have."""
    _, order, *rest = state
    if order not in ("<", ">", "|") or any(value is not None for value in rest[:3]):
        raise Damaged("has an array whose values are no plain numbers")
    return dtype.newbyteorder(order)


def _scalar(blobs: Blobs, dtype: Any, content: Any) -> float | int | bool:
    return _values(blobs, dtype, content, ())[()].item()


def _reconstruct(blobs: Blobs, kind: Any, shape: Any, code: Any) -> Unbuilt:
    if kind is not NDARRAY:
        raise Damaged("has an array of a foreign class")
    return Unbuilt(partial(_array, blobs))


def _array(blobs: Blobs, state: Any) -> np.ndarray:
    _, shape, dtype, fortran, content = state
    return _values(blobs, dtype, content, shape, order="F" if fortran else "C")


def _from_buffer(blobs: Blobs, content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    return _values(blobs, dtype, content, shape, order="F" if order == "F" else "C")


def _values(blobs: Blobs, dtype: Any, content: Any, shape: Any, *, order: Any = "C") -> np.ndarray:
    if not isinstance(dtype, np.dtype) or not isinstance(content, Blob):
        raise Damaged("has an array without a type or without bytes")
    count = math.prod(sizes(shape))
    if count * dtype.itemsize != length(content):
        raise Damaged(f"has an array of {count} values of {dtype.itemsize} bytes in {length(content)} bytes")
    values = blobs.read(content, 0, length(content))
    if dtype.kind == "b":
        return (values != 0).reshape(shape, order=order)
    return values.view(dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape, order=order)


def sizes(shape: Any) -> tuple[int, ...]:
    """`shape`, checked: a short tuple of whole numbers, none below 0, whose product is no wonder."""
    if not isinstance(shape, tuple) or len(shape) > MAX_AXES or any(type(size) is not int for size in shape):
        raise Damaged("has an array whose shape is no short list of whole numbers")
    if any(size < 0 for size in shape) or math.prod(max(size, 1) for size in shape) > 2**40:
        raise Damaged(f"has an array of the impossible shape {list(shape)}")
    return shape
