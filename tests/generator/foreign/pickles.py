"""Pickles by hand, and what the pickle machine says of them."""

import pickle
import resource
import struct
from pathlib import Path

import pytest

from ganinv.errors import InputError
from ganinv.generator.foreign.unpickle import load

MEMORY = 100 * 2**20  # bytes beyond what the process had


def read(tmp_path: Path, content: bytes):
    (tmp_path / "file.pkl").write_bytes(content)
    return load(tmp_path / "file.pkl")


def refusal(tmp_path: Path, content: bytes) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MEMORY
    said = str(error.value)
    assert "file.pkl: its pickle " in said and "\n" not in said
    return said


def program(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def storage_of(
    count: int, *, kind: str = "FloatStorage", values: bytes = bytes(16), written: int | None = None
) -> bytes:
    """A storage as torch.save wrote it before its zip form."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    magic, version = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
    reference = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0") + text("cpu")
    reference = b"\x80\x02" + reference + pickle.dumps(count, 2)[2:-1] + b"NtQ."
    length = (count if written is None else written).to_bytes(8, "little", signed=True)
    return magic + version + pickle.dumps(system, 2) + reference + pickle.dumps(["0"], 2) + length + values


def tensor_of(storage: bytes, offset: int, size: object, stride: object) -> bytes:
    blob = b"B" + struct.pack("<I", len(storage)) + storage
    arguments = b"".join(pickle.dumps(value, 2)[2:-1] for value in (offset, size, stride, False))
    load_bytes = name("torch.storage", "_load_from_bytes") + blob + b"\x85R"
    return program(name("torch._utils", "_rebuild_tensor_v2"), b"(", load_bytes, arguments, b"}tR")
