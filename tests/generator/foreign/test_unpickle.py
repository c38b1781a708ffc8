"""The pickle machine: what is data is read, what is more is refused, and no claim takes memory or time."""

import collections
import math
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.foreign.unpickle import Node, load, tensors

from .pickles import name, program, read, refusal, storage_of, tensor_of, text

GIGABYTES = 8 * 2**30
PLAIN = {
    "numbers": [0, -1, 255, 256, -(2**31), 2**40, 0.5, math.inf, True, False, None],
    "words": ("", "ä", "x" * 300, b"", b"y" * 300),
    "nested": {"a": {"b": [1, (2, (3, (4, 5, 6, 7)))]}, "set": {"p", "q"}, "empty": [{}, [], (), set()]},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data(tmp_path: Path, protocol: int) -> None:
    shared = [1]
    found = read(tmp_path, pickle.dumps(PLAIN | {"twice": [shared, shared]}, protocol=protocol))
    assert found == PLAIN | {"twice": [[1], [1]]} and found["twice"][0] is found["twice"][1]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("code", ["<f4", ">f4", "f2", "f8", "i1", "i8", "u2", "u8", "?"])
def test_arrays_and_scalars(tmp_path: Path, protocol: int, code: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(code)
    saved = {"c": array, "f": np.asfortranarray(array), "none": array[:0], "one": array[1, 1], "flat": array[0, ::2]}
    found = read(tmp_path, pickle.dumps(saved, protocol=protocol))
    for key in ("c", "f", "none", "flat"):
        assert found[key].dtype == array.dtype.newbyteorder("=") and np.array_equal(found[key], saved[key]), key
    assert found["one"] == array[1, 1] and type(found["one"]) in (int, float, bool)


def test_names_of_numpy_1(tmp_path: Path) -> None:
    content = pickle.dumps([np.float64(2**0.5), np.ones(3)], protocol=3)
    assert b"numpy._core" in content
    number, array = read(tmp_path, content.replace(b"numpy._core", b"numpy.core"))
    assert number == 2**0.5 and array.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool]
)
def test_tensors(tmp_path: Path, dtype: torch.dtype) -> None:
    base = torch.arange(24).to(dtype)
    saved = [
        base,
        base[4:10].view(2, 3),
        base.view(4, 6).t(),
        torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last),
        torch.nn.Parameter(torch.randn(2)),
        torch.tensor(3).to(dtype),
        torch.zeros(0, 3).to(dtype),
    ]
    found = read(tmp_path, pickle.dumps(saved, protocol=4))
    for before, after in zip(saved, found, strict=True):
        assert type(after) is torch.Tensor and after.is_contiguous() and after.dtype == before.dtype
        assert torch.equal(after, before.detach())


def _persistent(**changes: object) -> bytes:
    """A call as torch_utils.persistence writes it."""
    record = {"type": "class", "version": 6, "module_src": "1 / 0", "class_name": "G", "state": {"z_dim": 4}} | changes
    inside = pickle.dumps(record, protocol=2)[2:-1]
    return program(name("torch_utils.persistence", "_reconstruct_persistent_obj"), inside, b"\x85R")


def test_objects_are_inert(tmp_path: Path) -> None:
    assert read(tmp_path, _persistent()) == Node("G", {"z_dim": 4})
    assert read(tmp_path, program(name("dnnlib.util", "EasyDict"), b")\x81", text("a"), b"K\x01s")) == {"a": 1}
    network = program(name("dnnlib.tflib.network", "Network"), b")\x81\x94}", text("name"), text("Gs"), b"sbh\x00\x86")
    first, second = read(tmp_path, network)
    assert first == Node("Network", {"name": "Gs"}) and first is second
    assert read(tmp_path, pickle.dumps(collections.OrderedDict(a=1))) == {"a": 1}


@pytest.mark.parametrize(
    "changes", [{"type": "function"}, {"version": 7}, {"class_name": None}, {"class_name": 1}, {"state": [1]}]
)
def test_objects_of_another_kind(tmp_path: Path, changes: dict) -> None:
    assert "has a module" in refusal(tmp_path, _persistent(**changes))


def test_state_dict_of_modules(tmp_path: Path) -> None:
    weight, w_avg = torch.ones(2), torch.zeros(3)
    inner = Node("L", {"_parameters": {"weight": weight, "bias": None}, "_buffers": {}, "_modules": {"none": None}})
    outer = Node("G", {"_parameters": {}, "_buffers": {"w_avg": w_avg}, "_modules": {"fc0": inner}})
    assert tensors(outer) == {"w_avg": w_avg, "fc0.weight": weight}
    inner.state["_modules"]["again"] = outer
    with pytest.raises(ValueError, match="fc0.again. is not a module of its own"):
        tensors(outer)


@pytest.mark.parametrize(
    "label",
    ["os system", "posix system", "builtins eval", "__builtin__ eval", "builtins getattr", "numpy.testing rundocs",
     "torch load", "torch.serialization load", "torch_utils.persistence _src_to_module", "dnnlib.util os.system",
     "dnnlib.util call_func_by_name", "collections.abc OrderedDict", "numpy.core.multiarray scalar.__class__",
     "functools partial", "operator attrgetter", "copyreg _reconstructor", "os\nx system", "ganinv.errors InputError"],
)  # fmt: skip
def test_other_names_are_refused(tmp_path: Path, label: str) -> None:
    module, attribute = label.split(" ")
    said = refusal(tmp_path, program(name(module, attribute), text("true"), b"\x85R"))
    assert "nothing of the file was executed" in said and f"{module}.{attribute}".replace("\n", "?") in said
    if "\n" not in label:
        assert "was refused" in refusal(tmp_path, program(f"c{module}\n{attribute}\n".encode(), text("true"), b"\x85R"))


