"""Small checkpoints of every form, and variations of them: bytes, numbers, lengths, instructions, names."""

import io
import itertools
import json
import pickle
import pickletools
import random
import re
import sys
import types
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior
from ganinv.generator.foreign import write_nvidia, write_rosinality

KINDS = ("ours", "nvidia", "stylegan3", "tensorflow", "zip", "legacy", "program", "fixture")
SPECIAL = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**33, 2**62, 2**63 - 1, 2**64 - 1)
HOSTILE = (b"cos\nsystem\n", b"cbuiltins\neval\n", b"cnumpy.testing\nrundocs\n", b"\x8c\x02os\x8c\x06system\x93")
JSON = (b"null", b"[]", b"{}", b"-1", b"1e999", b"NaN", b"9999999999", b'"', b"\\n", b"true", b"0.5", b"[1,2,3]")
JSON_BOMBS = (b"[" * 10**5, b'{"a":' * 10**5, b"1" * 5000, b"[" * 900 + b"]" * 900, b'"\\ud800"', b"1e300", b'"x"')
LONG = 2000  # characters of a record in which another word is looked for: a bomb may be there already
# Containers of 2^60 items by repetition, and containers in containers by the thousand.
CHAINS = (b"K\x01" + b"2\x86" * 60, b")" + b"2\x87" * 40, b"]2a" * 40, b"]" + b"\x85" * 5000, b"}" + b"\x85" * 999)
UNBUILT = (
    b"cargparse\nNamespace\n)\x81",
    b"cdnnlib.tflib.network\nNetwork\n)\x81",
    b"cnumpy\ndtype\nX\x02\0\0\0f4\x85R",
)
STATES = tuple(start + state + b"b" for start in UNBUILT for state in (b"K\x01", b"N", b"]", b"X\0\0\0\0", *CHAINS))
VALUES = b"NKMJGX\x88\x89"  # instructions that push one value
SMALL = {"img_resolution": 8, "channel_base": 32, "channel_max": 4, "mapping_layers": 2, "z_dim": 4, "w_dim": 4}
SMALL3 = SMALL | {"family": "stylegan3", "num_layers": 3, "margin_size": 2, "d_channel_base": 32, "conv_clamp": 256}


def _prior(architecture: dict) -> Prior:
    torch.manual_seed(0)
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    return Prior(generator, discriminator, fingerprint(generator), architecture, name="small")


def _nvidia(folder: Path, architecture: dict) -> bytes:
    write_nvidia.write(folder / "seed", _prior(architecture))
    return (folder / "seed").read_bytes()


def _ours(folder: Path) -> bytes:
    save_prior(folder / "seed", _prior(SMALL))
    return (folder / "seed").read_bytes()


def _rosinality(is_zip: bool) -> bytes:
    buffer = io.BytesIO()
    record = write_rosinality.content(_prior(SMALL | {"mbstd_group_size": 4}))[0]
    torch.save(record, buffer, _use_new_zipfile_serialization=is_zip)
    return buffer.getvalue()


