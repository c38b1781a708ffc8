"""Networks out of an architecture record and tensors, both of which may be anybody's: checked against each other."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import InputError
from . import stylegan2, stylegan3
from .discriminator import Discriminator
from .family import Generator
from .foreign.source import shown
from .layers import filter_2d
from .record import complaint

Module = TypeVar("Module", bound=nn.Module)
FAMILIES: dict[str, type[Generator]] = {"stylegan2": stylegan2.Generator, "stylegan3": stylegan3.Generator}
MAX_LABELS = 2**22  # values of labels at a time; more than 1000 rows of 4,000 labels
SAMPLES, CHUNK = 10_000, 1000  # z for the mean of w, and how many are mapped at a time
MAX_SHARED = 2**26  # bytes of weights that several names of a file mean; networks as published share none
DRAWN = 2**14  # values; fewer are drawn as ever
DIVISIONS = (torch.Tensor.div, torch.Tensor.__truediv__)
W_AVG = "mapping.w_avg"


def build_generator(architecture: dict[str, Any]) -> Generator:
    """The generator that an architecture record describes ("family": "stylegan2" where it is not stated)."""
    family = architecture.get("family", "stylegan2")
    if family not in FAMILIES:
        raise ValueError(f"family {family!r} is none of {', '.join(FAMILIES)}")
    make = FAMILIES[family]
    known = inspect.signature(make).parameters
    own = {key: value for key, value in architecture.items() if key in known}
    if family == "stylegan2":
        own["architecture"] = architecture.get("g_architecture", "skip")
        own["filter_taps"] = architecture.get("resample_filter")
    return make(**own)


def build_discriminator(architecture: dict[str, Any]) -> Discriminator:
    """The discriminator that an architecture record describes; a key with "d_" stands above the one without."""
    record = architecture | {key.removeprefix("d_"): architecture[key] for key in architecture if key[:2] == "d_"}
    known = inspect.signature(Discriminator).parameters
    own = {key: value for key, value in record.items() if key in known}
    own["architecture"] = architecture.get("d_architecture", "resnet")
    return Discriminator(**own, filter_taps=record.get("resample_filter"))


def assemble_generator(architecture: dict[str, Any], tensors: dict[str, Tensor], file: Path) -> Generator:
    """The generator with the tensors "G_ema.…", frozen. Raises InputError that begins with `file`."""
    module = _build(build_generator, architecture, file)
    return _fill(module, tensors, "G_ema.", architecture.get("resample_filter"), file)


def assemble_discriminator(
    architecture: dict[str, Any], tensors: dict[str, Tensor], file: Path
) -> Discriminator | None:
    """The discriminator with the tensors "D.…", frozen; None where there are none. Raises InputError."""
    if not any(name.startswith("D.") for name in tensors):
        return None
    module = _build(build_discriminator, architecture, file)
    taps = architecture.get("d_resample_filter", architecture.get("resample_filter"))
    return _fill(module, tensors, "D.", taps, file)


def mean_w(generator: Generator) -> Tensor:
    """Mean of 10,000 mapped z at a fixed seed, over all labels in turn where there are labels.  # [w_dim]"""
    drawn, total = torch.Generator().manual_seed(0), torch.zeros(generator.w_dim)
    for start in range(0, SAMPLES, CHUNK):
        z = torch.randn(CHUNK, generator.z_dim, generator=drawn)
        numbers = torch.arange(start, start + CHUNK)
        rows = max(MAX_LABELS // max(generator.c_dim, 1), 1)
        for few, which in zip(z.split(rows), numbers.split(rows), strict=True):
            total += generator.mapping(few, _labels(which, generator.c_dim))[:, 0].sum(dim=0)
    return total / SAMPLES


def _labels(numbers: Tensor, c_dim: int) -> Tensor | None:
    """[N] -> [N, c_dim], a one where the number, counted round, stands."""
    if not c_dim:
        return None
    return torch.zeros(len(numbers), c_dim).scatter_(1, (numbers % c_dim)[:, None], 1)


class _Weightless(TorchFunctionMode):
    """Large random weights are not drawn and take no memory: a shape is all that they have.

    `torch.device("meta")` does the same for every tensor, but arithmetic with such a tensor imports PyTorch's compiler,
    which takes seconds; so a division, which fresh weights of linear layers need, leaves them as they are.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.randn and math.prod(args) > DRAWN:
            return torch.empty(*args, device="meta")
        if func in DIVISIONS and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def _build(make: Callable[[dict[str, Any]], Module], architecture: dict[str, Any], file: Path) -> Module:
    """The network without memory for its weights, so that a record which claims too much takes none."""
    wrong = complaint(architecture)
    if wrong:
        raise InputError(f"{file}: its {wrong}")
    try:
        with torch.random.fork_rng(devices=[]), _Weightless():
            return make(architecture)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        reason = shown(str(error).split("\n")[0])
        raise InputError(f"{file}: its architecture record is not one of StyleGAN2 or StyleGAN3 ({reason})") from error


def _fill(module: Module, tensors: dict[str, Tensor], prefix: str, taps: list[int] | None, file: Path) -> Module:
    """`module` with the file's own tensors as its weights: nothing is copied."""
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    expected = module.state_dict()
    wrong = _mismatch(expected, found)
    if wrong:
        raise InputError(f"{file}: {prefix}{wrong}; the file does not fit its architecture")
    known = {name: filter_2d(taps or [1, 3, 3, 1]) for name in expected.keys() - found.keys()}
    state = known | {name: tensor.float() for name, tensor in found.items()}
    if _shared(state) > MAX_SHARED:
        raise InputError(
            f"{file}: {prefix[:-1]} has more than {MAX_SHARED} bytes of weights under several names; refused"
        )
    module.load_state_dict(_apart(state), assign=True)
    return module.requires_grad_(False).eval()


def _shared(state: dict[str, Tensor]) -> int:
    """Bytes that `_apart` will take."""
    first = {tensor.untyped_storage().data_ptr(): tensor for tensor in reversed(state.values())}
    return sum(tensor.nbytes for tensor in state.values()) - sum(tensor.nbytes for tensor in first.values())


def _apart(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that do not share memory, whatever the file says: one weight's step must not move another."""
    seen: set[int] = set()
    apart: dict[str, Tensor] = {}
    for name, tensor in state.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return apart


def _mismatch(expected: dict[str, Tensor], found: dict[str, Tensor]) -> str | None:
    for name in sorted(expected.keys() ^ found.keys()):
        if name.endswith("resample_filter") and name in expected:
            continue  # known from the architecture record
        return f"{shown(name, 100)} is {'missing' if name in expected else 'not expected'}"
    for name, tensor in found.items():
        if tensor.shape != expected[name].shape:
            return f"{name} has shape {list(tensor.shape)}, expected {list(expected[name].shape)}"
        if tensor.is_complex():
            return f"{name} holds complex numbers"
        if not torch.isfinite(tensor.float()).all():
            return f"{name} holds values that are not finite"
    return None
