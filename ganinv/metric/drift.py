"""What tuning did to the rest of the generator: tuned against untouched on the same latents under the same noise.

Everywhere (α = 1) and near the photo, on w + α (w_z − w), where a memorised photo would show.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..dataset.frame import SQUARE, Frame
from ..dataset.pixels import to_float, to_uint8
from ..dataset.real import RealImages
from ..dataset.sources import list_pictures
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from ..generator.synthesis import NoiseMode
from .frechet import FeatureNetwork, collect, expect_enough, frechet_distance, kernel_distance

logger = logging.getLogger(__name__)

Distance = Callable[[Tensor, Tensor], Tensor]  # two [N, 3, H, W] in [-1, 1] -> [N]
Alpha = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
# Apart from the latents that the tuner trains on at the same seed; torch's generator takes the lower 32 bits alone.
HELD_OUT = 2**31
RATIO = "frechet_ratio"


def sample_latents(generator: Generator, *, samples: int, seed: int) -> Tensor:
    """Normal z (and uniform labels, where there are labels) through the mapping, ψ 1 -> [samples, num_ws, w_dim].

    Of a stream of their own: none is among those that the tuner draws from the same `seed`.
    """
    random = torch.Generator().manual_seed(seed + HELD_OUT)
    z = torch.randn(samples, generator.z_dim, generator=random)
    c = None
    if generator.c_dim:
        labels = torch.randint(generator.c_dim, [samples], generator=random)
        c = F.one_hot(labels, generator.c_dim).float().to(device(generator))
    return generator.mapping(z.to(device(generator)), c)


def latent_pair(
    untouched: Generator, tuned: Generator, *, ws: Tensor, alpha: float, samples: int, seed: int
) -> tuple[Tensor, Tensor]:
    """The latents at which the two are compared, for `ws` [1, num_ws, w_dim]: each [samples, num_ws, w_dim].

    α = 1: the same z through each one's own mapping; below: w + α (w_z − w) with the untouched mapping's w_z for both.
    """
    w_z = sample_latents(untouched, samples=samples, seed=seed)
    if alpha == 1:
        return w_z, sample_latents(tuned, samples=samples, seed=seed)
    near = ws.to(w_z).lerp(w_z, alpha)
    return near, near


def render(generator: Generator, ws: Tensor, *, noise_mode: NoiseMode, seed: int, batch_size: int) -> Iterator[Tensor]:
    """`ws` [N, num_ws, w_dim] -> batches of 8-bit images, uint8 [≤ batch_size, 3, R, R].

    Rendered in float32. Random noise depends on `seed` and `batch_size` alone, so that two generators get the same.
    """
    random = torch.Generator(device(generator)).manual_seed(seed)
    for part in ws.to(device(generator)).split(batch_size):
        yield to_uint8(generator.synthesis(part, noise_mode=noise_mode, generator=random))


def device(generator: Generator) -> torch.device:
    """Where the generator's weights lie."""
    return generator.mapping.w_avg.device