def _tensorflow(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The tuple (G, D, Gs), pickled under the class's own name."""
    network = type("Network", (), {"__module__": "dnnlib.tflib.network"})
    for name in ("dnnlib", "dnnlib.tflib", "dnnlib.tflib.network"):
        module = types.ModuleType(name)
        module.Network = network  # pyright: ignore[reportAttributeAccessIssue]
        monkeypatch.setitem(sys.modules, name, module)
    generator = _network(network, GENERATOR_SHAPES, {"resolution": 8})
    parts = {"synthesis": _network(network, SYNTHESIS_SHAPES, {}), "mapping": _network(network, MAPPING_SHAPES, {})}
    generator.components = parts
    discriminator = _network(network, DISCRIMINATOR_SHAPES, {"mbstd_group_size": 4})
    return pickle.dumps((generator, discriminator, generator), protocol=4)


def _network(network: type, shapes: dict[str, list[int]], settings: dict):
    made = network()
    values = [(name, np.ones(shape, dtype=np.float32)) for name, shape in shapes.items()]
    made.__dict__ = {"variables": values, "components": {}, "static_kwargs": settings, "build_module_src": "1 / 0"}
    return made


def _layer(name: str, *, size: int, width: int = 4, out: int = 4, noise: bool = True) -> dict[str, list[int]]:
    shapes = {"weight": [size, size, width, out], "mod_weight": [4, width], "mod_bias": [width], "bias": [out]}
    return {f"{name}/{key}": shape for key, shape in (shapes | ({"noise_strength": []} if noise else {})).items()}


GENERATOR_SHAPES = {"lod": [], "dlatent_avg": [4]}
MAPPING_SHAPES = {"Dense0/weight": [4, 4], "Dense0/bias": [4]}
SYNTHESIS_SHAPES = {
    **{f"noise{i}": [1, 1, r, r] for i, r in enumerate((4, 8, 8))},
    "4x4/Const/const": [1, 4, 4, 4],
    **_layer("4x4/Conv", size=3),
    **_layer("8x8/Conv0_up", size=3),
    **_layer("8x8/Conv1", size=3),
    **_layer("4x4/ToRGB", size=1, out=3, noise=False),
    **_layer("8x8/ToRGB", size=1, out=3, noise=False),
}
DISCRIMINATOR_SHAPES = {
    **{f"8x8/{name}/weight": [k, k, i, 4] for name, k, i in (("FromRGB", 1, 3), ("Conv0", 3, 4), ("Conv1_down", 3, 4))},
    **{f"8x8/{name}/bias": [4] for name in ("FromRGB", "Conv0", "Conv1_down")},
    "8x8/Skip/weight": [1, 1, 4, 4],
    **{"4x4/Conv/weight": [3, 3, 5, 4], "4x4/Conv/bias": [4], "4x4/Dense0/weight": [64, 4], "4x4/Dense0/bias": [4]},
    **{"Output/weight": [4, 1], "Output/bias": [1]},
}


class Mutator:
    """Variations of whole files: bytes, numbers, lengths, instructions, names."""

    def __init__(self, kind: str, seeds: list[bytes]) -> None:
        self.kind, self.seeds = kind, seeds
        # Of a zip, the instructions inside it are changed, and a new zip is made.
        self.inner = [_pickle_of(seed) for seed in seeds]
        self.pieces = [_instructions(inner) for inner in self.inner]
        cuts = zip(self.inner, self.pieces, strict=True)
        self.stock = [inner[a:b] for inner, pieces in cuts for a, b in pieces if b - a < 100]
        self.stock += list(JSON) if kind == "ours" else []
        self.changes: list[Callable[[random.Random, bytearray, list], None]] = [
            self._byte, self._number, self._cut, self._end, self._replace, self._replace, self._repeat, self._name,
            *[self._record if kind == "ours" else self._bomb] * 3,
        ]  # fmt: skip

    def __call__(self, draw: random.Random) -> bytes:
        """Another file."""
        if self.kind == "program":
            return self._program(draw)
        which = draw.randrange(len(self.seeds))
        seed, inner = self.seeds[which], self.inner[which]
        data = bytearray(inner if inner is seed or draw.random() < 0.7 else seed)
        is_inner = len(data) == len(inner)
        for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
            if data:
                draw.choice(self.changes)(draw, data, self.pieces[which])
        return _zip_with(seed, bytes(data)) if is_inner and inner is not seed else bytes(data)

    def _program(self, draw: random.Random) -> bytes:
        """Instructions in any order."""
        return (
            b"\x80\x04"
            + b"".join(draw.choices([*self.stock, *HOSTILE, *CHAINS, *STATES], k=draw.randrange(1, 200)))
            + b"."
        )

    def _byte(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        data[draw.randrange(len(data))] = draw.randrange(256)

    def _number(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        size, at = draw.choice((1, 2, 4, 8)), draw.randrange(len(data))
        data[at : at + size] = (draw.choice(SPECIAL) % 256**size).to_bytes(size, "little")

    def _cut(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        at = draw.randrange(len(data))
        del data[at : at + draw.choice((1, 2, 8, 100))]

    def _end(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        del data[draw.randrange(len(data)) :]

    def _place(self, draw: random.Random, data: bytearray, cuts: list) -> tuple[int, int]:
        start, end = draw.choice(cuts) if cuts else (draw.randrange(len(data)),) * 2
        return min(start, len(data) - 1), min(end, len(data))

    def _replace(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        start, end = self._place(draw, data, cuts)
        data[start:end] = b"".join(draw.choices(self.stock, k=draw.choice((0, 1, 1, 2))))

    def _repeat(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        start, end = self._place(draw, data, cuts)
        data[start:start] = data[start:end][:100] * draw.choice((1, 2, 100, 1000))

    def _name(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        start, end = self._place(draw, data, cuts)
        data[start:end] = draw.choice(HOSTILE)

    def _bomb(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        """For a named plain value, a container without end or an object with a state that it cannot have."""
        near = [(a, b) for a, b in itertools.pairwise(cuts) if b[0] < len(data)]
        named = [b for a, b in near if data[a[0]] == pickle.BINUNICODE[0] and data[b[0]] in VALUES]
        start, end = draw.choice(named) if named else self._place(draw, data, cuts)
        data[start:end] = draw.choice(draw.choice((CHAINS, STATES)))

    def _record(self, draw: random.Random, data: bytearray, cuts: list) -> None:
        """Another word in a record of our own file, whose header stays whole."""
        end = 8 + int.from_bytes(data[:8], "little")
        with suppress(ValueError, KeyError, TypeError, IndexError, RecursionError):  # changed before, beyond reading
            header = json.loads(data[8:end])
            key = draw.choice(("architecture", "architecture", "training"))
            text = header["__metadata__"][key]
            word = draw.choice([match.span() for match in re.finditer(r"[\w.-]+|\{.*\}", text[:LONG])])
            new = draw.choice((*JSON, *JSON_BOMBS)).decode()
            header["__metadata__"][key] = text[: word[0]] + new + text[word[1] :]
            content = json.dumps(header).encode()
            data[:end] = len(content).to_bytes(8, "little") + content


def _pickle_of(seed: bytes) -> bytes:
    """The instructions of a file: of a zip those of its data.pkl."""
    if not seed.startswith(b"PK"):
        return seed
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))


def _zip_with(seed: bytes, instructions: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, instructions if name.endswith("/data.pkl") else old.read(name))
    return buffer.getvalue()


def _instructions(seed: bytes) -> list[tuple[int, int]]:
    """Where each instruction of a pickle begins and ends, or each word of a safetensors header."""
    if seed[8:9] == b"{":
        header = seed[: 8 + int.from_bytes(seed[:8], "little")]
        return [match.span() for match in re.finditer(rb"[\w.-]+", header)]
    starts, stream = [], io.BytesIO(seed)
    with suppress(ValueError):
        while True:  # pickles may follow one another
            starts += [at for _, _, at in pickletools.genops(stream)]
    return list(zip(starts, starts[1:], strict=False))


def _fixtures(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*/*.p[kt]*")) if (path.parent / "case.json").exists()]


@pytest.fixture(params=KINDS)
def mutator(request, tmp_path: Path, monkeypatch, shared) -> Mutator:
    makers = {
        "ours": lambda: [_ours(tmp_path)],
        "nvidia": lambda: [_nvidia(tmp_path, SMALL), _nvidia(tmp_path, SMALL | {"c_dim": 2, "conv_clamp": 2.0})],
        "stylegan3": lambda: [_nvidia(tmp_path, SMALL3)],
        "tensorflow": lambda: [_tensorflow(monkeypatch)],
        "zip": lambda: [_rosinality(True)],
        "legacy": lambda: [_rosinality(False)],
        "program": lambda: [_nvidia(tmp_path, SMALL), _tensorflow(monkeypatch)],
        "fixture": lambda: _fixtures(shared("fixtures/checkpoints")),
    }
    return Mutator(request.param, makers[request.param]())
