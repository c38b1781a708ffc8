"""Fixtures for every room."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before torch is imported: with torch 2.14.1, oneDNN's AVX-512 kernels left NaN in the weights' gradient of a
# convolution with stride 2 over maps of one pixel, which tiny encoders have.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

import torch  # noqa: E402

from .running import command, photos, tiny  # noqa: E402, F401  fixtures of every test that runs the command
from .serving import cache, net, site  # noqa: E402, F401  fixtures of every test that downloads

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("GANINV_SHARED", ROOT.parent / "shared"))


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """`shared("weights/x.safetensors")`: that file of the shared material, or a skip that names it."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs {name} of the shared material; set GANINV_SHARED to its folder")
        return path

    return find


# On tiny tensors a second thread costs more than it brings.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
