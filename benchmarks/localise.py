"""Channels that act in one region: full Jacobians, and the finder's quick ways, side by side.

    python benchmarks/localise.py --images 4 --out localise.csv
    python benchmarks/localise.py --images 1 --methods backward published --out published.csv

The Jacobians are of the averaged picture by the styles, ToRGB's left out as in StyleSpace's code, once for all regions:

  published   layer by layer, a forward and a backward pass for each cell and colour, as StyleSpace's invert_mask.py
  expanded    all layers at once, a forward and a backward pass of a batch of 32 copies for 32 cells and colours
  backward    one forward pass, and a vectorised backward pass for 32 cells and colours
  forward     a vectorised forward-mode pass for 32 channels (finder.method=channels)

The finder's `refined` and `probes`, as a run has them, look at one region each. A row for each method and region:
processor seconds an image, and how the ranking compares with that of the first of --methods on the same images:
Spearman's correlation, the mean and the largest absolute difference of the shares, of the channels that both rank, and
how many of the first ten channels are the same.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from command import Row, ended, write
from torch import Tensor

from ganinv.edit.localise import Entry, Localise, averaged, by_share, columns, floor_of
from ganinv.edit.region import mask_of
from ganinv.edit.samples import draw, styles_of
from ganinv.edit.stylespace import is_rgb
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.family import Generator
from ganinv.method import pick_device, to_device

REGIONS = {"mouth": [0.6, 0.3, 0.85, 0.7], "eyes": [0.35, 0.2, 0.55, 0.8], "hair": [0.0, 0.15, 0.25, 0.85]}
FIRST = 10  # channels
ROWS = 32  # of the Jacobian, or channels, at once

Styles = dict[str, Tensor]  # by layer [1, C]
Maps = dict[str, Tensor]  # Σ J² over colours and pictures, by layer [C, cells²]
Jacobian = Callable[[Generator, Styles, int], Maps]

log = logging.getLogger("localise")


def published(generator: Generator, styles: Styles, cells: int) -> Maps:
    """Row by row for each layer, the picture drawn anew each time."""
    maps = empty(styles, cells)
    for layer in maps:
        for row in range(3 * cells**2):
            leaf = styles[layer].detach().requires_grad_()
            value = averaged(generator, styles | {layer: leaf}, cells).flatten()[row]
            maps[layer][:, row % cells**2] += torch.autograd.grad(value, leaf)[0][0].square().cpu()
        log.info("published: %s", layer)
    return maps


def expanded(generator: Generator, styles: Styles, cells: int) -> Maps:
    """As many copies of the picture as rows in a batch, each copy differentiated at one of them."""
    maps = empty(styles, cells)
    for rows in torch.arange(3 * cells**2).split(ROWS):
        copies = {layer: style.detach().expand(len(rows), -1).clone() for layer, style in styles.items()}
        leaves = [copies[layer].requires_grad_() for layer in maps]
        picture = averaged(generator, copies, cells).flatten(1)
        picked = picture.gather(1, rows[:, None].to(picture.device)).sum()
        add(maps, rows % cells**2, torch.autograd.grad(picked, leaves))
    return maps


def backward(generator: Generator, styles: Styles, cells: int) -> Maps:
    """The picture drawn once."""
    maps = empty(styles, cells)
    leaves = {layer: styles[layer].detach().requires_grad_() for layer in maps}
    picture = averaged(generator, styles | leaves, cells).flatten()
    for rows in torch.arange(len(picture)).split(ROWS):
        chosen = torch.nn.functional.one_hot(rows, len(picture)).to(picture)
        found = torch.autograd.grad(picture, [*leaves.values()], chosen, retain_graph=True, is_grads_batched=True)
        add(maps, rows % cells**2, [gradient[:, 0] for gradient in found])
    return maps


def forward(generator: Generator, styles: Styles, cells: int) -> Maps:
    """Channel by channel."""
    maps = empty(styles, cells)
    only: list[Entry] = [(layer, channel, 0.0) for layer in maps for channel in range(len(maps[layer]))]
    for part, found in columns(generator, styles, cells=cells, only=only, chunk=ROWS):
        for (layer, channel, _), squares in zip(part, found, strict=True):
            maps[layer][channel] = squares.flatten()
    return maps


def empty(styles: Styles, cells: int) -> Maps:
    """Zeros for the layers that shape the picture."""
    return {layer: torch.zeros(style.shape[1], cells**2) for layer, style in styles.items() if not is_rgb(layer)}


def add(maps: Maps, cells: Tensor, gradients: tuple[Tensor, ...] | list[Tensor]) -> None:
    """The squares of `gradients` [rows, C], by layer, at their `cells` [rows]."""
    for found, gradient in zip(maps.values(), gradients, strict=True):
        found.index_add_(1, cells, gradient.square().t().cpu())


JACOBIANS: dict[str, Jacobian] = {
    "backward": backward,
    "forward": forward,
    "expanded": expanded,
    "published": published,
}
QUICK = ("refined", "probes")
DEFAULT = ["backward", "forward", *QUICK, "expanded"]  # published takes minutes an image


class Bench:
    """The prior's pictures, and the full Jacobian with which the rankings of each region are compared."""

    def __init__(self, options: argparse.Namespace) -> None:
        prior = to_device(load_prior(options.prior), pick_device("cpu"))
        self.generator, self.cells = prior.generator, options.cells
        self.images, self.seed = options.images, options.seed
        samples = draw(self.generator, count=2000, seed=self.seed, psi=0.7)
        self.styles = styles_of(self.generator, samples.truncated(self.generator.mapping.w_avg))
        self.spread = {layer: style.std(dim=0) for layer, style in self.styles.items() if not is_rgb(layer)}
        self.masks = {name: mask_of(box, cells=self.cells) for name, box in REGIONS.items()}
        self.quick = {name: getattr(options, name) for name in ("probes", "finalists") if getattr(options, name)}
        self.expected: dict[str, list[Entry]] = {}  # by region, of the first method

    def rows(self, method: str) -> Iterator[Row]:
        """A row for each region."""
        whole = None if method in QUICK else timed(lambda: self._jacobian(JACOBIANS[method]))
        for region, mask in self.masks.items():
            if whole is None:
                ranked, spent = timed(partial(self._finder(method, region).ranked, self.generator, self.styles, mask))
            else:
                ranked, spent = self._of_region(whole[0], mask), whole[1]
            expected = self.expected.setdefault(region, ranked)
            seconds = {"cpu_seconds": round(spent / self.images, 3)}
            yield {"method": method, "region": region, "images": self.images, **seconds} | compare(ranked, expected)

    def _finder(self, method: Any, region: str) -> Localise:
        return Localise(region=REGIONS[region], images=self.images, method=method, seed=self.seed, **self.quick)

    def _jacobian(self, method: Jacobian) -> Maps:
        place, sums = self.generator.mapping.w_avg.device, empty(self.styles, self.cells)
        for i in range(self.images):
            found = method(self.generator, {n: s[i, None].to(place) for n, s in self.styles.items()}, self.cells)
            for layer in sums:
                sums[layer] += found[layer]
        return sums

    def _of_region(self, maps: Maps, mask: Tensor) -> list[Entry]:
        inside, outside = (
            {layer: found[:, part.flatten()].sum(dim=1) for layer, found in maps.items()} for part in (mask, ~mask)
        )
        floor = floor_of(inside, outside, self.spread, least=0.5)
        return by_share(inside, outside, self.spread, floor=floor)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Its answer, and the processor seconds of all threads."""
    start = time.process_time()
    return work(), time.process_time() - start


def compare(ranked: list[Entry], expected: list[Entry]) -> dict[str, float | int]:
    """Two rankings, over the channels of both."""
    shares = [{(layer, channel): share for layer, channel, share in entries} for entries in (ranked, expected)]
    both = [key for key in shares[0] if key in shares[1]]
    a, b = (torch.tensor([one[key] for key in both], dtype=torch.float64) for one in shares)
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    first = [{entry[:2] for entry in entries[:FIRST]} for entries in (ranked, expected)]
    return {
        "spearman": round(float(ranks.corrcoef()[0, 1]), 4),
        "mean_difference": float(f"{(a - b).abs().mean():.3g}"),
        "largest_difference": float(f"{(a - b).abs().max():.3g}"),
        f"same_of_first_{FIRST}": len(first[0] & first[1]),
    }


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """A row for each method and region."""
    bench = Bench(options)
    for method in options.methods:
        for row in bench.rows(method):
            log.info("%s", ", ".join(f"{key} {value}" for key, value in row.items()))
            yield row


def main() -> int:
    """The exit code is 1 after a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prior", default="package:ffhq64b.safetensors")
    parser.add_argument("--methods", nargs="+", choices=[*JACOBIANS, *QUICK], default=DEFAULT)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--cells", type=int, default=32, help="a side of the averaged picture")
    parser.add_argument("--probes", type=int, help="the finder's, where not its default")
    parser.add_argument("--finalists", type=int, help="likewise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    return ended(lambda: write(measure(options), options.out))


if __name__ == "__main__":
    sys.exit(main())
