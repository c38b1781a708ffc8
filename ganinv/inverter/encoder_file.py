"""Files of encoders: ours, and those that pSp, e4e and ReStyle published.

Ours is one safetensors file: tensors `encoder.*`, convolutions in half precision if so written; metadata `format`,
`architecture` (JSON), `layers` (that have a w of their own: a training that goes through them one by one may have been
cut), `prior` (fingerprint of the generator that it was trained for), `licence` (of the images, and so
of the weights), `training` (JSON).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError
from ..files import write_bytes
from ..generator.checkpoint import Prior
from ..generator.foreign import sniff
from ..generator.foreign.source import shown
from ..generator.foreign.torch_pickle import is_torch
from ..weights import find
from .foreign import bundle
from .networks.build import COUNTED, assemble, expected
from .networks.encoder import Architecture, Encoder

FORMAT = "ganinv-encoder"
PREFIX = "encoder."
SAME = 0.01  # relative difference of the norms of two generators' weights below which they are taken for one


@dataclass(frozen=True, kw_only=True)
class Trained:
    """An encoder, frozen, and what is known of it."""

    encoder: Encoder
    name: str
    form: str = "ganinv's own file"
    prior: str | None = None  # fingerprint of its generator
    norms: dict[str, float] = field(default_factory=dict)  # of its generator's weights, in place of a fingerprint
    start: Tensor | None = None  # [num_ws, w_dim] that its offsets are added to; None: the generator's average w
    licence: str = "not stated"
    training: dict[str, Any] = field(default_factory=dict)

    def starts(self, prior: Prior) -> Tensor:
        """The latent that the encoder starts from.  # [1, num_ws, w_dim]"""
        w_avg = prior.generator.mapping.w_avg
        start = w_avg.expand(prior.generator.num_ws, -1) if self.start is None else self.start.to(w_avg.device)
        return start[None]

    def check(self, prior: Prior) -> None:
        """InputError where it was trained for another generator than `prior`'s."""
        generator, a = prior.generator, self.encoder.architecture
        if (a.num_ws, a.w_dim) != (generator.num_ws, generator.w_dim):
            raise InputError(
                f"{self.name}: gives {a.num_ws} w of {a.w_dim} values, but {prior.name} takes {generator.num_ws} of"
                f" {generator.w_dim}; load the generator that it was trained for, or name this"
                f" generator's encoder with inverter.path"
            )
        if self.prior not in (None, prior.fingerprint) or not _are_norms_of(self.norms, prior):
            raise InputError(
                f"{self.name}: was trained for another generator than {prior.name}; load the one it was trained for,"
                " or name this generator's encoder with inverter.path"
            )


def load_encoder(path: str | Path) -> Trained:
    """Read an encoder of any known form, on the CPU; nothing in the file is executed.

    `path`: a file, a name of `ganinv.weights`, or "package:…" for an embedded one. Raises InputError.
    """
    file = find(str(path))
    start = sniff.beginning(file)
    if sniff.is_safetensors(start):
        return _own(file)
    if not is_torch(start):
        raise InputError(f"{file}: is no encoder; give ganinv's own file, or one of pSp, e4e or ReStyle (.pt)")
    found = bundle.read(file)
    encoder = assemble(found.architecture, found.tensors)
    return Trained(encoder=encoder, name=file.name, form=found.form, norms=found.norms, start=found.start)


def save_encoder(
    path: str | Path,
    encoder: Encoder,
    *,
    prior: Prior,
    training: dict[str, Any] | None = None,
    half: bool = True,
) -> None:
    """Write `encoder`, trained for `prior`, whole or not at all; the licence is the prior's.

    half: weights of convolutions and linear layers in float16; what is one value a channel stays in float32.
    """
    tensors = {
        f"{PREFIX}{name}": tensor.detach().cpu().to(torch.float16 if half and tensor.ndim > 1 else torch.float32)
        for name, tensor in encoder.state_dict().items()
        if not name.endswith(COUNTED)
    }
    metadata = {
        "format": FORMAT,
        "architecture": json.dumps(encoder.architecture.record()),
        "layers": str(encoder.layers),
        "prior": prior.fingerprint,
        "licence": prior.licence,
        "training": json.dumps(training or {}),
    }
    write_bytes(Path(path), save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


def _own(file: Path) -> Trained:
    try:
        with safe_open(file, framework="pt") as handle:
            metadata = handle.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise InputError(f"{file}: not an encoder of ganinv (format {metadata.get('format')!r} in its header)")
            tensors = {name.removeprefix(PREFIX): handle.get_tensor(name).float() for name in handle.keys()}  # noqa: SIM118
        architecture = TypeAdapter(Architecture).validate_json(metadata.get("architecture", ""))
        training = json.loads(metadata.get("training", "{}"))
        encoder = assemble(architecture, _checked(tensors, architecture))
        encoder.use(_layers(metadata.get("layers"), architecture))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: not a whole safetensors file ({error}); fetch or write it again") from error
    except ValueError as error:  # pydantic's and JSON's among them
        raise InputError(
            f"{file}: its header does not describe its encoder ({_reason(error)}); write the file again"
        ) from error
    return Trained(
        encoder=encoder,
        name=file.name,
        prior=metadata.get("prior"),
        licence=metadata.get("licence", "not stated"),
        training=training if isinstance(training, dict) else {},
    )


def _layers(text: str | None, architecture: Architecture) -> int:
    """How many have a w of their own; all where the header does not say. ValueError: not a number of layers."""
    count = architecture.num_ws if text is None else int(text)
    if not 1 <= count <= architecture.num_ws:
        raise ValueError(f"layers: {count}, of {architecture.num_ws}")
    return count


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return shown(str(error).split("\n")[0])
    first = error.errors()[0]
    return shown(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _checked(tensors: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    shapes = expected(architecture)
    for name, tensor in tensors.items():
        if name in shapes and tuple(tensor.shape) != shapes[name]:
            raise ValueError(f"{name} has shape {list(tensor.shape)}, expected {list(shapes[name])}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds values that are not finite")
    return tensors


def _are_norms_of(norms: dict[str, float], prior: Prior) -> bool:
    """Whether `norms` are those of the prior's weights, save for what rounding or a little tuning changes."""
    if not norms:
        return True
    own = {name: value.norm().item() for name, value in prior.generator.named_parameters()}
    return own.keys() == norms.keys() and all(abs(norms[name] - own[name]) <= SAME * own[name] + 1e-6 for name in own)
