"""One training on several devices: each has a part of the batch, and their gradients are averaged."""

import os

import torch
from torch import Tensor, distributed

from ..errors import InputError


def rank() -> int:
    """This process's place among those of a training; 0 where there is one alone."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0)))


def expect_devices(wanted: int, device: torch.device) -> None:
    """InputError where there are fewer GPUs than a training is to have; on a CPU they are processes."""
    if device.type == "cuda" and wanted > (found := torch.cuda.device_count()):
        raise InputError(f"training.devices: {wanted}, but this machine has {found}; set it to at most {found}")


@torch.no_grad()
def mean_of_all(value: Tensor) -> Tensor:
    """The mean over all devices, on each of them."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    total = value.clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()
