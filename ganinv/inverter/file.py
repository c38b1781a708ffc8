"""A user's own latents: .pt, .npy, .npz or .safetensors, in any of the common shapes; nothing in a file is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from .latent import FORMAT, Latent

KEYS = ("w", "ws", "latent", "latents", "wplus")
OWN = "latent.safetensors"  # what a run of ganinv leaves in a photo's folder


class File:
    """Latents from `path`: a file, or a folder with a file per photo, named after it (photo.pt, or as a run leaves it).

    Shapes: [w_dim], [num_ws, w_dim], and either with a leading count; of a dictionary, the entry w, ws, latent, latents
    or wplus, or the only one; rosinality's projector file by photo, with its noise maps. One latent serves every photo.
    A first axis as long as num_ws is read as layers.
    """

    def __init__(self, *, path: str) -> None:
        self.path = Path(path).expanduser()
        if not self.path.exists():
            raise InputError(f"path: {path} does not exist; name a file of latents, or a folder with one per photo")

    def fits(self, prior: Prior) -> None:
        """Whose the latents are is seen photo by photo, since each may have a file of its own."""

    def __call__(self, *, prior: Prior, images: Tensor, seed: int, names: list[str] | None = None) -> Latent:
        """See `Inverter`; `names` are needed where there is a file, or an entry of it, for each photo."""
        named = names or [None] * len(images)
        parts = [self._one(prior, name=name, index=i, count=len(images)) for i, name in enumerate(named)]
        return _join(parts, prior.generator).to(images.device)

    def _one(self, prior: Prior, *, name: str | None, index: int, count: int) -> Latent:
        """The latent of photo `index` of `count`, as a batch of one."""
        file = _in_folder(self.path, name) if self.path.is_dir() else self.path
        found = _own(file, prior) or _foreign(file, name, prior.generator)
        if len(found.ws) not in (1, count):
            raise InputError(
                f"{file}: holds {len(found.ws)} latents for {count} photo{'s' if count > 1 else ''}; give a folder with"
                " one file per photo, named after it"
            )
        at = slice(index, index + 1) if len(found.ws) > 1 else slice(None)
        noise = found.noise and {name: value[at] for name, value in found.noise.items()}
        return Latent(ws=found.ws[at], space=found.space, z=None if found.z is None else found.z[at], noise=noise)


def places(folder: Path, name: str) -> list[Path]:
    """Where the latent of the photo `name` may stand in a folder with one for each photo."""
    return [*(folder / f"{name}{suffix}" for suffix in READERS), folder / name / OWN]


def _in_folder(folder: Path, name: str | None) -> Path:
    if name is None:
        raise InputError(f"{folder}: is a folder with a file per photo, but this photo has no name; name one file")
    found = [place for place in places(folder, name) if place.is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{folder}: holds {found[0].name} and {found[1].name} for one photo; keep one of them")
    raise InputError(f"{folder}: has no latent for the photo {name}; expected {name}.pt (or {', '.join(READERS)})")


def _own(file: Path, prior: Prior) -> Latent | None:
    """A latent that ganinv wrote; None for any other file."""
    if file.suffix != ".safetensors":
        return None
    header = _guarded(file, _header)
    if header.get("format") != FORMAT:
        return None
    if header.get("prior", prior.fingerprint) != prior.fingerprint:
        raise InputError(f"{file}: found on another generator than {prior.name}; load the one it was found on")
    latent = Latent.load(file)
    ws = _fit(latent.ws, prior.generator, str(file))
    noise = latent.noise and _fit_noise(latent.noise, prior.generator, file)
    return Latent(ws=ws, space=latent.space, z=latent.z, noise=noise)


def _foreign(file: Path, name: str | None, generator: Generator) -> Latent:
    if file.suffix not in READERS:
        raise InputError(f"{file}: latents are read from {', '.join(READERS)}; save yours as one of them")
    entry = _of_photo(_guarded(file, READERS[file.suffix]), name, file)
    ws = _fit(_numbers(_pick(entry, file), file), generator, str(file))
    maps = entry.get("noise") if isinstance(entry, dict) else None
    noise = _named_noise(maps, generator, file) if maps is not None else None
    is_one_w = bool((ws == ws[:, :1]).all())
    return Latent(ws=ws, space="w" if is_one_w else "w+", noise=noise)


def _of_photo(content: Any, name: str | None, file: Path) -> Any:
    """Of a dictionary by photo (path -> {img, latent, noise}), the photo's entry."""
    if not isinstance(content, dict) or not content or not all(isinstance(part, dict) for part in content.values()):
        return content
    fitting = [part for key, part in content.items() if name is None or Path(str(key)).stem == name]
    if len(content) == 1 or len(fitting) == 1:
        return (fitting or list(content.values()))[0]
    raise InputError(f"{file}: holds latents of {', '.join(map(str, content))}, and not one for the photo {name}")


