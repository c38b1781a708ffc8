"""A direction in a latent space: what an edit adds, and which generator it belongs to.

A file is safetensors: float32 tensors `z`, `w` or `w+`, or `s.<layer>` for each layer of the styles that is moved. Its
header (all text) says name, space, layers, unit, generator, origin, strength, licence and how the direction was made.
"""

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError
from ..files import write_bytes
from ..generator.checkpoint import Prior
from ..generator.family import Generator

log = logging.getLogger(__name__)

Space = Literal["z", "w", "w+", "s"]
SPACES: tuple[str, ...] = get_args(Space)
FORMAT, VERSION = "ganinv-direction", "1"
HEADER = ("name", "space", "unit", "prior", "prior_name", "strength", "licence", "made")
PUBLISHED = (".pt", ".pth", ".npy", ".npz", ".txt")  # ends of other projects' direction files
MAX_STRENGTH = 30.0  # of the unit; published edits use up to 20


@dataclass(frozen=True, eq=False)
class Direction:
    """What strength 1 adds to a latent."""

    name: str
    space: Space
    values: dict[str, Tensor]  # {"z": [z_dim]}, {"w": [w_dim]}, {"w+": [num_ws, w_dim]}, or by layer of the styles [C]
    unit: str  # what strength 1 is, in words
    fingerprint: str | None  # of the generator; None: not known
    prior: str  # the generator's name
    layers: tuple[int, int] | None = None  # of w, from the first to before the second; None: all
    origin: float | None = None  # the coordinate that counts as 0 where a strength is set rather than added
    strength: float = 3.0  # at which the edit shows
    licence: str = "not stated"
    made: dict[str, Any] = field(default_factory=dict)  # how, by JSON's types

    def __post_init__(self) -> None:
        expect_sound(self)

    @classmethod
    def found_on(cls, prior: Prior, **parts: Any) -> "Direction":
        """One of `prior`, with its name and licence; `parts`: the other fields, and the licence of a file of others."""
        return cls(fingerprint=prior.fingerprint, prior=prior.name, **{"licence": prior.licence, **parts})

    def fits(self, prior: Prior) -> None:
        """InputError unless this belongs to `prior`; a word in the log where that is not known."""
        if self.fingerprint is None:
            log.warning("%s: does not say which generator it was found on; on any other it means nothing", self.name)
        elif self.fingerprint != prior.fingerprint:
            raise InputError(
                f"{self.name}: found on the generator {self.prior} ({_short(self.fingerprint)}), which is not"
                f" {prior.name} ({_short(prior.fingerprint)}); find it there with `python -m ganinv.directions`"
            )
        expect_shape(self, prior.generator)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, whole or not at all."""
        prefix = "s." if self.space == "s" else ""
        whole = {f"{prefix}{name}": value.detach().cpu().contiguous() for name, value in self.values.items()}
        header = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "space": self.space,
            "unit": self.unit,
            "prior": self.fingerprint or "",
            "prior_name": self.prior,
            "layers": json.dumps(self.layers),
            "origin": json.dumps(self.origin),
            "strength": json.dumps(self.strength),
            "licence": self.licence,
            "made": json.dumps(self.made),
        }
        write_bytes(Path(path), save(whole, header))

    @classmethod
    def load(cls, path: str | Path) -> "Direction":
        """Read what `save` wrote. Raises InputError that begins with `path`."""
        header, tensors = _read(Path(path))
        try:
            return _direction(header, tensors)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise InputError(f"{path}: its header is not one of a direction ({error}); find it again") from error


def expect_sound(direction: Direction) -> None:
    """InputError unless the direction says what it is, in numbers that can be added."""
    name = direction.name
    if direction.space not in SPACES:
        raise InputError(f"{name}: its space is {direction.space!r}; there are {', '.join(SPACES)}")
    if direction.space != "s" and set(direction.values) != {direction.space}:
        raise InputError(
            f"{name}: in {direction.space} it needs one array, named so, and has {sorted(direction.values)}"
        )
    if not direction.values or not all(value.is_floating_point() for value in direction.values.values()):
        raise InputError(f"{name}: holds no array of real numbers; find it again")
    if not all(bool(value.isfinite().all()) for value in direction.values.values()):
        raise InputError(f"{name}: holds NaN or infinite numbers; find it again")
    if not any(bool(value.any()) for value in direction.values.values()):
        raise InputError(f"{name}: is zero everywhere, and so edits nothing; find it again")
    if direction.layers is not None and direction.space not in ("w", "w+"):
        raise InputError(f"{name}: has layers {direction.layers}, but only directions in w and w+ take layers")
    if direction.origin is not None and not math.isfinite(direction.origin):
        raise InputError(f"{name}: its origin is {direction.origin:g}, no number along it; find it again")
    expect_strength(direction.strength, name)


def expect_strength(strength: float, name: str) -> None:
    """InputError for one beyond what leaves a picture."""
    if not math.isfinite(strength) or abs(strength) > MAX_STRENGTH:
        limit = f"{MAX_STRENGTH:g}"
        raise InputError(f"{name}: a strength must lie in -{limit} to {limit} units of its direction, got {strength:g}")


def expect_shape(direction: Direction, generator: Generator) -> None:
    """InputError unless each array has its place in `generator`."""
    expected = shapes(generator, direction.space)
    for name, value in direction.values.items():
        if name not in expected:
            some = ", ".join(list(expected)[:4])
            raise InputError(f"{direction.name}: moves the layer {name}, which this generator has not ({some}, …)")
        if tuple(value.shape) != expected[name]:
            raise InputError(
                f"{direction.name}: has shape {list(value.shape)} at {name}, but this generator needs"
                f" {list(expected[name])}; use a direction that was found on it"
            )
    if direction.layers is not None:
        expect_layers(direction.layers, generator, direction.name)


def expect_layers(layers: tuple[int, int], generator: Generator, name: str) -> None:
    """InputError unless 0 ≤ first < end ≤ the number of the generator's layers."""
    if not 0 <= layers[0] < layers[1] <= generator.num_ws:
        raise InputError(
            f"{name}: layers {layers[0]} to before {layers[1]} are not in this generator, which has"
            f" {generator.num_ws}; give two numbers, the first smaller, in 0 to {generator.num_ws}"
        )


