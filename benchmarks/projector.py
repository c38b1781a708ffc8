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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganinv.dataset.images import Images, Photo
from ganinv.errors import InputError
from ganinv.files import write_csv
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.inverter.latent import Latent
from ganinv.inverter.optimise import Optimise
from ganinv.loss.feature import LPIPS
from ganinv.metric.reconstruction import score

COLUMNS = ("image", "noise", "mse", "psnr", "lpips", "seconds")
NOISE = {"on": [True], "off": [False], "both": [False, True]}

log = logging.getLogger("projector")


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each photo and noise setting, batch by batch."""
    prior, lpips = load_prior(arguments.prior), LPIPS()
    images = Images(path=arguments.photos, resolution=prior.generator.img_resolution, limit=arguments.limit)
    photos = [photo for photo in images if isinstance(photo, Photo)]
    if len(photos) < len(images):
        raise InputError(f"--photos: {len(images) - len(photos)} in {arguments.photos} cannot be read; remove them")
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


def rows(photos: list[Photo], project: Optimise, prior: Prior, lpips: LPIPS, *, seed: int) -> list[dict[str, Any]]:
    """One row per photo of the batch."""
    target = torch.stack([photo.image for photo in photos])
    start = time.perf_counter()
    latent = project(prior=prior, images=target, seed=seed, callback=progress)
    seconds = (time.perf_counter() - start) / len(photos)
    scores = score(render(prior, latent), target, lpips=lpips)
    own = {"noise": "on" if latent.noise else "off", "seconds": round(seconds, 2)}
    found = [{"image": photo.name, **own, **values} for photo, values in zip(photos, scores, strict=True)]
    return [{column: row[column] for column in COLUMNS} for row in found]


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
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options, done = parse(arguments), []
    try:
        for row in measure(options):
            done.append(row)
            write_csv(options.out, done, columns=COLUMNS)
            log.info("%s, noise %s: MSE %.5f, LPIPS %.4f", *(row[name] for name in ("image", "noise", "mse", "lpips")))
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
