"""A folder with config.json and *.safetensors, as model hubs keep networks.

config.json holds `family`, `architecture` (the record of `generator.checkpoint`), `licence` and `training`; the tensors
have the names of our own file, "G_ema.…" and "D.…". A file with "mapping.…" and "synthesis.…" is taken as G_ema.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ...errors import InputError
from ...files import write_bytes, write_json
from ..prior import Prior
from .found import Found

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_CONFIG = 2**20  # bytes
BARE = ("mapping.", "synthesis.")
WANTED = ("G_ema.", "D.")


def read(folder: Path) -> Found:
    """The networks of `folder`. Raises InputError."""
    config = _config(folder / CONFIG)
    architecture = config.get("architecture", config)
    if not isinstance(architecture, dict) or "img_resolution" not in architecture:
        raise InputError(
            f"{folder / CONFIG}: has no architecture with an img_resolution; write it as ganinv.export does"
        )
    tensors = dict(_tensors(folder))
    if not any(name.startswith("G_ema.") for name in tensors):
        raise InputError(
            f"{folder}: no tensor G_ema.… in its *.safetensors files; give the folder of a whole generator"
        )
    notes = [] if any(name.startswith("D.") for name in tensors) else ["The folder has no discriminator."]
    return Found(
        family=str(architecture.get("family", "stylegan2")),
        form=f"folder with {CONFIG} and safetensors",
        architecture=architecture,
        tensors=tensors,
        notes=notes,
        licence=str(config.get("licence", "not stated")),
        training=config["training"] if isinstance(config.get("training"), dict) else {},
    )


def write(folder: Path, prior: Prior) -> list[str]:
    """Write `prior` into `folder`; config.json comes last, and says that all is there. Raises InputError."""
    with suppress(OSError):  # what cannot be removed cannot be written either, which the next lines say
        (folder / CONFIG).unlink(missing_ok=True)
    networks = {"G_ema.": prior.generator, "D.": prior.discriminator}
    tensors = {
        f"{prefix}{name}": tensor.detach().cpu().contiguous()
        for prefix, network in networks.items()
        if network is not None
        for name, tensor in network.state_dict().items()
    }
    write_bytes(folder / WEIGHTS, save(tensors, {"format": "pt"}))
    config = {
        "_class_name": "ganinv.Prior",
        "family": prior.architecture.get("family", "stylegan2"),
        "architecture": prior.architecture,
        "licence": prior.licence,
        "training": prior.training,
    }
    write_json(folder / CONFIG, config)
    return [] if prior.discriminator else ["No discriminator was written, as the prior has none."]


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():  # a device has no end, and a pipe waits for a writer
        raise InputError(f"{path.parent}: this folder has no {CONFIG}; give a checkpoint's file or folder")
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_CONFIG + 1)
        if len(content) > MAX_CONFIG:
            raise InputError(f"{path}: has more than {MAX_CONFIG} bytes, which no record of a network needs")
        config = json.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a whole JSON file ({error}); write the folder again") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: not a JSON object; write the folder again")
    return config


def _tensors(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Of every file; each name may come once."""
    seen: dict[str, Path] = {}
    for path in sorted(folder.glob("*.safetensors")):
        for name, tensor in _of_file(path):
            if name in seen:
                raise InputError(f"{folder}: {name} is in {seen[name].name} and in {path.name}; leave one of them")
            seen[name] = path
            yield name, tensor


def _of_file(path: Path) -> Iterator[tuple[str, Tensor]]:
    if not path.is_file():
        raise InputError(f"{path}: this is no file; remove it from the folder")
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                ours = f"G_ema.{name}" if name.startswith(BARE) else name
                if ours.startswith(WANTED):
                    yield ours, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); fetch it again") from error
