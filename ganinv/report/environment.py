"""On what a photo was computed: hardware and versions, so that a figure can be traced."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

from .. import __version__

PACKAGES = ("torch", "pytorch-lightning", "kornia", "lpips")


def environment() -> dict[str, str]:
    """`hardware` (processor, usable cores and, where there are any, graphics cards), `versions` and more, a line each.

    `threads`: of torch on the processor; sums are rounded in another order with another number of them.
    """
    cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    cores = _cores()
    hardware = ", ".join([f"{_processor()} ({cores} core{'s' if cores != 1 else ''})", *cards])
    own = [f"ganinv {__version__}", f"Python {platform.python_version()}"]
    versions = [*own, *(f"{name} {_version(name)}" for name in PACKAGES)]
    return {
        "hardware": hardware,
        "threads": str(torch.get_num_threads()),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": ", ".join(versions),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return len(usable(0)) if usable else os.cpu_count() or 1


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