def shapes(generator: Generator, space: str) -> dict[str, tuple[int, ...]]:
    """The arrays of a whole direction in `space`, by name."""
    if space == "s":
        return {name: (channels,) for name, channels in style_widths(generator).items()}
    plain = {"z": (generator.z_dim,), "w": (generator.w_dim,), "w+": (generator.num_ws, generator.w_dim)}
    return {space: plain[space]}


@torch.no_grad()
def style_widths(generator: Generator) -> dict[str, int]:
    """Channels of the styles by layer, from the coarsest on."""
    ws = generator.mapping.w_avg.expand(1, generator.num_ws, -1)
    return {name: style.shape[1] for name, style in generator.synthesis.styles(ws).items()}


def _short(mark: str) -> str:
    return mark[:19] + "…"


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; name a direction's file, or one of ./directions by its name")
    if path.suffix.lower() in PUBLISHED:
        where, name = quote(f"finder.path={path}"), quote(f"name={path.stem}")
        raise InputError(
            f"{path}: a published file, which does not say to which generator it belongs; tie it to one first, and give"
            f" what comes out: `python -m ganinv.directions finder=published {where} finder.form=FORM {name}"
            f" generator=GENERATOR`, FORM vector, ganspace, channels or styleclip"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: not a whole safetensors file ({error}); name a direction's file, or find it again"
        ) from error
    if header.get("format") != FORMAT:
        raise InputError(f"{path}: not a direction of ganinv; read a published one with finder=published")
    if header.get("version") != VERSION:
        raise InputError(f"{path}: format version {header.get('version')}, this ganinv reads {VERSION}; update ganinv")
    if missing := [key for key in HEADER if key not in header]:
        raise InputError(f"{path}: its header lacks {', '.join(missing)}; find the direction again")
    return header, tensors


def _direction(header: dict[str, str], tensors: dict[str, Tensor]) -> Direction:
    layers = json.loads(header.get("layers", "null"))
    origin = json.loads(header.get("origin", "null"))
    made = json.loads(header["made"])
    return Direction(
        name=header["name"],
        space=header["space"],  # pyright: ignore[reportArgumentType]  # checked as the others are
        values={name.removeprefix("s."): value for name, value in tensors.items()},
        unit=header["unit"],
        fingerprint=header["prior"] or None,
        prior=header["prior_name"],
        layers=None if layers is None else (int(layers[0]), int(layers[1])),
        origin=None if origin is None else float(origin),
        strength=float(header["strength"]),
        licence=header["licence"],
        made=made if isinstance(made, dict) else {},
    )
