"""The baseline: how close the projector alone comes to the photos, with the generator as it is.

    python benchmarks/projector.py --photos photos/ --limit 16 --out projector.csv

A W+ for each photo by 1,000 steps on MSE + LPIPS (AlexNet), with optimised noise maps and without. One row per photo
and noise setting: mse (of the 8-bit image, on [-1, 1]), psnr (dB), lpips, seconds (the batch's, divided by its photos).
The file is written anew after each batch.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from command import Row, ended, write
from torch import Tensor

from ganinv.dataset.images import Images, Photo
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.inverter.latent import Latent
from ganinv.inverter.optimise import Optimise
from ganinv.loss.feature import LPIPS
from ganinv.metric.reconstruction import score

COLUMNS = ("image", "noise", "mse", "psnr", "lpips", "seconds")
NOISE = {"on": [True], "off": [False], "both": [False, True]}

log = logging.getLogger("projector")


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """A row for each photo and noise setting, batch by batch."""
    prior, lpips = load_prior(arguments.prior), LPIPS()
    photos = all_photos(arguments.photos, prior, limit=arguments.limit)
    for optimise_noise in NOISE[arguments.noise]:
        project = Optimise(
            space=arguments.space,
            steps=arguments.steps,
            optimise_noise=optimise_noise,
            l1_weight=0,
            mse_weight=arguments.mse_weight,
            lpips_weight=arguments.lpips_weight,
            lpips=lpips,
        )
        for start in range(0, len(photos), arguments.batch):
            yield from rows(photos[start : start + arguments.batch], project, prior, lpips, seed=arguments.seed)


def all_photos(path: str, prior: Prior, *, limit: int | None) -> list[Photo]:
    """At the prior's resolution. InputError where one cannot be read."""
    images = Images(path=path, resolution=prior.generator.img_resolution, limit=limit)
    photos = [photo for photo in images if isinstance(photo, Photo)]
    if len(photos) < len(images):
        raise InputError(f"--photos: {len(images) - len(photos)} in {path} cannot be read; remove them")
    return photos


def rows(photos: list[Photo], project: Optimise, prior: Prior, lpips: LPIPS, *, seed: int) -> list[Row]:
    """One row per photo of the batch."""
    find = partial(project, prior=prior, seed=seed, callback=progress)
    own = {"noise": "on" if project.optimise_noise else "off"}
    return [own | row for row in scored(photos, find, prior, lpips)]


def scored(photos: list[Photo], find: Callable[..., Latent], prior: Prior, lpips: LPIPS) -> list[Row]:
    """What each photo of the batch comes to at the latents of `find(images=…)`, and in which time."""
    target = torch.stack([photo.image for photo in photos])
    start = time.perf_counter()
    latent = find(images=target)
    seconds = (time.perf_counter() - start) / len(photos)
    scores = score(render(prior, latent), target, lpips=lpips)
    named = zip(photos, scores, strict=True)
    return [{"image": photo.name, "seconds": round(seconds, 4)} | values for photo, values in named]


@torch.no_grad()
def render(prior: Prior, latent: Latent) -> Tensor:
    """The images at `latent`, under its own noise maps, in float32.  # [N, 3, R, R]"""
    maps = {name: value[:, None] for name, value in (latent.noise or {}).items()}
    return torch.func.functional_call(prior.generator.synthesis, maps, (latent.ws,))


def progress(step: int, num_steps: int, loss: float) -> None:
    """A line in every hundred steps."""
    if step % 100 == 0 or step == num_steps:
        log.info("step %d of %d, loss %.4f", step, num_steps, loss)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="a folder, zip or file")
    parser.add_argument("--limit", type=int, help="only the first so many by name")
    parser.add_argument("--out", type=Path, required=True, help="CSV")
    parser.add_argument("--prior", default="package:ffhq64b.safetensors")
    parser.add_argument("--space", choices=["z", "w", "w+"], default="w+")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--noise", choices=list(NOISE), default="both", help="optimise the noise maps")
    parser.add_argument("--mse-weight", type=float, default=1.0)
    parser.add_argument("--lpips-weight", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8, help="photos at once; changes the time alone")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 after a mistake."""
    options = parse(arguments)
    said = "{image}, noise {noise}: MSE {mse:.5f}, LPIPS {lpips:.4f}"
    return ended(lambda: write(measure(options), options.out, columns=COLUMNS, said=said))


if __name__ == "__main__":
    sys.exit(main())