@pytest.mark.parametrize(
    "dtype", ["O", "S4", "U4", "V8", "M8[s]", "c8", [("a", "f4")], "f4,f4"], ids=lambda value: str(value)
)
def test_other_values_than_numbers(tmp_path: Path, dtype) -> None:
    assert "numbers" in refusal(tmp_path, pickle.dumps(np.zeros(2, dtype=dtype), protocol=4))


def test_tensor_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, tensor_of(storage_of(4, values=np.arange(4, dtype="<f4").tobytes()), 1, (2,), (2,)))
    assert found.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(-4, (4,), (1,)), (0, (5,), (1,)), (1, (4,), (1,)), (0, (2,), (4,)), (0, (-1,), (1,)), (0, (4,), (-1,)),
     (0, (2**40,), (0,)), (0, (2**31, 2**31), (0, 0)), (0, (4,), (1, 1)), (0, [4], [1]), (2**70, (1,), (1,)),
     (0, (1,) * 50, (1,) * 50), (0, (0, 2**62), (1, 1)), (0, (True,), (1,)), ("0", (4,), (1,)), (0, (4.0,), (1,))],
)  # fmt: skip
def test_views_outside_their_storage(tmp_path: Path, offset, size, stride) -> None:
    refusal(tmp_path, tensor_of(storage_of(4), offset, size, stride))


@pytest.mark.parametrize(
    "storage",
    [storage_of(2**33), storage_of(-1), storage_of(5), storage_of(4, written=3), storage_of(4, kind="Storage"),
     b"", b"\x80", storage_of(4)[:100], pickle.dumps(2, 2), b"PK\x03\x04" + bytes(100),
     storage_of(4).replace(b"storage", b"module_")],
)  # fmt: skip
def test_storages_that_are_none(tmp_path: Path, storage: bytes) -> None:
    refusal(tmp_path, tensor_of(storage, 0, (4,), (1,)))


def test_code_inside_a_storage(tmp_path: Path) -> None:
    said = refusal(tmp_path, tensor_of(b"\x80\x02cposix\nsystem\n" + text("true") + b"\x85R.", 0, (4,), (1,)))
    assert "posix.system" in said


@pytest.mark.parametrize("code", [b"B", b"X", b"\x8d", b"\x8e", b"\x96", b"\x95", b"\x8b", b"T"])
def test_lengths_that_are_not_there(tmp_path: Path, code: bytes) -> None:
    form = "<I" if code in (b"B", b"X", b"\x8b", b"T") else "<Q"
    refusal(tmp_path, b"\x80\x04" + code + struct.pack(form, GIGABYTES % 2**32 or 2**31 - 1) + bytes(50))


def _laughs() -> bytes:
    """Each tuple holds the one before it a hundred times: data of 10^60 items in a few thousand bytes."""
    return b"".join(b"(" + b"h\x00" * 100 + b"t\x94q\x00" for _ in range(30))


@pytest.mark.parametrize(
    "content",
    [
        program(b"K\x01" + b"(" * 200_000),
        program(b")" * 600_000),
        program(b"N" + b"\x8b" + struct.pack("<i", -1)),
        program(b"]" + b"K\x01a" * 300_000),
        program(b"}(K\x01NNu"),
        program(b"}J\xff\xff\xff\xffNs"),
        program(b"}", b")N", b"s"),
        program(b"h\x07"),
        program(b"0" * 10),
        program(b"\x97"),
        program(b"Pid\n"),
        program(b"NQ"),
        program(b"(ios\nsystem\n"),
        program(b"I" + b"1" * 10_000 + b"\n"),
        program(text("a"), b")R"),
        program(name("torch", "FloatStorage"), b")R"),
        program(name("numpy", "ndarray"), b")\x81"),
        program(b"]}b"),
        b"\x80\x06N.",
        b"\x80\x01N.",
        b"",
        b"\x80\x04",
        b"\x80\x04N",
    ],
)  # fmt: skip
def test_programs_that_are_no_data(tmp_path: Path, content: bytes) -> None:
    refusal(tmp_path, content)


def test_repetition_and_depth_take_nothing(tmp_path: Path) -> None:
    read(tmp_path, program(b")q\x00", _laughs()))
    deep = read(tmp_path, program(b")", b"\x85" * 200_000))
    for _ in range(200_000):
        (deep,) = deep
    assert deep == ()


def test_a_large_index_of_the_memo_takes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, program(b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff")) == 7


def test_values_cannot_be_asked_for_more_often_than_the_file_has_them(tmp_path: Path) -> None:
    """One storage of 1 MB, a thousand tensors."""
    storage = storage_of(2**18, values=bytes(2**20))
    blob = name("torch.storage", "_load_from_bytes") + b"B" + struct.pack("<I", len(storage)) + storage + b"\x85Rq\x000"
    arguments = b"".join(pickle.dumps(value, 2)[2:-1].replace(b"q\x00", b"") for value in (0, (2**18,), (1,), False))
    one = name("torch._utils", "_rebuild_tensor_v2") + b"(h\x00" + arguments + b"}tR0"
    assert read(tmp_path, program(blob, one, b"N")) is None
    assert "more values than it has bytes" in refusal(tmp_path, program(blob, one * 1000, b"N"))


def test_only_the_first_pickle_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, program(b"K\x01") + b"garbage") == 1


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.pkl")
