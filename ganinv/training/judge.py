"""Fréchet distance of a generator in training to the training images."""

import logging
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field

from ..generator.stylegan2 import Generator
from ..metric.drift import render, sample_latents
from ..metric.frechet import FeatureNetwork, collect, expect_enough, frechet_distance
from .images import Images

log = logging.getLogger(__name__)
Count = Annotated[int, Field(ge=1)]


class Judge:
    """`frechet` to the training images, and `frechet_relative`: over the distance between two halves of these."""

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
        expect_enough(self.network, images.count, "training images (training.frechet=null measures nothing)")
        chosen = torch.randperm(images.count, generator=torch.Generator().manual_seed(0))[: self.limit].tolist()
        with torch.inference_mode():
            self.real = collect(self.network, images.batches(chosen, self.batch_size))
        # The order of the choice is random, so the halves are.
        half = len(self.real) // 2
        self.between_halves = frechet_distance(self.real[:half], self.real[half:])
        log.info("%s between two halves of the training images: %.3f", self.network.title, self.between_halves)

    @torch.inference_mode()
    def __call__(self, generator: Generator) -> dict[str, float]:
        """Of `samples` images at ψ 1 with constant noise, always of the same latents."""
        ws = sample_latents(generator, samples=self.samples, seed=0)
        images = render(generator, ws, noise_mode="const", seed=0, batch_size=self.batch_size)
        distance = frechet_distance(self.real, collect(self.network, images))
        return {"frechet": distance, "frechet_relative": distance / self.between_halves}
