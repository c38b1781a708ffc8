"""Channels that act in one region: the full Jacobian, a pass for each channel, random probes, and the best of these
exactly, side by side.

    python benchmarks/localise.py --images 4 --region 0.6 0.3 0.85 0.7 --out localise.csv

One row per method: wall and processor seconds an image, and how its shares of the region compare with the full
Jacobian's over the channels of at least median effect, ToRGB's left out: Spearman's correlation, the mean and the
largest absolute difference, and how many of the first ten channels are the same. The picture is averaged to --cells
squared before it is differentiated, as published. Shares are those of the images' sums, as in `finder=localise`.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from command import ended, write
from torch import Tensor

from ganinv.edit.localise import Energies, averaged, by_channels, by_probes, zeros
from ganinv.edit.region import mask_of
from ganinv.edit.samples import draw, styles_of
from ganinv.edit.stylespace import is_rgb
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.family import Generator
from ganinv.method import pick_device, to_device

Method = Callable[[Generator, dict[str, Tensor], Tensor, int], tuple[Energies, Energies]]
FIRST = 10  # channels

log = logging.getLogger("localise")


def full_jacobian(
    generator: Generator, styles: dict[str, Tensor], mask: Tensor, *, rows: int = 32
) -> tuple[Energies, Energies]:
    """Σ J² inside and outside of `mask`, by one backward pass for each cell and colour, `rows` in a batch."""
    cells, inside, outside = len(mask), zeros(styles), zeros(styles)
    place = next(iter(styles.values())).device
    for part in torch.arange(3 * cells**2).split(rows):
        leaves = {n: s.detach().expand(len(part), -1).clone().requires_grad_() for n, s in styles.items()}
        picked = averaged(generator, leaves, cells).flatten(1).gather(1, part[:, None].to(place)).sum()
        gradients = torch.autograd.grad(picked, list(leaves.values()))
        in_region = mask.flatten().repeat(3)[part]
        for name, gradient in zip(leaves, gradients, strict=True):
            squares = gradient.square().cpu()
            inside[name] += squares[in_region].sum(dim=0)
            outside[name] += squares[~in_region].sum(dim=0)
    return inside, outside


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each method, the full Jacobian first."""
    prior = to_device(load_prior(arguments.prior), pick_device("auto"))
    generator, mask = prior.generator, mask_of(arguments.region, cells=arguments.cells)
    samples = draw(generator, count=max(arguments.images, 1000), seed=arguments.seed, psi=0.7)
    styles = styles_of(generator, samples.truncated(generator.mapping.w_avg))
    spread = {layer: style.std(dim=0) for layer, style in styles.items()}
    place = generator.mapping.w_avg.device
    images = [{n: s[i, None].to(place) for n, s in styles.items()} for i in range(arguments.images)]
    methods: dict[str, Method] = {
        "full Jacobian": lambda g, s, m, _: full_jacobian(g, s, m),
        "channels": lambda g, s, m, _: by_channels(g, s, m),
    }
    for count in arguments.probes:
        methods[f"{count} probes"] = lambda g, s, m, i, count=count: by_probes(g, s, m, probes=count, seed=i)
    for count in arguments.probes:
        methods[f"{count} probes, {arguments.finalists} exactly"] = lambda g, s, m, i, count=count: refined_pass(
            g, s, m, spread, probes=count, finalists=arguments.finalists, seed=i
        )
    reference: tuple[Tensor, Tensor] | None = None
    for name, method in methods.items():
        energies, wall, processor = timed(method, generator, images, mask)
        found = shares(energies, spread)
        reference = reference or found
        row = {"method": name, "seconds": wall, "cpu_seconds": processor} | compare(found[0], *reference)
        log.info("%s", ", ".join(f"{key} {value}" for key, value in row.items()))
        yield row


def refined_pass(
    generator: Generator,
    styles: dict[str, Tensor],
    mask: Tensor,
    spread: Energies,
    *,
    probes: int,
    finalists: int,
    seed: int,
) -> tuple[Energies, Energies]:
    """The estimate, with the channels of the largest estimated share of the region replaced by what they are."""
    estimate = by_probes(generator, styles, mask, probes=probes, seed=seed)
    share, effect = shares(estimate, spread)
    names = [(layer, i) for layer in spread if not is_rgb(layer) for i in range(len(spread[layer]))]
    order = torch.where(effect >= effect.median(), share, -1.0).topk(finalists).indices.tolist()
    only = [(*names[i], 0.0) for i in order]
    exact = by_channels(generator, styles, mask, only=only)
    for found, known in zip(estimate, exact, strict=True):
        for layer, channel, _ in only:
            found[layer][channel] = known[layer][channel]
    return estimate


def timed(method: Method, generator: Generator, images: list[dict[str, Tensor]], mask: Tensor) -> tuple:
    """Energies summed over the images, wall and processor seconds an image."""
    inside, outside = zeros(images[0]), zeros(images[0])
    wall, processor = time.perf_counter(), time.process_time()
    for i, styles in enumerate(images):
        parts = method(generator, styles, mask, i)
        for layer in inside:
            inside[layer] += parts[0][layer].cpu()
            outside[layer] += parts[1][layer].cpu()
    count = len(images)
    spent = (time.perf_counter() - wall) / count, (time.process_time() - processor) / count
    return (inside, outside), *(round(value, 3) for value in spent)


def shares(energies: tuple[Energies, Energies], spread: Energies) -> tuple[Tensor, Tensor]:
    """Share of the region and effect of one deviation, of all channels but ToRGB's, in one row each."""
    layers = [layer for layer in spread if not is_rgb(layer)]
    inside, outside = (torch.cat([part[layer] for layer in layers]) for part in energies)
    effect = (inside + outside) * torch.cat([spread[layer] for layer in layers]).square()
    return inside / (inside + outside).clamp(min=1e-30), effect


def compare(found: Tensor, expected: Tensor, effect: Tensor) -> dict[str, float | int]:
    """`found` against the full Jacobian's shares, over the channels of at least median effect."""
    kept = effect >= effect.median()
    a, b = found[kept], expected[kept]
    first = [set(x.topk(FIRST).indices.tolist()) for x in (a, b)]
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    difference = (a - b).abs()
    return {
        "spearman": round(float(ranks.corrcoef()[0, 1]), 4),
        "mean_difference": float(f"{difference.mean():.3g}"),
        "largest_difference": float(f"{difference.max():.3g}"),
        f"same_of_first_{FIRST}": len(first[0] & first[1]),
    }


def main() -> int:
    """The exit code is 1 after a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prior", default="package:ffhq64b.safetensors")
    parser.add_argument("--region", type=float, nargs=4, default=[0.6, 0.3, 0.85, 0.7], help="top left bottom right")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--cells", type=int, default=32)
    parser.add_argument("--probes", type=int, nargs="*", default=[4, 8, 16, 64])
    parser.add_argument("--finalists", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    return ended(lambda: write(measure(arguments), arguments.out))


if __name__ == "__main__":
    sys.exit(main())
