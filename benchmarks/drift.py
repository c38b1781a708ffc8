"""How far tuning moved the generator: Fréchet distance to real images, tuned over untouched, for finished photos.

    python benchmarks/drift.py runs/ffhq/0123456789/* --real ffhq128_train.zip --csv drift.csv --sheets sheets

Everywhere (5,000 z, ψ 1, constant and random noise) and near the photo, on w + α (w_z − w) with α .25 and .5 (500 z). A
contact sheet per photo shows the same latents pairwise, so that a ghost of the photo can be seen.
"""

import argparse
import csv
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor


from ganinv.dataset.real import RealImages
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.generator.stylegan2 import Generator, NoiseMode
from ganinv.metric.drift import latent_pair, render
from ganinv.metric.frechet import AlexNet, FeatureNetwork, collect, frechet_distance

Row = dict[str, Any]
COLUMNS = ("photo", "noise", "alpha", "samples", "frechet_untouched", "frechet_tuned", "ratio")
SHEET_COLUMNS = 8

logger = logging.getLogger("drift")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the two generators are compared by; `cache` is a folder for what does not depend on the photo."""

    network: FeatureNetwork
    real: str
    cache: Path
    samples: int = 5000
    near_samples: int = 500
    alphas: Sequence[float] = (0.25, 0.5)
    noise_modes: Sequence[NoiseMode] = ("const", "random")
    seed: int = 0
    batch_size: int = 100

    def real_features(self, resolution: int) -> Tensor:
        """Of every real image at `resolution`, then resized by the network -> [M, num_features]."""
        file = Path(self.real)
        key = f"real {file.resolve()} {file.stat().st_mtime_ns} {resolution}"
        return self.cached(key, lambda: self._of_images(RealImages(path=self.real, resolution=resolution).images))

    def untouched_features(self, prior: Prior, noise_mode: NoiseMode) -> Tensor:
        """Of the prior on `samples` z -> [samples, num_features]."""
        key = f"untouched {prior.fingerprint} {noise_mode} {self.samples} {self.seed} {self.batch_size}"
        ws = latent_pair(
            prior.generator, prior.generator, ws=torch.empty(0), alpha=1, samples=self.samples, seed=self.seed
        )[0]
        return self.cached(key, lambda: self.features(prior.generator, ws, noise_mode))

    def features(self, generator: Generator, ws: Tensor, noise_mode: NoiseMode) -> Tensor:
        """`ws` [N, num_ws, w_dim] -> [N, num_features] of the 8-bit images."""
        images = render(generator, ws, noise_mode=noise_mode, seed=self.seed, batch_size=self.batch_size)
        return collect(self.network, images)

    def cached(self, key: str, compute: Callable[[], Tensor]) -> Tensor:
        """`compute()`, or what it gave the last time for this network and `key`."""
        digest = hashlib.sha256(f"{self.network.title} {key}".encode()).hexdigest()[:16]
        path = self.cache / f"{digest}.safetensors"
        if not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            save_file({"features": compute()}, path.with_suffix(".part"), {"key": key})
            path.with_suffix(".part").replace(path)
        return load_file(path)["features"]

    def _of_images(self, images: Tensor) -> Tensor:
        return collect(self.network, images.split(self.batch_size))


@torch.inference_mode()
def evaluate(*, prior: Prior, generator: Generator, ws: Tensor, by: Comparison, photo: str = "") -> list[Row]:
    """One row for each noise mode and α (1: everywhere); `ws` [1, num_ws, w_dim] is the photo's latent."""
    real = by.real_features(prior.generator.img_resolution)
    rows = []
    for noise_mode in by.noise_modes:
        for alpha in (1, *by.alphas):
            samples = by.samples if alpha == 1 else by.near_samples
            pair = latent_pair(prior.generator, generator, ws=ws, alpha=alpha, samples=samples, seed=by.seed)
            if alpha == 1:
                untouched = by.untouched_features(prior, noise_mode)
            else:
                untouched = by.features(prior.generator, pair[0], noise_mode)
            before = frechet_distance(real, untouched)
            after = frechet_distance(real, by.features(generator, pair[1], noise_mode))
            rows.append(
                dict(zip(COLUMNS, (photo, noise_mode, alpha, samples, before, after, after / before), strict=True))
            )
    return rows
