"""Small files that would take all memory or time, or end in a traceback: each is refused, or loads, within limits."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from safetensors.torch import save

from ganinv.generator.foreign import nvidia_pickle, write_nvidia, write_rosinality
from ganinv.generator.foreign.nvidia_pickle import Network, Writer

from .conftest import build

SMALL = {"img_resolution": 8, "channel_base": 32, "channel_max": 4, "mapping_layers": 2, "z_dim": 4, "w_dim": 4}
SMALL3 = SMALL | {"family": "stylegan3", "num_layers": 3, "margin_size": 2, "d_channel_base": 32, "conv_clamp": 256}
LAUGHS = b"K\x01" + b"2\x86" * 60  # (x, x), sixty times over: 2^60 items
DEEP = b"]" + b"\x85" * 5000
NESTED, LONG = "[" * 200_000, '{"z_dim": ' + "1" * 5000 + "}"
# A process for each file, with limits of the system: of memory, above what the imports take, of work, and of waiting.
MEASURED = """
import os, resource, signal, sys
from pathlib import Path
import torch
from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.foreign import folder, torch_file
torch.set_num_threads(1)
for path in sys.argv[1:]:
    if os.fork():
        if status := os.wait()[1]:
            print(f"{path}: ended with {status}", flush=True)
        continue
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + 200 * 2**20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    signal.alarm(240)
    try:
        load_prior(path)
        print(f"{path}: loads", flush=True)
    except InputError as error:
        print(error, flush=True)
    os._exit(0)
"""


class Raw(bytes):
    """Instructions that stand in a pickle as they are."""


KEEP, AGAIN = b"r\x40\x42\x0f\x00", Raw(b"j\x40\x42\x0f\x00")  # number 1,000,000 of the memo


class Pickles(Writer):
    """A writer that takes instructions too."""

    def put(self, value: object) -> None:
        if isinstance(value, Raw):
            self.write(value)
        else:
            super().put(value)


def _raw(value: object) -> Raw:
    buffer = io.BytesIO()
    Pickles(buffer).put(value)
    return Raw(buffer.getvalue())


def _call(*arguments: object) -> Raw:
    buffer = io.BytesIO()
    Pickles(buffer).call(*arguments)  # pyright: ignore[reportArgumentType]
    return Raw(buffer.getvalue())


def _nvidia(architecture: dict, change: Callable[[dict], object]) -> bytes:
    """The pickle of a network whose modules `change` has changed."""
    content, buffer = write_nvidia.content(build(**architecture)), io.BytesIO()
    change({key: value.node for key, value in content.items() if isinstance(value, Network)})
    Pickles(buffer).dump(content)
    return buffer.getvalue()


def _module(nodes: dict, path: str) -> dict:
    """The attributes of a module; a "*" is the second one of its parent."""
    name, *rest = path.split("/")
    state = nodes[name].state
    for part in rest:
        parts = state["_modules"]
        state = (list(parts.values())[1] if part == "*" else parts[part]).state
    return state


def _set(path: str, name: str, value: bytes, architecture: dict = SMALL) -> bytes:
    return _nvidia(architecture, lambda nodes: _module(nodes, path).update({name: Raw(value)}))


def _without_w_avg() -> bytes:
    def change(nodes: dict) -> None:
        _module(nodes, "G_ema/mapping")["_buffers"] = {}

    return _nvidia(SMALL | {"c_dim": 30_000}, change)


def _many_names() -> bytes:
    """Two megabytes of float16 under a thousand names."""
    blob = nvidia_pickle.legacy(torch.zeros(10**6))[: -4 * 10**6].replace(b"FloatStorage", b"HalfStorage")
    storage = _call("torch.storage", "_load_from_bytes", blob + bytes(2 * 10**6))
    whole = _call("torch._utils", "_rebuild_tensor_v2", storage, 0, (10**6,), (1,), False, nvidia_pickle.Hooks())
    names = {f"a{i}": AGAIN if i else Raw(whole + KEEP) for i in range(1000)}
    return _nvidia(SMALL, lambda nodes: nodes["G_ema"].state.update(_parameters=names))


def _one_weight() -> bytes:
    """A weight of 4 MB that 60 layers mean."""
    weight = Raw(_raw(torch.zeros(1000, 1000)) + KEEP)

    def change(nodes: dict) -> None:
        for i, layer in enumerate(_module(nodes, "G_ema/mapping")["_modules"].values()):
            layer.state["_parameters"]["weight"] = AGAIN if i else weight

    return _nvidia(SMALL | {"mapping_layers": 60, "z_dim": 1000, "w_dim": 1000}, change)


def _one_array() -> bytes:
    """2 MB under the names of 60 layers, in TensorFlow's form."""
    weight = Raw(pickle.dumps(np.zeros((1000, 1000), np.float16), protocol=3)[2:-1] + KEEP)
    mapping = {f"Dense{i}/weight": AGAIN if i else weight for i in range(60)}
    synthesis = {"4x4/Const/const": _array(1, 4, 4, 4), "8x8/ToRGB/bias": _array(3)}
    synthesis |= {f"{layer}/bias": _array(4) for layer in ("4x4/Conv", "8x8/Conv1")}
    parts = {"mapping": _network(mapping, {}), "synthesis": _network(synthesis, {})}
    return b"\x80\x03" + _network({"dlatent_avg": _array(1000)}, parts) + KEEP + AGAIN * 2 + b"\x87."


def _array(*shape: int) -> Raw:
    return Raw(pickle.dumps(np.zeros(shape, np.float32), protocol=3)[2:-1])