def _pick(entry: Any, file: Path) -> Any:
    """The array with the latents."""
    if not isinstance(entry, dict):
        return entry
    keys = [key for key in KEYS if key in entry] or list(entry)
    if len(keys) == 1:
        return entry[keys[0]]
    raise InputError(f"{file}: holds {', '.join(map(str, keys)) or 'nothing'}; keep one of {', '.join(KEYS)}")


def _numbers(values: Any, file: Path) -> Tensor:
    """float32, finite."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        with np.errstate(over="ignore"):  # what does not fit float32 is found below
            values = torch.from_numpy(np.array(values, dtype=np.float32))
    if not isinstance(values, Tensor) or values.is_complex() or values.dtype == torch.bool:
        kind = getattr(values, "dtype", type(values).__name__)
        raise InputError(f"{file}: holds no array of real numbers but {kind}; save the latent as float32")
    values = values.detach().float()
    if not values.isfinite().all():
        raise InputError(f"{file}: holds NaN or infinite numbers; find the latent again")
    return values


def _fit(values: Tensor, generator: Generator, where: str) -> Tensor:
    """Any of the common shapes -> [N, num_ws, w_dim]."""
    layers, dim = generator.num_ws, generator.w_dim
    shaped = values
    if shaped.ndim == 1 or shaped.shape == (layers, dim):
        shaped = shaped[None]
    if shaped.ndim == 2:
        shaped = shaped[:, None]
    if shaped.ndim == 3 and len(shaped) and shaped.shape[1] in (1, layers) and shaped.shape[2] == dim:
        return shaped.expand(-1, layers, -1).contiguous()
    raise InputError(
        f"{where}: the latent has shape {list(values.shape)}, but this generator needs [{dim}] or [{layers}, {dim}],"
        " with or without a leading count; use a latent that was found on it"
    )


def _named_noise(maps: Any, generator: Generator, file: Path) -> dict[str, Tensor]:
    """rosinality's list of maps [1, 1, r, r], from the coarsest layer on -> by buffer, [1, r, r]."""
    expected = _buffers(generator)
    if not isinstance(maps, list | tuple) or len(maps) != len(expected):
        count = len(maps) if isinstance(maps, list | tuple) else "no list of"
        raise InputError(f"{file}: holds {count} noise maps, but this generator takes {len(expected)}; remove them")
    named = {name: _numbers(value, file).squeeze() for name, value in zip(expected, maps, strict=True)}
    return _fit_noise({name: value[None] for name, value in named.items()}, generator, file)


def _fit_noise(maps: dict[str, Tensor], generator: Generator, file: Path) -> dict[str, Tensor]:
    """`maps` if they are the generator's."""
    expected = _buffers(generator)
    for name, value in maps.items():
        if name not in expected or value.ndim != 3 or value.shape[1:] != expected[name].shape:
            size = "x".join(map(str, value.shape[1:]))
            raise InputError(f"{file}: its noise map {name} of {size} pixels is not one of this generator; remove it")
    return maps


def _buffers(generator: Generator) -> dict[str, Tensor]:
    """The generator's own maps by buffer of the synthesis, from the coarsest on.  # [r, r]"""
    return {name: value for name, value in generator.synthesis.named_buffers() if name.endswith("noise_const")}


def _join(parts: list[Latent], generator: Generator) -> Latent:
    """Latents of single photos as one batch; where some bring noise maps, the others take the prior's own."""
    spaces = {part.space for part in parts}
    space = spaces.pop() if len(spaces) == 1 else "w+"
    noise = None
    if any(part.noise for part in parts):
        own = {name: value[None].cpu() for name, value in _buffers(generator).items()}
        noise = {name: torch.cat([(own | (part.noise or {}))[name] for part in parts]) for name in own}
    z = torch.cat([part.z for part in parts if part.z is not None]) if space == "z" else None
    return Latent(ws=torch.cat([part.ws for part in parts]), space=space, z=z, noise=noise)


def _guarded(file: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(file)
    except Exception as error:  # each reader raises whatever the bytes lead it to
        reason = str(error).split("\n")[0].split(". ")[0]
        raise InputError(f"{file}: not a whole {file.suffix} file of plain arrays ({reason}); save it again") from error


def _header(file: Path) -> dict[str, str]:
    with safe_open(file, framework="pt") as handle:
        return handle.metadata() or {}


def _read_torch(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


def _read_numpy(file: Path) -> Any:
    with open(file, "rb") as handle:  # np.load leaves a broken zip open
        content = np.load(handle, allow_pickle=False)
        return content if isinstance(content, np.ndarray) else dict(content)


READERS: dict[str, Callable[[Path], Any]] = {
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".npy": _read_numpy,
    ".npz": _read_numpy,
    ".safetensors": load_file,
}
