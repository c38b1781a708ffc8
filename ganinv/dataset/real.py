"""Real images, where a formula asks for them: the expectation E_x of adversarial losses, Fréchet distances."""

import logging
import os
from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from .decode import Unreadable
from .frame import Aspect, Fit, Frame
from .pixels import to_float
from .sources import list_pictures, read_pictures, source_of

MAX_BYTES = 4_000_000_000  # of 8-bit pixels in memory: 325,000 images at 64 pixels, 1,271 at 1024

logger = logging.getLogger(__name__)


class RealImages:
    """A folder or zip of images, held in memory as 8-bit pixels and sampled with replacement.

    resolution: the generator's, in pixels. limit: only the first so many by name. flip: mirror half of the samples.
    fit, aspect: how an image comes into the generator's square, as the photos do (`Frame`).
    InputError: no usable image there, or more than the 4 GB that are held.
    """

    def __init__(
        self,
        *,
        path: str,
        resolution: Annotated[int, Field(gt=0)],
        limit: Annotated[int, Field(gt=0)] | None = None,
        flip: bool = False,
        fit: Fit = "crop",
        aspect: Aspect | None = None,
    ) -> None:
        self.path = os.path.expanduser(path)
        self.resolution = resolution
        self.flip = flip
        self.frame = Frame(fit=fit, aspect=aspect)
        self.keys = list_pictures(self.path)[:limit]
        fitting = MAX_BYTES // (3 * resolution**2)
        if len(self.keys) > fitting:
            raise InputError(f"{path!r} holds {len(self.keys):,} images; {fitting:,} fit at {resolution} px: set limit")

    @cached_property
    def images(self) -> Tensor:
        """uint8 [M, 3, R, R], decoded at first use; unusable files are left out and named in a warning."""
        images = torch.empty(len(self.keys), 3, self.resolution, self.resolution, dtype=torch.uint8)
        count, bad = 0, []
        for key, pixels in read_pictures(self.path, self.keys, resolution=self.resolution, frame=self.frame):
            if isinstance(pixels, Unreadable):
                bad.append(f"{source_of(self.path, key)} {pixels}")
            else:
                images[count] = pixels
                count += 1
        if not count:
            raise InputError(f"{self.path!r} holds no usable image: {bad[0]}")
        if bad:
            logger.warning("%s: left out %d of %d images, first: %s", self.path, len(bad), len(self.keys), bad[0])
        return images[:count]

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """[count, 3, R, R] float32 in [-1, 1] on the CPU, each drawn uniformly and independently."""
        device = generator.device
        chosen = torch.randint(len(self.images), (count,), generator=generator, device=device)
        images = to_float(self.images[chosen.cpu()])
        if not self.flip:
            return images
        mirrored = torch.rand(count, 1, 1, 1, generator=generator, device=device).cpu() < 0.5
        return torch.where(mirrored, images.flip(3), images)
