"""The same run from Python: `ganinv.invert("me.jpg")`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from . import method
from .config import check, plain, read
from .dataset.decode import Unreadable, to_square, upright
from .dataset.frame import SQUARE, Frame
from .dataset.images import Images, Photo, digest
from .dataset.pixels import to_float, to_uint8
from .dataset.sources import is_single
from .errors import InputError
from .report.artefacts import Inversion
from .run import assemble, frame_of

Picture = str | Path | Image.Image | np.ndarray | Tensor


def invert(photo: Picture | None = None, *, overrides: Sequence[str] = (), name: str = "photo") -> Inversion:
    """Invert one photo and tune the generator around it; the result stays in memory.

    `photo`: a path, a PIL image, or an array or tensor [H, W, 3] or [3, H, W], uint8 or float in [-1, 1]; None: what
    dataset.path names, by default the embedded photo. `overrides`: settings as on the command line, for instance
    ["tuner.steps=100", "device=cuda"]; edits are made of what comes back, by its `edit`. `name`: of a photo without a
    path. Raises InputError.
    """
    cfg = read(list(overrides))
    if plain(cfg).get("edit"):
        raise InputError(
            "edit: overrides of ganinv.invert take none; leave it out, and call edit({'smile': 4}) on the result"
        )
    if photo is not None and plain(cfg)["dataset"].get("path") == "???":
        cfg.dataset.path = None  # the photo stands in its place
    check(cfg)
    photo = cfg.dataset.get("path") if photo is None else photo
    parts = assemble(cfg)
    taken = take(photo, resolution=parts.prior.generator.img_resolution, name=name, frame=frame_of(cfg))
    return method.invert(replace(taken, score_size=cfg.dataset.get("score_size")), parts)[0]


def take(photo: Picture | None, *, resolution: int, name: str, frame: Frame = SQUARE) -> Photo:
    """Any form of a photo as the one that the run takes."""
    if photo is None or isinstance(photo, str | Path):
        path = None if photo is None else str(Path(photo).expanduser())
        if path and not is_single(path):
            raise InputError(f"photo: {path!r} is a folder or a zip; name one photo")
        found = Images(path=path, resolution=resolution, fit=frame.fit, aspect=frame.aspect).single
        assert found is not None
        return found
    image = photo if isinstance(photo, Image.Image) else Image.fromarray(to_array(photo))
    try:
        pixels, _ = to_square(upright(image), resolution=resolution, frame=frame)
    except Unreadable as reason:
        raise InputError(f"photo: {reason}") from reason
    valid = frame.region(resolution)
    return Photo(name=name, image=to_float(pixels), source=name, digest=digest(pixels), valid=valid)


def to_array(photo: np.ndarray | Tensor) -> np.ndarray:
    """[H, W, 3] or [3, H, W], uint8 or float in [-1, 1] -> uint8 [H, W, 3]."""
    if isinstance(photo, np.ndarray) and photo.dtype.kind not in "iuf":
        raise InputError(f"photo: must be uint8 or float, got {photo.dtype}")
    # torch takes neither the negative strides of a flipped array nor the other byte order
    own = np.ascontiguousarray(photo, photo.dtype.newbyteorder("=")) if isinstance(photo, np.ndarray) else photo
    pixels = torch.as_tensor(own).detach().cpu()
    if pixels.ndim != 3 or 0 in pixels.shape or 3 not in (pixels.shape[0], pixels.shape[2]):
        raise InputError(f"photo: must have the shape [H, W, 3] or [3, H, W], got {list(pixels.shape)}")
    pixels = pixels if pixels.shape[2] == 3 else pixels.permute(1, 2, 0)
    if pixels.is_floating_point() and not -1 <= pixels.min() <= pixels.max() <= 1:
        raise InputError(f"photo: floats must lie in [-1, 1], got {pixels.min():.3g} to {pixels.max():.3g}")
    if pixels.dtype != torch.uint8 and not pixels.is_floating_point():
        raise InputError(f"photo: must be uint8 or float, got {pixels.dtype}")
    return (to_uint8(pixels) if pixels.is_floating_point() else pixels).numpy()
