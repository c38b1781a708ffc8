"""generator.safetensors: what moved in the generator, and nothing else, exact to the bit.

A safetensors file of float32 tensors. Its header (all text) says by fingerprint which prior they belong on, where that
was found, and which generator comes out.
"""

import copy
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError
from ..files import write_bytes
from ..generator.checkpoint import Prior, fingerprint, load_prior
from ..generator.family import Generator
from ..generator.foreign.source import shown

FORMAT, VERSION = "ganinv-tuned", "1"
HEADER = ("prior", "prior_name", "prior_path", "tuned_fingerprint")


def save_tuned(path: Path, *, generator: Generator, moved: dict[str, Tensor], prior: Prior) -> None:
    """Write `moved` (name in the state dict -> value): what turns the prior's generator into `generator`, exactly."""
    result = fingerprint(generator)
    assert fingerprint(_moved(prior.generator, moved)) == result, "moved does not hold all that changed"
    header = {
        "format": FORMAT,
        "version": VERSION,
        "prior": prior.fingerprint,
        "prior_name": prior.name,
        "prior_path": _lasting(prior.path),
        "architecture": json.dumps(prior.architecture),
        "tuned_fingerprint": result,
    }
    exact = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in moved.items()}
    assert all(value.dtype == torch.float32 for value in exact.values()), "a rounded weight would not be exact"
    write_bytes(path, save(exact, header))


def load_tuned(path: Path, *, prior: Prior | None) -> tuple[Generator, list[str]]:
    """The tuned generator and the names of what moved; without `prior`, the one that the header names is read."""
    header, moved = _read(path)
    prior = prior or _find_prior(path, header)
    if prior.fingerprint != header["prior"]:
        raise InputError(
            f"{path}: tuned from the prior {shown(header['prior_name'], 60)} ({_short(header['prior'])}), which is not"
            f" {prior.name} ({_short(prior.fingerprint)}); load it onto the one that it was tuned from"
        )
    strangers = [name for name in moved if not _fits(name, moved[name], prior.generator)]
    if strangers:
        raise InputError(f"{path}: {strangers[0]} does not fit the prior's generator; run this photo again")
    generator = _moved(prior.generator, moved)
    if fingerprint(generator) != header["tuned_fingerprint"]:
        raise InputError(f"{path}: its weights differ from those that were saved (fingerprint); run this photo again")
    return generator, sorted(moved)


def prior_of(path: Path) -> Prior:
    """The prior that the tuned generator `path` belongs on, from where its header says. Raises InputError."""
    header, _ = _read(path)
    return _find_prior(path, header)


def _moved(original: Generator, moved: dict[str, Tensor]) -> Generator:
    generator = copy.deepcopy(original)
    generator.load_state_dict(original.state_dict() | moved)
    return generator.requires_grad_(False).eval()


def _fits(name: str, tensor: Tensor, generator: Generator) -> bool:
    expected = generator.state_dict().get(name)
    return expected is not None and expected.shape == tensor.shape and tensor.dtype == torch.float32


def _lasting(path: str | None) -> str:
    """`path` so that it is found from another folder: a file's absolute, a name as it is."""
    return str(Path(path).resolve()) if path and Path(path).is_file() else path or ""


def _find_prior(path: Path, header: dict[str, str]) -> Prior:
    name, place = shown(header["prior_name"], 60), header["prior_path"]
    if not place:
        raise InputError(f"{path}: needs the prior {name}, which was no file; give it as prior=…")
    try:
        return load_prior(place)
    except InputError as error:
        raise InputError(f"{path}: its prior {name} cannot be read ({error}); give it as prior=…") from error


def _short(mark: str) -> str:
    return mark[:19] + "…"


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            _check(path, header)
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); run this photo again") from error


def _check(path: Path, header: dict[str, str]) -> None:
    if header.get("format") != FORMAT:
        raise InputError(
            f"{path}: not a tuned generator of ganinv (format {shown(header.get('format'), 60)} in its header)"
        )
    if header.get("version") != VERSION:
        raise InputError(
            f"{path}: format version {shown(header.get('version'), 60)}, this ganinv reads {VERSION}; update ganinv"
        )
    missing = [key for key in HEADER if key not in header]
    if missing:
        raise InputError(f"{path}: its header lacks {', '.join(missing)}; run this photo again")
