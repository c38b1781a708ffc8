"""Priors: read from checkpoints of any known form, written to our own.

Our own is one safetensors file with the generator, its discriminator and a record of where they come from: tensors
`G_ema.*` of the generator (names of stylegan2-ada-pytorch, with `mapping.w_avg`), `D.*` of the discriminator where
there is one, `G.*` raw training weights, which inversion does not read; metadata `format`, `family`, `architecture`
(JSON), `fingerprint`, `training` (JSON), `licence` (of the training images, and so of the weights).
"""

import json
import logging
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..errors import InputError
from ..files import write_bytes
from ..paths import looked_up
from ..weights import TABLE, find
from .build import (
    W_AVG,
    assemble_discriminator,
    assemble_generator,
    build_discriminator,
    build_generator,
    mean_w,
)
from .family import Generator
from .foreign import sniff
from .foreign.found import Found
from .foreign.source import shown
from .prior import Prior, fingerprint
from .record import MAX_SIZE

log = logging.getLogger(__name__)
FORMATS = ("ganinv-prior", "ganinv-first-prior")
TUNED = "ganinv-tuned"  # what moved, of a photo of a run
__all__ = ["Prior", "build_discriminator", "build_generator", "fingerprint", "load_prior", "save_prior"]


def load_prior(path: str | Path) -> Prior:
    """Read a prior of any known form; frozen, in evaluation mode, float32, on the CPU. Nothing in it is executed.

    `path`: a file, a folder with config.json, a name of `ganinv.weights`, or "package:…" for an embedded one. The form
    is told from the content. What is missing or was computed stands in the prior's `notes`, and is logged. Raises
    InputError.
    """
    file = _locate(path)
    if not file.is_dir() and sniff.is_safetensors(sniff.beginning(file)):
        return _own(file, str(path))
    return _foreign(sniff.read(file), file, str(path))


def _locate(path: str | Path) -> Path:
    folder = looked_up(path)
    return folder if folder.is_dir() and str(path) not in TABLE else find(str(path))


def _own(file: Path, path: str) -> Prior:
    metadata, tensors = _read(file)
    architecture = _json(metadata, "architecture", file)
    generator = assemble_generator(architecture, tensors, file)
    found, recorded = fingerprint(generator), metadata.get("fingerprint")
    if recorded not in (None, found):
        raise InputError(f"{file}: the generator's weights do not match the file's fingerprint; fetch the file again")
    return Prior(
        generator=generator,
        discriminator=assemble_discriminator(architecture, tensors, file),
        fingerprint=found,
        architecture=architecture,
        name=file.stem,
        licence=metadata.get("licence", "not stated"),
        training=_json(metadata, "training", file),
        path=path,
    )


def _foreign(found: Found, file: Path, path: str) -> Prior:
    notes, generator = list(found.notes), _with_w_avg(found, file)
    if f"G_ema.{W_AVG}" not in found.tensors:
        notes.append("The average w is the mean of 10,000 mapped z (seed 0), as the file has none.")
    for note in notes:
        log.warning("%s: %s", file.name, note)
    return Prior(
        generator=generator,
        discriminator=assemble_discriminator(found.architecture, found.tensors, file),
        fingerprint=fingerprint(generator),
        architecture=found.architecture,
        name=file.stem,
        licence=found.licence,
        training=found.training,
        path=path,
        form=found.form,
        notes=notes,
    )


def _with_w_avg(found: Found, file: Path) -> Generator:
    """The generator, its average w computed where the file has none."""
    name = f"G_ema.{W_AVG}"
    if name in found.tensors:
        return assemble_generator(found.architecture, found.tensors, file)
    w_dim = found.architecture.get("w_dim")
    w_avg = torch.zeros(w_dim if isinstance(w_dim, int) and 0 < w_dim <= MAX_SIZE else 0)
    generator = assemble_generator(found.architecture, found.tensors | {name: w_avg}, file)
    generator.mapping.w_avg.copy_(mean_w(generator))
    if not torch.isfinite(generator.mapping.w_avg).all():
        raise InputError(f"{file}: its mapping network gives values that are not finite; fetch the file again")
    return generator


def save_prior(
    path: str | Path, prior: Prior, *, raw: nn.Module | None = None, dtype: torch.dtype = torch.float32
) -> None:
    """Write `prior` to `path`, whole or not at all.

    `raw`: the generator with its training weights, to train on from. `dtype`: in which numbers are stored; the
    fingerprint is that of the rounded ones.
    """
    modules = {"G_ema": prior.generator, "D": prior.discriminator, "G": raw}
    tensors = {
        f"{prefix}.{name}": tensor
        for prefix, module in modules.items()
        if module is not None
        for name, tensor in module.state_dict().items()
    }
    metadata = {
        "format": FORMATS[0],
        "family": prior.architecture.get("family", "stylegan2"),
        "architecture": json.dumps(prior.architecture),
        "fingerprint": fingerprint(deepcopy(prior.generator).to(dtype)),
        "training": json.dumps(prior.training),
        "licence": prior.licence,
    }
    whole = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in tensors.items()}
    write_bytes(Path(path), save(whole, metadata))


def _read(file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as handle:
            metadata = handle.metadata() or {}
            wanted = [name for name in handle.keys() if name.startswith(("G_ema.", "D."))]  # noqa: SIM118
            if metadata.get("format") not in FORMATS:
                found = metadata.get("format")
                stated = "no format" if found is None else f"format {shown(found, 60)}"
                hint = "name the photo's folder" if found == TUNED else "give a checkpoint"
                raise InputError(f"{file}: not a prior of ganinv ({stated} in its header); {hint}")
            return metadata, {name: handle.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: not a whole safetensors file ({error}); fetch or write it again") from error


def _json(metadata: dict[str, str], key: str, file: Path) -> dict[str, Any]:
    try:
        record = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: its {key} record is not JSON ({error}); write the file again") from error
    if not isinstance(record, dict):
        raise InputError(f"{file}: its {key} record is not a JSON object; write the file again")
    return record
