"""How far tuning moved the generator: Fréchet distance to real images, tuned over untouched, for finished photos.

    python benchmarks/drift.py runs/ffhq/0123456789/*/ --real faces.zip --csv drift.csv --sheets sheets

Everywhere (5,000 z, ψ 1) and near the photo, on w + α (w_z − w) with α .25 and .5 (500 z), each with constant and with
random noise. Of each folder it reads generator.safetensors and latent.safetensors, and config.yaml above it, by which
real images are framed as the photo was. A contact sheet per photo shows the same latents pairwise, so that a ghost of
the photo can be seen. docs/metrics.md says how to read the numbers.
"""

import argparse
import hashlib
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from command import ended
from safetensors.torch import load_file, save
from torch import Tensor
from torchvision.utils import make_grid

from ganinv import weights
from ganinv.dataset.frame import SQUARE, Frame
from ganinv.dataset.real import RealImages
from ganinv.errors import InputError
from ganinv.files import write_bytes, write_csv, write_png
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.generator.family import Generator
from ganinv.generator.synthesis import NoiseMode
from ganinv.inverter.latent import Latent
from ganinv.metric.drift import latent_pair, render
from ganinv.metric.frechet import AlexNet, FeatureNetwork, collect, expect_enough, frechet_distance
from ganinv.report.jobs import CONFIG, read_settings
from ganinv.report.pictures import enlarge
from ganinv.report.tuned import load_tuned
from ganinv.run import frame_of

Row = dict[str, Any]
SHEET_LATENTS = 8
SHEET_SIDE = 128  # pixels of a picture

