"""The state of a training on disk: written whole, so that a cut at any moment leaves the last one."""

import io
import logging
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..files import write_bytes

log = logging.getLogger(__name__)
NAME = "state.pt"
FORM = "ganinv-training-1"


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Tensors, numbers and texts under their names. Raises InputError where there is no room; the older one stays."""
    buffer = io.BytesIO()
    torch.save({"form": FORM} | state, buffer)
    write_bytes(folder / NAME, buffer.getvalue())


def read_state(folder: Path) -> dict[str, Any] | None:
    """What the last `write_state` left, on the CPU; None where there is none yet. Raises InputError."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the bytes lead it to
        raise InputError(f"{path}: not a whole training state; remove it to begin anew, or fetch it again") from error
    if not isinstance(state, dict) or state.get("form") != FORM:
        raise InputError(f"{path}: not a training state of this version; choose another folder with folder=…")
    return state