class Drift:
    """Mean distance between tuned and untouched images: MSE on [-1, 1] of 8-bit images, and LPIPS where it is given."""

    def __init__(
        self,
        *,
        samples: Count = 64,
        alphas: Sequence[Alpha] = (0.25, 0.5),
        noise_mode: NoiseMode = "const",
        batch_size: Count = 32,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`samples` at each α; `alphas`: how far from the photo the near latents lie, 1 being everywhere."""
        self.samples, self.alphas, self.batch_size, self.seed = samples, alphas, batch_size, seed
        self.noise_mode: NoiseMode = noise_mode

    @torch.inference_mode()
    def __call__(
        self, *, prior: Prior, tuned_generator: Generator, ws: Tensor, lpips: Distance | None = None
    ) -> dict[str, float | None]:
        """`ws` [1, num_ws, w_dim] of the photo -> `drift_mse`, `drift_lpips`, and `…_near_0.25` for each α.

        `lpips`: two [N, 3, R, R] in [-1, 1] -> [N]; without it its entries are None.
        """
        row: dict[str, float | None] = {}
        for alpha in (1, *self.alphas):
            suffix = "" if alpha == 1 else f"_near_{alpha:g}"
            mse, perceptual = self._compare(prior.generator, tuned_generator, ws, alpha, lpips)
            row |= {f"drift_mse{suffix}": mse, f"drift_lpips{suffix}": perceptual}
        return row

    def _compare(
        self, untouched: Generator, tuned: Generator, ws: Tensor, alpha: float, lpips: Distance | None
    ) -> tuple[float, float | None]:
        pair = latent_pair(untouched, tuned, ws=ws, alpha=alpha, samples=self.samples, seed=self.seed)
        how = {"noise_mode": self.noise_mode, "seed": self.seed, "batch_size": self.batch_size}
        batches = zip(render(untouched, pair[0], **how), render(tuned, pair[1], **how), strict=True)
        mse, perceptual = [], []
        for a, b in ((to_float(a), to_float(b.to(a.device))) for a, b in batches):
            mse.append((a - b).square().mean(dim=[1, 2, 3]))
            perceptual += [] if lpips is None else [lpips(a, b)]
        return torch.cat(mse).mean().item(), torch.cat(perceptual).mean().item() if perceptual else None


class FrechetRatio:
    """Fréchet distance to real images, tuned over untouched, with the two distances.

    What does not depend on the photo (features of the real images, the untouched generator's distance) is computed
    once, by `prepare` or at the first photo.
    """

    def __init__(
        self,
        *,
        network: Callable[[], FeatureNetwork],
        real: str | None = None,
        limit: Count | None = None,
        samples: Count = 1000,
        alphas: Sequence[Alpha] = (),
        noise_mode: NoiseMode = "const",
        batch_size: Count = 50,
        seed: Annotated[int, Field(ge=0)] = 0,
        kernel: bool = False,
    ) -> None:
        """`real`: a folder or zip of images, the first `limit` by name; None: nothing is computed.

        `network`: makes the feature network; called only where `real` is named. `alphas`: near latents to compare at,
        too. `kernel`: the kernel distance as well, which in Inception is KID. InputError: no such images, too few of
        them or of the samples, or no weights of the network.
        """
        self.real, self.limit, self.samples, self.alphas = real, limit, samples, alphas
        self.noise_mode: NoiseMode = noise_mode
        self.batch_size, self.seed = batch_size, seed
        self.measures = ("frechet", "kernel") if kernel else ("frechet",)
        self._references: dict[tuple[str, Frame], tuple[Tensor, dict[str, float]]] = {}
        self._frame = SQUARE
        if real is not None:
            self.network = network()
            expect_enough(self.network, len(list_pictures(real)[:limit]), f"images in {real!r} (metric.frechet.real)")
            expect_enough(self.network, samples, "metric.frechet.samples")

    @property
    def title(self) -> str | None:
        """What the distance is called; None where nothing is computed."""
        return None if self.real is None else self.network.title

    @torch.inference_mode()
    def __call__(
        self, *, prior: Prior, tuned_generator: Generator, ws: Tensor, lpips: Distance | None = None
    ) -> dict[str, float | str | None]:
        """`ws` [1, num_ws, w_dim] of the photo -> `frechet_network` (`title`), `frechet_untouched`, `frechet_tuned`,
        `frechet_ratio` and, where it is asked for, `kernel_untouched`, `kernel_tuned`; all of them with `_near_0.25`
        for each α. All None where no real images are named. `lpips` is not used: all metrics of a generator are called
        alike.
        """
        row: dict[str, float | str | None] = {"frechet_network": self.title}
        for alpha in (1, *self.alphas):
            suffix = "" if alpha == 1 else f"_near_{alpha:g}"
            figures = self._nothing() if self.real is None else self._figures(prior, tuned_generator, ws, alpha)
            row |= {f"{name}{suffix}": value for name, value in figures.items()}
        return row

    def _nothing(self) -> dict[str, None]:
        return dict.fromkeys([*(f"{name}_{of}" for name in self.measures for of in ("untouched", "tuned")), RATIO])

    def _figures(self, prior: Prior, tuned: Generator, ws: Tensor, alpha: float) -> dict[str, float]:
        """Distances of the untouched and of the tuned generator to the real images, and the ratio of Fréchet's."""
        real, before = self._reference(prior)
        pair = latent_pair(prior.generator, tuned, ws=ws, alpha=alpha, samples=self.samples, seed=self.seed)
        if alpha != 1:
            before = self._measured(real, prior.generator, pair[0])
        after, figures = self._measured(real, tuned, pair[1]), {}
        for name in self.measures:
            figures |= {f"{name}_untouched": before[name], f"{name}_tuned": after[name]}
        return figures | {RATIO: after["frechet"] / before["frechet"]}

    def prepare(self, prior: Prior, *, frame: Frame = SQUARE) -> None:
        """Compute what does not depend on the photo; `frame`: how the photos, and so the real images, are framed.

        InputError: fewer usable images than the network needs.
        """
        self._frame = frame
        if self.real is None:
            logger.info("the Fréchet ratio stays empty: it needs real images, metric.frechet.real=FOLDER_OR_ZIP")
            return
        with torch.inference_mode():
            self._reference(prior)

    def _reference(self, prior: Prior) -> tuple[Tensor, dict[str, float]]:
        """Features of the real images at the prior's resolution, and the untouched generator's distances to them."""
        key, frame = (prior.fingerprint, self._frame), self._frame
        if key not in self._references:
            assert self.real is not None
            self.network.to(device(prior.generator))
            how = {"resolution": prior.generator.img_resolution, "limit": self.limit}
            images = RealImages(path=self.real, **how, fit=frame.fit, aspect=frame.aspect).images
            expect_enough(self.network, len(images), f"usable images in {self.real!r} (metric.frechet.real)")
            real = collect(self.network, images.split(self.batch_size))
            ws = sample_latents(prior.generator, samples=self.samples, seed=self.seed)
            self._references[key] = real, self._measured(real, prior.generator, ws)
        return self._references[key]

    def _measured(self, real: Tensor, generator: Generator, ws: Tensor) -> dict[str, float]:
        found = self._features(generator, ws)
        return {"frechet": frechet_distance(real, found)} | (
            {"kernel": kernel_distance(real, found)} if "kernel" in self.measures else {}
        )

    def _features(self, generator: Generator, ws: Tensor) -> Tensor:
        how = {"noise_mode": self.noise_mode, "seed": self.seed, "batch_size": self.batch_size}
        return collect(self.network, render(generator, ws, **how))