log = logging.getLogger("drift")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two generators are compared by; `cache` is a folder for the features that do not depend on the tuning."""

    network: FeatureNetwork
    real: str  # folder or zip of images
    cache: Path
    samples: int = 5000
    near_samples: int = 500
    alphas: Sequence[float] = (0.25, 0.5)
    noise_modes: Sequence[NoiseMode] = ("const", "random")
    seed: int = 0
    batch_size: int = 50

    def real_features(self, resolution: int, frame: Frame = SQUARE) -> Tensor:
        """Of every real image, framed in `resolution` pixels, then resized by the network -> [M, num_features]."""
        path = Path(self.real)
        if not path.exists():
            raise InputError(f"real: {self.real!r} does not exist; name a folder or a zip of images")
        key = f"real {path.resolve()} {path.stat().st_mtime_ns} {resolution}" + ("" if frame == SQUARE else f" {frame}")
        how = {"resolution": resolution, "fit": frame.fit, "aspect": frame.aspect}
        return self._cached(key, lambda: self._of_images(RealImages(path=self.real, **how).images))

    def untouched_features(self, prior: Prior, ws: Tensor, noise_mode: NoiseMode) -> Tensor:
        """Of the prior at `ws`, which is computed once for all tunings that start from the same latent."""
        latents = hashlib.sha256(ws.cpu().numpy().tobytes()).hexdigest()
        key = f"untouched {prior.fingerprint} {latents} {noise_mode} {self.seed} {self.batch_size}"
        return self._cached(key, lambda: self.features(prior.generator, ws, noise_mode))

    def features(self, generator: Generator, ws: Tensor, noise_mode: NoiseMode) -> Tensor:
        """`ws` [N, num_ws, w_dim] -> [N, num_features] of the 8-bit images."""
        images = render(generator, ws, noise_mode=noise_mode, seed=self.seed, batch_size=self.batch_size)
        return collect(self.network, images)

    def _of_images(self, images: Tensor) -> Tensor:
        expect_enough(self.network, len(images), f"images in {self.real!r}")
        return collect(self.network, images.split(self.batch_size))

    def _cached(self, key: str, compute: Callable[[], Tensor]) -> Tensor:
        """`compute()`, or what it gave the last time for this network and `key`."""
        name = hashlib.sha256(f"{self.network.title} {key}".encode()).hexdigest()[:16]
        path = self.cache / f"{name}.safetensors"
        if not path.exists():
            write_bytes(path, save({"features": compute()}, {"key": key}))
        return load_file(path)["features"]


@torch.inference_mode()
def evaluate(
    *, prior: Prior, generator: Generator, ws: Tensor, by: Comparison, photo: str = "", frame: Frame = SQUARE
) -> list[Row]:
    """One row for each noise mode and α ("global" and near); `ws` [1, num_ws, w_dim] is the photo's latent.

    `frame`: how the photo, and so the real images, come into the generator's square.
    """
    real = by.real_features(prior.generator.img_resolution, frame)
    rows = []
    for noise_mode in by.noise_modes:
        for alpha in (1, *by.alphas):
            samples = by.samples if alpha == 1 else by.near_samples
            pair = latent_pair(prior.generator, generator, ws=ws, alpha=alpha, samples=samples, seed=by.seed)
            before = frechet_distance(real, by.untouched_features(prior, pair[0], noise_mode))
            after = frechet_distance(real, by.features(generator, pair[1], noise_mode))
            where = {"photo": photo, "noise": noise_mode, "alpha": "global" if alpha == 1 else alpha}
            rows.append(where | {"frechet_untouched": before, "frechet_tuned": after, "ratio": after / before})
    return rows


@torch.inference_mode()
def contact_sheet(*, prior: Prior, generator: Generator, ws: Tensor, alphas: Sequence[float], seed: int) -> Tensor:
    """Two rows for each α, untouched above tuned: first the photo's own latent, then eight near ones, constant noise.

    -> uint8 [3, H, W].
    """
    rows = []
    for alpha in alphas:
        pair = latent_pair(prior.generator, generator, ws=ws, alpha=alpha, samples=SHEET_LATENTS, seed=seed)
        for network, near in zip((prior.generator, generator), pair, strict=True):
            latents = torch.cat([ws.to(near), near])
            rows += render(network, latents, noise_mode="const", seed=seed, batch_size=len(latents))
    pictures = [enlarge(picture, least=SHEET_SIDE) for picture in torch.cat(rows).cpu()]
    return make_grid(pictures, nrow=1 + SHEET_LATENTS, padding=4, pad_value=255)


def summary(rows: list[Row]) -> Iterator[str]:
    """A line for each noise mode and α: mean, deviation and largest ratio over the photos."""
    groups: dict[tuple[str, Any], list[float]] = {}
    for row in rows:
        groups.setdefault((row["noise"], row["alpha"]), []).append(row["ratio"])
    for (noise_mode, alpha), ratios in groups.items():
        spread = statistics.stdev(ratios) if len(ratios) > 1 else 0
        mean, most = statistics.fmean(ratios), max(ratios)
        yield f"{noise_mode:6} α {alpha!s:6} ratio {mean:.3f} ± {spread:.3f}, at most {most:.3f}, n = {len(ratios)}"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, help="folders of finished photos")
    parser.add_argument("--real", required=True, help="folder or zip of real images")
    parser.add_argument("--prior", default="package:ffhq64b.safetensors", help="what was tuned (default: %(default)s)")
    parser.add_argument("--weights", help="AlexNet's convolutions (default: where ganinv.weights keeps them)")
    parser.add_argument("--csv", type=Path, default=Path("drift.csv"), help="table to write (default: %(default)s)")
    parser.add_argument("--sheets", type=Path, help="folder for the contact sheets (default: none are made)")
    parser.add_argument("--samples", type=int, default=Comparison.samples, help="z (default: %(default)s)")
    parser.add_argument("--near-samples", type=int, default=Comparison.near_samples, help="(default: %(default)s)")
    parser.add_argument("--alphas", type=float, nargs="*", default=Comparison.alphas, help="(default: %(default)s)")
    parser.add_argument("--noise", nargs="+", choices=["const", "random", "none"], default=Comparison.noise_modes)
    parser.add_argument("--seed", type=int, default=Comparison.seed, help="of z and noise (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="folder for features (default: in the cache of ganinv.weights)")
    return parser.parse_args(arguments)


def comparison(options: argparse.Namespace) -> Comparison:
    """What the command line asks for; InputError where it asks for too few samples."""
    network = AlexNet(weights=options.weights)
    expect_enough(network, options.samples, "--samples")
    if options.alphas:
        expect_enough(network, options.near_samples, "--near-samples")
    return Comparison(
        network=network,
        real=options.real,
        cache=options.cache or weights.cache() / "drift",
        samples=options.samples,
        near_samples=options.near_samples,
        alphas=options.alphas,
        noise_modes=options.noise,
        seed=options.seed,
    )


def framed(photo: Path) -> Frame:
    """How the photo of this folder came into the square, by its run's settings; without these, as a square."""
    settings = photo.resolve().parent / CONFIG
    if settings.is_file():
        return frame_of(read_settings(settings))
    log.info("%s: no %s above it, so the middle square of each real image is used", photo.name, CONFIG)
    return SQUARE


def run(options: argparse.Namespace) -> None:
    """Score each photo; the table is written anew after each."""
    by, prior, rows = comparison(options), load_prior(options.prior), []
    real = by.real_features(prior.generator.img_resolution, framed(options.photos[0]))
    halves = frechet_distance(real[::2], real[1::2])
    log.info("%s to %d real images; their two halves: %.2f", by.network.title, len(real), halves)
    for folder in options.photos:
        start = time.monotonic()
        generator, _ = load_tuned(folder / "generator.safetensors", prior=prior)
        ws = Latent.load(folder / "latent.safetensors").ws
        rows += evaluate(prior=prior, generator=generator, ws=ws, by=by, photo=folder.name, frame=framed(folder))
        write_csv(options.csv, rows)
        if options.sheets:
            alphas = (*by.alphas, 1)
            sheet = contact_sheet(prior=prior, generator=generator, ws=ws, alphas=alphas, seed=by.seed)
            write_png(options.sheets / f"{folder.name}.png", sheet)
        log.info("%s: %.0f s", folder.name, time.monotonic() - start)
    log.info("%s", "\n".join(summary(rows)))


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 after a mistake."""
    options = parse(arguments)
    return ended(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
