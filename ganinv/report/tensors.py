"""The two tensor files of a photo: the latent, and what moved in the generator.

Both are safetensors, float32, exact to the bit, with a text header: `format`, `version` and the fingerprint of the
prior. generator.safetensors holds the tensors that moved and nothing else; its header also says which prior they
belong on, where that was found, and the fingerprint of the generator that comes out.
"""

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior, fingerprint, load_prior
from ..generator.stylegan2 import Generator
from ..inverter.latent import Latent
from .files import write_bytes

VERSION = "1"
TUNED, LATENT = "ganinv-tuned", "ganinv-latent"
HEADER = {TUNED: ("prior", "prior_name", "prior_path", "tuned_fingerprint"), LATENT: ("prior", "space")}


def save_tuned(path: Path, *, generator: Generator, moved: dict[str, Tensor], prior: Prior) -> None:
    """Write `moved` (name in the state dict -> value): what turns the prior's generator into `generator`, exactly."""
    result = fingerprint(generator)
    assert fingerprint(_moved(prior.generator, moved)) == result, "moved does not hold all that changed"
    header = {
        "prior_name": prior.name,
        "prior_path": _lasting(prior.path),
        "architecture": json.dumps(prior.architecture),
        "tuned_fingerprint": result,
    }
    _write(path, moved, format=TUNED, prior=prior.fingerprint, header=header)


def load_tuned(path: Path, *, prior: Prior | None) -> tuple[Generator, list[str]]:
    """The tuned generator and the names of what moved; without `prior`, the one that the header names is read."""
    header, moved = _read(path, TUNED)
    prior = prior or _find_prior(path, header)
    if prior.fingerprint != header["prior"]:
        raise InputError(
            f"{path}: tuned from the prior {header['prior_name']} ({_short(header['prior'])}), which is not"
            f" {prior.name} ({_short(prior.fingerprint)}); load it onto the one that it was tuned from"
        )
    strangers = [name for name in moved if not _fits(name, moved[name], prior.generator)]
    if strangers:
        raise InputError(f"{path}: {strangers[0]} does not fit the prior's generator; run this photo again")
    generator = _moved(prior.generator, moved)
    if fingerprint(generator) != header["tuned_fingerprint"]:
        raise InputError(f"{path}: its weights differ from those that were saved (fingerprint); run this photo again")
    return generator, sorted(moved)


def save_latent(path: Path, latent: Latent, *, prior: Prior) -> None:
    """Write `ws`, `z` where there is one, and each noise map as `noise.<buffer>`."""
    noise = {f"noise.{name}": value for name, value in (latent.noise or {}).items()}
    tensors = {"ws": latent.ws} | noise | ({} if latent.z is None else {"z": latent.z})
    _write(path, tensors, format=LATENT, prior=prior.fingerprint, header={"space": latent.space})


def load_latent(path: Path) -> Latent:
    """The latent as it was saved."""
    header, tensors = _read(path, LATENT)
    if "ws" not in tensors:
        raise InputError(f"{path}: holds no ws; run this photo again")
    noise = {name.removeprefix("noise."): value for name, value in tensors.items() if name.startswith("noise.")}
    return Latent(ws=tensors["ws"], space=header["space"], z=tensors.get("z"), noise=noise or None)


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
    name, place = header["prior_name"], header["prior_path"]
    if not place:
        raise InputError(f"{path}: needs the prior {name}, which was no file; give it as prior=…")
    try:
        return load_prior(place)
    except InputError as error:
        raise InputError(f"{path}: its prior {name} cannot be read ({error}); give it as prior=…") from error


def _short(mark: str) -> str:
    return mark[:19] + "…"


def _write(path: Path, tensors: dict[str, Tensor], *, format: str, prior: str, header: dict[str, str]) -> None:
    whole = torch.contiguous_format
    exact = {name: tensor.detach().cpu().clone(memory_format=whole) for name, tensor in tensors.items()}
    assert all(tensor.dtype == torch.float32 for tensor in exact.values()), "these files hold float32 alone"
    write_bytes(path, save(exact, {"format": format, "version": VERSION, "prior": prior, **header}))


def _read(path: Path, format: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as handle:
            header = handle.metadata() or {}
            _check(path, header, format)
            return header, {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole file of ganinv ({error}); run this photo again") from error


def _check(path: Path, header: dict[str, str], format: str) -> None:
    if header.get("format") != format:
        raise InputError(f"{path}: not a file of the kind {format} (its header says {header.get('format')!r})")
    if header.get("version") != VERSION:
        raise InputError(f"{path}: format version {header.get('version')}, this ganinv reads {VERSION}; update ganinv")
    missing = [key for key in HEADER[format] if key not in header]
    if missing:
        raise InputError(f"{path}: its header lacks {', '.join(missing)}; run this photo again")
