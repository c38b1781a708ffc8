"""Samples of a prior beside the training images nearest to them by LPIPS: whether it repeats what it has seen.

    python benchmarks/neighbours.py prior.safetensors --images faces.zip --held-out others.zip --out neighbours.png

64 samples (ψ 1, constant noise), each followed by its three nearest training images, mirrored ones among them. What is
near is said by the held-out photos, which the prior cannot have seen: a prior that repeats has samples much nearer to
the training images than these are.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import lpips
import torch
from torch import Tensor

from ganinv.dataset.pixels import to_float
from ganinv.dataset.real import RealImages
from ganinv.edit.samples import draw, pictures
from ganinv.edit.sheet import sheet
from ganinv.errors import InputError
from ganinv.files import write_csv, write_png
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.loss.feature import LPIPS

NEAREST = 3
COLUMNS = 4  # of the picture: a sample with its neighbours
BATCH = 50


# LPIPS is Σ over layers of mean over places of w · (â − b̂)², so ‖A − B‖² of A = √(w / places) â, all layers in a row
@torch.no_grad()
def embedded(network: LPIPS, images: Tensor) -> Tensor:
    """`images` uint8 [N, 3, R, R] -> [N, D], whose squared distances are LPIPS."""
    return torch.cat([_embedded(network.distance, to_float(batch)) for batch in images.split(BATCH)])


def _embedded(distance: lpips.LPIPS, images: Tensor) -> Tensor:
    layers = distance.net(distance.scaling_layer(images))
    weights = [next(linear.parameters()) for linear in distance.lins]  # [1, C, 1, 1] each, none below 0
    parts = [
        (lpips.normalize_tensor(layer) * (weight / layer[0, 0].numel()).sqrt()).flatten(1)
        for layer, weight in zip(layers, weights, strict=True)
    ]
    return torch.cat(parts, dim=1)


def nearest(those: Tensor, images: Tensor, *, count: int) -> tuple[Tensor, Tensor]:
    """For each of `those` [N, D] the `count` nearest of `images` [M, D]: squared distances and numbers, [N, count]."""
    squares = those.square().sum(dim=1)[:, None] + images.square().sum(dim=1) - 2 * those @ images.t()
    return squares.clamp(min=0).topk(count, largest=False)


def nearest_of_both(those: Tensor, straight: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
    """Among images and their mirror images, which count from len(straight) on."""
    parts = [nearest(those, images, count=NEAREST) for images in (straight, mirrored)]
    values = torch.cat([parts[0][0], parts[1][0]], dim=1)
    numbers = torch.cat([parts[0][1], parts[1][1] + len(straight)], dim=1)
    order = values.argsort(dim=1)[:, :NEAREST]
    return values.gather(1, order), numbers.gather(1, order)


def sampled(prior: Prior, *, count: int, seed: int) -> Tensor:
    """uint8 [count, 3, R, R]"""
    return torch.cat(list(pictures(prior.generator, draw(prior.generator, count=count, seed=seed, psi=1).w)))


def drawn(samples: Tensor, images: Tensor, numbers: Tensor) -> Iterator[list[Tensor]]:
    """Each sample with its neighbours."""
    both = torch.cat([images, images.flip(3)])
    for sample, found in zip(samples, numbers.tolist(), strict=True):
        yield [sample, *(both[number] for number in found)]


def measure(options: argparse.Namespace) -> None:
    """Write the picture and the table, and say the medians. Raises InputError."""
    prior, network = load_prior(options.prior), LPIPS()
    side = prior.generator.img_resolution
    real = RealImages(path=options.images, resolution=side)
    images, samples = real.images, sampled(prior, count=options.samples, seed=options.seed)
    straight, mirrored = embedded(network, images), embedded(network, images.flip(3))
    values, numbers = nearest_of_both(embedded(network, samples), straight, mirrored)
    titles = ["sample", *(f"nearest {i + 1}" for i in range(NEAREST))] * COLUMNS
    rows = list(drawn(samples, images, numbers))
    lines = [("", sum(rows[i : i + COLUMNS], [])) for i in range(0, len(rows) - len(rows) % COLUMNS, COLUMNS)]
    write_png(options.out, sheet(lines, columns=titles))
    names = real.keys
    table = [
        {"sample": i, "lpips": float(row[0]), "nearest": names[number % len(images)], "mirrored": number >= len(images)}
        for i, (row, number) in enumerate(zip(values, numbers[:, 0].tolist(), strict=True))
    ]
    write_csv(options.out.with_suffix(".csv"), table, columns=tuple(table[0]))
    print(f"LPIPS (alex) to the nearest training image, samples: {spread(values)}")
    if options.held_out:
        others = embedded(network, RealImages(path=options.held_out, resolution=side).images)
        found, _ = nearest_of_both(others, straight, mirrored)
        print(f"held-out photos: {spread(found)}")


def spread(values: Tensor) -> str:
    """Of the nearest ones."""
    return f"median {values[:, 0].median():.3f}, least {values[:, 0].min():.3f}"


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 after a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prior", help="file, or a name of ganinv.weights")
    parser.add_argument("--images", required=True, help="folder or zip of the training images")
    parser.add_argument("--held-out", help="folder or zip of others")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("neighbours.png"))
    options = parser.parse_args(arguments)
    try:
        measure(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
