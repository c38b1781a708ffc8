"""What an inverter returns, and what it is called with."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError
from ..files import write_bytes
from ..generator.checkpoint import Prior

FORMAT = "ganinv-latent"


@dataclass(frozen=True, eq=False)
class Latent:
    """Initial latents of N photos."""

    ws: Tensor  # float32 [N, num_ws, w_dim]
    space: str  # "z", "w" (all layers take the same w) or "w+"
    z: Tensor | None = None  # [N, z_dim] where space is "z"
    noise: dict[str, Tensor] | None = None  # buffer of the synthesis -> [N, r, r]; None: the prior's own maps

    def to(self, device: torch.device | str) -> "Latent":
        """The same latents on `device`."""
        noise = self.noise and {name: value.to(device) for name, value in self.noise.items()}
        return replace(self, ws=self.ws.to(device), z=None if self.z is None else self.z.to(device), noise=noise)

    def save(self, path: str | Path, *, prior: str | None = None) -> None:
        """Write a safetensors file, whole or not at all: `ws`, `z` where there is one, maps as `noise.<buffer>`.

        `prior`: fingerprint of the one that the latent was found on; any other then refuses the file.
        """
        tensors = {"ws": self.ws} | ({} if self.z is None else {"z": self.z})
        tensors |= {f"noise.{name}": value for name, value in (self.noise or {}).items()}
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = {"format": FORMAT, "version": "1", "space": self.space} | ({} if prior is None else {"prior": prior})
        write_bytes(Path(path), save(whole, header))

    @classmethod
    def load(cls, path: str | Path) -> "Latent":
        """Read what `save` wrote. Raises InputError."""
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path}: not a whole safetensors file ({error}); write it again") from error
        if header.get("format") != FORMAT or "space" not in header or "ws" not in tensors:
            raise InputError(f"{path}: not a latent that ganinv wrote; read other files with inverter=file")
        noise = {name.removeprefix("noise."): value for name, value in tensors.items() if name.startswith("noise.")}
        return cls(ws=tensors["ws"], space=header["space"], z=tensors.get("z"), noise=noise or None)


class Inverter(Protocol):
    """Photos -> latents."""

    def fits(self, prior: Prior) -> None:
        """InputError where it belongs to another generator, before the first photo."""
        ...

    def __call__(self, *, prior: Prior, images: Tensor, seed: int, names: list[str] | None = None) -> Latent:
        """`images` [N, 3, R, R] in [-1, 1] -> their latents, on the images' device.

        A photo's latent depends on the photo and `seed`, not on the other photos or their order. `names`: the photos',
        for inverters that keep something by name.
        """
        ...