def _network(variables: dict, components: dict) -> Raw:
    state = {"variables": list(variables.items()), "components": components, "static_kwargs": {}}
    return Raw(b"cdnnlib.tflib.network\nNetwork\n)\x81" + _raw(state) + b"b")


def _legacy(keys: Callable[[list[str], dict[str, int]], bytes]) -> bytes:
    """A file of torch.save before its zip form; its last pickle is made of the storages' names, and their sizes."""
    record, buffer = write_rosinality.content(build(**SMALL))[0], io.BytesIO()
    torch.save(record, buffer, _use_new_zipfile_serialization=False)
    whole = buffer.getvalue()
    start = whole.rindex(b"\x80\x02]q\x00(")
    rest = io.BytesIO(whole[start:])
    known, tensors = pickle.load(rest), [*record["g_ema"].values(), *record["d"].values(), record["latent_avg"]]
    sizes = {str(tensor.untyped_storage()._cdata): tensor.numel() for tensor in tensors}
    return whole[:start] + b"\x80\x02" + keys(known, sizes) + b"." + whole[start + rest.tell() :]


def _twice(keys: list[str], sizes: dict[str, int]) -> bytes:
    """One storage's name in the place of another of the same size."""
    # Names are addresses and in their order, so which of them comes first differs from run to run.
    known = [key for key in keys if key in sizes]
    one, other = next((a, b) for a, b in combinations(known, 2) if sizes[a] == sizes[b])
    return pickle.dumps([one if key == other else key for key in keys], protocol=2)[2:-1]


def _in_zip(instructions: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", instructions)
    return buffer.getvalue()


def _many_entries(count: int) -> bytes:
    """A zip that lists one empty entry `count` times."""
    entry = b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, *[0] * 14)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count % 2**16, count % 2**16, len(entry) * count, 30, 0)
    return b"PK\x03\x04" + bytes(26) + entry * count + end


def _ours(**metadata: str) -> bytes:
    prior = build(**SMALL)
    tensors = {f"G_ema.{name}": tensor for name, tensor in prior.generator.state_dict().items()}
    known = {"format": "ganinv-prior", "architecture": json.dumps(prior.architecture)}
    return save(tensors, known | metadata)


CONV, MAPPING = "G_ema/synthesis/b8/conv0", "G_ema/mapping"
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "laughs z_dim": (lambda: _set("G_ema", "z_dim", LAUGHS), "has z_dim a tuple"),
    "laughs num_layers": (lambda: _set(MAPPING, "num_layers", LAUGHS), "has num_layers a tuple"),
    "laughs activation": (lambda: _set(CONV, "activation", LAUGHS), "the activation a tuple"),
    "laughs conv_clamp": (lambda: _set(CONV, "conv_clamp", LAUGHS), "has conv_clamp a tuple"),
    "laughs in_size": (lambda: _set("G_ema/synthesis/*", "in_size", LAUGHS, SMALL3), "has in_size a tuple"),
    "laughs dtype": (lambda: _set("G_ema", "z_dim", b"cnumpy\ndtype\n" + LAUGHS + b"\x85R"), "of type 'a tuple'"),
    "deep z_dim": (lambda: _set("G_ema", "z_dim", DEEP), "has z_dim a tuple"),
    "deep in_size": (lambda: _set("G_ema/synthesis/*", "in_size", DEEP, SMALL3), "has in_size a tuple"),
    "laughs keys": (lambda: _legacy(lambda keys, _: b"](" + LAUGHS * len(keys) + b"e"), "storages without names"),
    "deep keys": (lambda: _legacy(lambda keys, _: b"](" + DEEP * len(keys) + b"e"), "storages without names"),
    "one key twice": (lambda: _legacy(_twice), "names other storages than follow it"),
    "labels": (_without_w_avg, "loads"),
    "many names": (_many_names, "G_ema.a0 is not expected"),
    "one weight": (_one_weight, "weights under several names"),
    "one array": (_one_array, "one array under several names"),
    "many entries": (lambda: _many_entries(400_000), "list of entries has more than 2097152 bytes"),
    "as many entries as may be": (lambda: _many_entries(2**21 // 46), "compressed, encrypted or doubled"),
    "state of settings": (lambda: _in_zip(b"\x80\x02cargparse\nNamespace\n)\x81K\x01b."), "settings without a state"),
    "nested record": (lambda: _ours(architecture=NESTED), "record is not JSON"),
    "nested training": (lambda: _ours(training=f'{{"a": {NESTED}'), "record is not JSON"),
    "long number": (lambda: _ours(architecture=LONG), "record is not JSON"),
}
FOLDERS = {
    "endless record": (lambda path: (path / "config.json").symlink_to("/dev/zero"), "has no config.json"),
    "waiting record": (lambda path: os.mkfifo(path / "config.json"), "has no config.json"),
    "waiting weights": (lambda path: os.mkfifo(path / "a.safetensors"), "is no file"),
    "endless weights": (lambda path: (path / "a.safetensors").symlink_to("/dev/zero"), "is no file"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """What loading each file said."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, (make, _) in FILES.items():
        (folder / name).write_bytes(make())
    for name, (fill, _) in FOLDERS.items():
        (folder / name).mkdir()
        if "weights" in name:
            (folder / name / "config.json").write_text(json.dumps(SMALL))
        fill(folder / name)
    paths = [str(folder / name) for name in (*FILES, *FOLDERS)]
    done = subprocess.run([sys.executable, "-c", MEASURED, *paths], capture_output=True, text=True, cwd=folder)
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths), done.stdout + done.stderr
    return dict(zip((*FILES, *FOLDERS), lines, strict=True))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a system that sets limits")
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_within_the_limits(name: str, said: dict[str, str]) -> None:
    assert name in said[name] and (FILES | FOLDERS)[name][1] in said[name]
