"""Our own prior file: one safetensors file with the generator, its discriminator and a record of where they come from.

Tensors: `G_ema.*` the generator (names of stylegan2-ada-pytorch, with `mapping.w_avg`), `D.*` the discriminator where
there is one, `G.*` raw training weights, which inversion does not read. Metadata: `format`, `family`, `architecture`
(JSON), `fingerprint`, `training` (JSON), `licence` (of the training images, and so of the weights).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..errors import InputError
from ..files import write_bytes
from ..weights import find
from .discriminator import Discriminator
from .stylegan2 import Generator

Module = TypeVar("Module", bound=nn.Module)
FORMATS = ("ganinv-prior", "ganinv-first-prior")
MAX_SIZE = 2**17  # of any number in an architecture record, so that a broken one cannot take all memory
SHARED_KEYS = ("c_dim", "img_resolution", "img_channels", "channel_base", "channel_max", "conv_clamp")
GENERATOR_KEYS = ("z_dim", "w_dim", "mapping_layers", "mapping_lr_multiplier")
DISCRIMINATOR_KEYS = ("mbstd_group_size", "mbstd_num_channels")


@dataclass(frozen=True)
class Prior:
    """A generator with its discriminator, and what is known of them."""

    generator: Generator
    discriminator: Discriminator | None
    fingerprint: str
    architecture: dict[str, Any]
    name: str
    licence: str = "not stated"
    training: dict[str, Any] = field(default_factory=dict)
    path: str | None = None


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over every tensor of `module`, by name: UTF-8 name, then little-endian float32 values in C order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes())
    return f"sha256:{digest.hexdigest()}"


def build_generator(architecture: dict[str, Any]) -> Generator:
    """The generator that an architecture record describes, with fresh weights."""
    keys = {key: architecture[key] for key in (*SHARED_KEYS, *GENERATOR_KEYS) if key in architecture}
    kind, taps = architecture.get("g_architecture", "skip"), architecture.get("resample_filter")
    return Generator(**keys, architecture=kind, filter_taps=taps)


def build_discriminator(architecture: dict[str, Any]) -> Discriminator:
    """The discriminator that an architecture record describes, with fresh weights."""
    keys = {key: architecture[key] for key in (*SHARED_KEYS, *DISCRIMINATOR_KEYS) if key in architecture}
    kind, taps = architecture.get("d_architecture", "resnet"), architecture.get("resample_filter")
    layers = architecture.get("mapping_layers", 8)
    return Discriminator(**keys, architecture=kind, mapping_layers=layers, filter_taps=taps)


def load_prior(path: str | Path) -> Prior:
    """Read a prior file; frozen, in evaluation mode, float32, on the CPU.

    `path`: a file, a name of `ganinv.weights`, or "package:…" for an embedded one. Raises InputError.
    """
    file = find(str(path))
    metadata, tensors = _read(file)
    architecture = _json(metadata, "architecture", file)
    generator = _fill(_build(build_generator, architecture, file), tensors, "G_ema.", file)
    discriminator = None
    if any(name.startswith("D.") for name in tensors):
        discriminator = _fill(_build(build_discriminator, architecture, file), tensors, "D.", file)
    found, recorded = fingerprint(generator), metadata.get("fingerprint")
    if recorded not in (None, found):
        raise InputError(f"{file}: the generator's weights do not match the file's fingerprint; fetch the file again")
    return Prior(
        generator=generator,
        discriminator=discriminator,
        fingerprint=found,
        architecture=architecture,
        name=file.stem,
        licence=metadata.get("licence", "not stated"),
        training=_json(metadata, "training", file),
        path=str(path),
    )


def save_prior(path: str | Path, prior: Prior) -> None:
    """Write `prior` to `path`, whole or not at all."""
    tensors = {f"G_ema.{name}": tensor for name, tensor in prior.generator.state_dict().items()}
    if prior.discriminator is not None:
        tensors |= {f"D.{name}": tensor for name, tensor in prior.discriminator.state_dict().items()}
    metadata = {
        "format": FORMATS[0],
        "family": "stylegan2",
        "architecture": json.dumps(prior.architecture),
        "fingerprint": fingerprint(prior.generator),
        "training": json.dumps(prior.training),
        "licence": prior.licence,
    }
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(Path(path), save(whole, metadata))


def _read(file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as handle:
            metadata = handle.metadata() or {}
            wanted = [name for name in handle.keys() if name.startswith(("G_ema.", "D."))]  # noqa: SIM118
            if metadata.get("format") not in FORMATS:
                raise InputError(f"{file}: not a prior of ganinv (format {metadata.get('format')!r} in its header)")
            return metadata, {name: handle.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: not a whole safetensors file ({error}); fetch or write it again") from error


def _json(metadata: dict[str, str], key: str, file: Path) -> dict[str, Any]:
    try:
        record = json.loads(metadata.get(key, "{}"))
    except json.JSONDecodeError as error:
        raise InputError(f"{file}: its {key} record is not JSON ({error}); write the file again") from error
    if not isinstance(record, dict):
        raise InputError(f"{file}: its {key} record is not a JSON object; write the file again")
    return record


def _build(make: Callable[[dict[str, Any]], Module], architecture: dict[str, Any], file: Path) -> Module:
    """The network of an architecture record, which is as untrusted as the rest of the file."""
    missing = {"z_dim", "w_dim", "img_resolution"} - architecture.keys()
    if missing:
        raise InputError(f"{file}: its architecture record lacks {', '.join(sorted(missing))}; write the file again")
    sizes = [value for value in architecture.values() if isinstance(value, int)]
    if max(sizes, default=0) > MAX_SIZE:
        raise InputError(f"{file}: its architecture record has a size of {max(sizes)}, more than {MAX_SIZE} allowed")
    try:
        return make(architecture)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{file}: its architecture record is not one of StyleGAN2 ({error})") from error


def _fill(module: Module, tensors: dict[str, Tensor], prefix: str, file: Path) -> Module:
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    wrong = _mismatch(module.state_dict(), state)
    if wrong:
        raise InputError(f"{file}: {prefix}{wrong}; the file does not fit its architecture record")
    module.load_state_dict(module.state_dict() | {name: tensor.float() for name, tensor in state.items()})
    return module.requires_grad_(False).eval()


def _mismatch(expected: dict[str, Tensor], found: dict[str, Tensor]) -> str | None:
    for name in sorted(expected.keys() ^ found.keys()):
        if name.endswith("resample_filter") and name in expected:
            continue  # known from the architecture record
        return f"{name} is {'missing' if name in expected else 'not expected'}"
    for name, tensor in found.items():
        if tensor.shape != expected[name].shape:
            return f"{name} has shape {list(tensor.shape)}, expected {list(expected[name].shape)}"
        if not torch.isfinite(tensor).all():
            return f"{name} holds values that are not finite"
    return None
