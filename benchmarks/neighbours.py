"""Samples of a prior beside the training images nearest to them by LPIPS: whether it repeats what it has seen.

    python benchmarks/neighbours.py prior.safetensors --images faces.zip --held-out others.zip --out neighbours.png

64 samples (ψ 1, constant noise), each followed by its three nearest training images, mirrored ones among them. What is
near is said by the held-out photos, which the prior cannot have seen: a prior that repeats has samples much nearer to
the training images than these are.
"""

import argparse
import sys
from pathlib import Path

import lpips
import torch
from command import ended
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


def nearest(those: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """For each of `those` [N, D] the nearest of `images` [M, D]: squared distances and numbers, [N, NEAREST]."""
    squares = those.square().sum(dim=1)[:, None] + images.square().sum(dim=1) - 2 * those @ images.t()
    return squares.clamp(min=0).topk(NEAREST, largest=False)


def sampled(prior: Prior, *, count: int, seed: int) -> Tensor:
    """uint8 [count, 3, R, R]"""
    return torch.cat(list(pictures(prior.generator, draw(prior.generator, count=count, seed=seed, psi=1).w)))


def measure(options: argparse.Namespace) -> None:
    """Write the picture and the table, and say the medians. Raises InputError."""
    prior, network = load_prior(options.prior), LPIPS()
    side = prior.generator.img_resolution
    real = RealImages(path=options.images, resolution=side)
    if len(real.images) != len(real.keys):  # or the names below would be others'
        raise InputError(f"{options.images}: some of its images cannot be read; take them out")
    both = torch.cat([real.images, real.images.flip(3)])
    samples, known = sampled(prior, count=options.samples, seed=options.seed), embedded(network, both)
    values, numbers = nearest(embedded(network, samples), known)
    cells = [[sample, *both[found]] for sample, found in zip(samples, numbers, strict=True)]
    lines = [("", sum(cells[i : i + COLUMNS], [])) for i in range(0, len(cells) - len(cells) % COLUMNS, COLUMNS)]
    titles = ["sample", *(f"nearest {i + 1}" for i in range(NEAREST))] * COLUMNS
    write_png(options.out, sheet(lines, columns=titles))
    count = len(real.images)
    table = [
        {"sample": i, "lpips": float(row[0]), "nearest": real.keys[number % count], "mirrored": number >= count}
        for i, (row, number) in enumerate(zip(values, numbers[:, 0].tolist(), strict=True))
    ]
    write_csv(options.out.with_suffix(".csv"), table, columns=tuple(table[0]))
    print(f"LPIPS (alex) to the nearest training image, samples: {spread(values)}")
    if options.held_out:
        others = embedded(network, RealImages(path=options.held_out, resolution=side).images)
        found, _ = nearest(others, known)
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
    return ended(lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())
