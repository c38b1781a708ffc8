"""Fréchet distance of a generator in training to the training images."""

import logging
from collections.abc import Callable
from itertools import chain
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator.stylegan2 import Generator
from ..metric.drift import render, sample_latents
from ..metric.frechet import FeatureNetwork, collect, expect_enough, frechet_distance
from .images import Images

log = logging.getLogger(__name__)
Count = Annotated[int, Field(ge=1)]


class Judge:
    """`frechet` to the training images, and, for enough of them, `frechet_relative`: over that between two halves."""

    def __init__(
        self,
        *,
        network: Callable[[], FeatureNetwork],
        samples: Count = 5000,
        limit: Count = 50_000,
        kimg: Annotated[float, Field(gt=0)] = 50,
        batch_size: Count = 50,
    ) -> None:
        """`kimg`: thousand training images from one measurement to the next. `limit`: of the real images."""
        self.network, self.samples, self.limit, self.kimg = network(), samples, limit, kimg
        self.batch_size = batch_size
        expect_enough(self.network, samples, "training.frechet.samples")

    def prepare(self, images: Images, *, device: torch.device) -> None:
        """Features of the real images. InputError: too few."""
        self.network.to(device)
        chosen = torch.randperm(images.count, generator=torch.Generator().manual_seed(0))[: self.limit].tolist()
        with torch.inference_mode():
            self.real = self._features(images, chosen)
        if (count := len(self.real)) <= self.network.num_features:
            raise InputError(
                f"dataset.path: {count:,} images can be read, and {self.network.title} needs"
                f" {self.network.num_features + 1:,}; add images, or train without measuring: training.frechet=null"
            )
        # The order of the choice is random, so the halves are.
        half = count // 2
        self.between_halves = None
        if half <= self.network.num_features:
            log.warning("frechet_relative is left out: half of %d images is no more than the features are", count)
            return
        self.between_halves = frechet_distance(self.real[:half], self.real[half:])
        log.info("%s between two halves of the training images: %.3f", self.network.title, self.between_halves)

    def _features(self, images: Images, chosen: list[int]) -> Tensor:
        """[N, F] of those that can be read; N may be 0."""
        batches = images.batches(chosen, self.batch_size)
        if (first := next(batches, None)) is None:
            return torch.empty(0, self.network.num_features)
        return collect(self.network, chain([first], batches))

    @torch.inference_mode()
    def __call__(self, generator: Generator) -> dict[str, float]:
        """Of `samples` images at ψ 1 with constant noise, always of the same latents."""
        ws = sample_latents(generator, samples=self.samples, seed=0)
        images = render(generator, ws, noise_mode="const", seed=0, batch_size=self.batch_size)
        distance = frechet_distance(self.real, collect(self.network, images))
        relative = {"frechet_relative": distance / self.between_halves} if self.between_halves else {}
        return {"frechet": distance, **relative}
