"""The numbers of a training, those that are left open chosen by resolution, batch and device."""

import logging
import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field

from ..dataset.decode import Unreadable, load
from ..errors import InputError
from .sources import Source

log = logging.getLogger(__name__)
LARGE = 1024  # pixels
Positive = Annotated[float, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]
Precision = Literal["float32", "bfloat16"]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Lengths and rates of a training, as `TrainPrior` documents them; a batch is that of all devices together."""

    kimg: float
    batch: int
    lr: float
    betas: tuple[float, float]
    r1_gamma: float
    r1_interval: int
    path_weight: float
    path_interval: int
    path_shrink: int
    path_decay: float
    mixing: float
    ema_kimg: float
    ema_rampup: float | None
    w_avg_beta: float
    dtype: torch.dtype
    compile: bool

    @property
    def steps(self) -> int:
        """How many there are in all."""
        return self.steps_in(self.kimg)

    def steps_in(self, kimg: float) -> int:
        """Steps from one thing to the next that comes every `kimg`."""
        return steps_in(kimg, batch=self.batch)


def steps_in(kimg: float, *, batch: int) -> int:
    """Steps in which `kimg` thousand images are shown, at least one."""
    return max(math.ceil(kimg * 1000 / batch), 1)


# As stylegan2-ada's "auto": batches as memory allows, R1 by pixels an image and batch
def automatic_batch(resolution: int, devices: int) -> int:
    """Images in a step, of all devices together."""
    return max(min(devices * min(4096 // resolution, 32), 64), 4 * devices)


def automatic_gamma(resolution: int, batch: int) -> float:
    """R1's weight."""
    return 0.0002 * resolution**2 / batch


def automatic_lr(resolution: int) -> float:
    """Of G and D."""
    return 0.002 if resolution >= LARGE else 0.0025


def automatic_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes it; a CPU that only emulates it is ten times slower than with float32."""
    return torch.bfloat16 if computes_bfloat16(device) else torch.float32


def dtype_of(precision: Precision | None, device: torch.device) -> torch.dtype:
    """Of `precision`; None: the automatic one."""
    return PRECISIONS[precision] if precision else automatic_dtype(device)


def computes_bfloat16(device: torch.device) -> bool:
    """Whether convolutions in bfloat16 have instructions of their own."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def expect_groups(batch: int, *, devices: int, group: int) -> None:
    """InputError where the batch cannot be split evenly among devices, and there into groups of D's comparison."""
    own, rest = divmod(batch, devices)
    if rest or (own % group and own > group):
        raise InputError(
            f"training.batch: must be a multiple of {devices * group} (training.devices {devices}, each in groups of"
            f" {group} images that D compares, training.network.mbstd_group_size), got {batch}"
        )


def automatic_resolution(source: Source) -> int:
    """The largest power of two, up to 1024, in the shorter side of the first picture that is read. InputError: none."""
    key, size = _first_size(source)
    resolution = min(1 << (min(size).bit_length() - 1), LARGE)
    log.info("%d pixels, as %s has %d x %d (training.resolution)", resolution, key, *size)
    return resolution


def _first_size(source: Source) -> tuple[str, tuple[int, int]]:
    """Name, width and height of the first picture that can be read. InputError: none can."""
    reasons = []
    for key in source.keys:
        try:
            return key, load(source.read(key))[0].size
        except Unreadable as reason:
            reasons.append(f"{key} {reason}")
    raise InputError(f"dataset.path: none of {len(reasons)} images can be read, first: {reasons[0]}; replace them")
