"""Channels of the styles that act in one region of the picture alone, without the whole Jacobian.

With y the picture averaged to `cells` × `cells` and J_c = ∂y / ∂s_c, a channel's share of a region R is
Σ_{p ∈ R} J_{p,c}² / Σ_p J_{p,c}². Exactly: a forward-mode pass for each channel, many at a time (`by_channels`).
Estimated: E_ε[(Σ_{p ∈ R} ε_p J_{p,c})²] = Σ_{p ∈ R} J_{p,c}² for random signs ε, of all channels in one backward pass
(`by_probes`), whose error falls with the number of pictures and probes. Refined: the estimate chooses the `finalists`,
whose shares and effects are then taken exactly.

StyleSpace's rule of acceptance is not applied: there, the cells of the largest |J_c|, as many as a region has, score
each region of a segmentation by overlap / area², and a channel is accepted for the one that is the best in more than
half of the pictures, by a quarter more than the next. That takes all of J and a segmentation of every picture; a share
of the energy takes one box and can be estimated. It has no threshold: the first channels are taken, however small.
"""

import logging
import math
import warnings
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.family import Generator
from .direction import Direction
from .region import Box, mask_of
from .samples import draw, styles_of
from .scores import Scorer
from .stylespace import LISTED, in_styles, is_rgb

CELLS = 32  # a side of the averaged picture, as published
MARGIN = 0.7  # of the least effect, at which an estimate lets a channel be looked at exactly
Energies = dict[str, Tensor]  # by layer [C]
Entry = tuple[str, int, float]  # layer, channel, share of the region

log = logging.getLogger(__name__)


class Localise:
    """The channels whose effect lies in a region, of those that have an effect at all."""

    def __init__(
        self,
        *,
        region: str | Box,
        images: Annotated[int, Field(ge=1)] = 32,
        probes: Annotated[int, Field(ge=1)] = 8,
        method: Literal["refined", "probes", "channels"] = "refined",
        finalists: Annotated[int, Field(ge=1)] = 32,
        channels: Annotated[int, Field(ge=1)] = 1,
        samples: Annotated[int, Field(ge=2)] = 2000,
        least: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`region`: [top, left, bottom, right] as shares of the picture's side, or a picture that is white there.

        `finalists`: channels that `refined` looks at exactly. `least`: quantile of the effect (of one standard
        deviation) below which a channel is left out. `channels`: how many directions, one channel each.
        """
        self.region, self.images, self.probes, self.method, self.finalists = region, images, probes, method, finalists
        self.channels, self.samples, self.least, self.psi, self.seed = channels, samples, least, psi, seed

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None = None) -> list[Direction]:
        """Directions name_00, name_01, … in S, of one channel each. `scorer` is not used. Raises InputError."""
        generator = prior.generator
        mask = mask_of(self.region, cells=min(CELLS, generator.img_resolution))
        samples = draw(generator, count=self.samples, seed=self.seed, psi=self.psi)
        styles = styles_of(generator, samples.truncated(generator.mapping.w_avg))
        ranked = self.ranked(generator, styles, mask)
        made = {"finder": "localise", "method": self.method, "images": self.images, "probes": self.probes}
        made |= {"finalists": self.finalists, "least": self.least}
        made |= {"region": self.region, "area": float(mask.float().mean()), "psi": self.psi, "seed": self.seed}
        made |= {"ranking": [[layer, channel, round(share, 4)] for layer, channel, share in ranked[:LISTED]]}
        spread = {layer: style.std(dim=0) for layer, style in styles.items()}
        parts = {"spread": spread, "prior": prior, "samples": samples, "made": made}
        chosen = ranked[: self.channels]
        return [in_styles([(a, b, 1.0)], name=f"{name}_{i:02d}", **parts) for i, (a, b, _) in enumerate(chosen)]

    def ranked(self, generator: Generator, styles: dict[str, Tensor], mask: Tensor) -> list[Entry]:
        """The channels of enough effect by falling share of `mask`, at the first of `styles` by layer [N, C]."""
        shaping = [(n, i, 0.0) for n, style in styles.items() if not is_rgb(n) for i in range(style.shape[1])]
        self._expect_enough(len(shaping))
        spread = {layer: style.std(dim=0) for layer, style in styles.items() if not is_rgb(layer)}
        only = shaping if self.method == "channels" else None
        energies = self._energies(generator, styles, mask, only=only)
        floor = floor_of(*energies, spread, least=self.least)
        ranked = by_share(*energies, spread, floor=floor)
        if self.method != "refined":
            return ranked
        finalists = by_share(*energies, spread, floor=MARGIN * floor)[: max(self.finalists, self.channels)]
        exact = self._energies(generator, styles, mask, only=finalists)
        return refined(exact, spread, finalists=finalists, ranked=ranked, floor=floor)

    def _expect_enough(self, count: int) -> None:
        """InputError where fewer of `count` channels are ranked than are asked for."""
        most = count - math.ceil(self.least * (count - 1))
        if self.channels > most:
            raise InputError(
                f"finder.channels: {self.channels} are asked for, and {most} at most have the effect of"
                f" finder.least={self.least:g}"
            )

    def _energies(
        self, generator: Generator, styles: dict[str, Tensor], mask: Tensor, *, only: list[Entry] | None = None
    ) -> tuple[Energies, Energies]:
        """Sums over the pictures: of the channels `only` exact, None: of all estimated."""
        place = generator.mapping.w_avg.device
        inside, outside = zeros(styles), zeros(styles)
        for i in range(self.images):
            one = {layer: style[i % len(style), None].to(place) for layer, style in styles.items()}
            if only is not None:
                found = by_channels(generator, one, mask, only=only)
            else:
                found = by_probes(generator, one, mask, probes=self.probes, seed=self.seed + i)
            for layer in styles:
                inside[layer] += found[0][layer].cpu()
                outside[layer] += found[1][layer].cpu()
            log.info("%d of %d pictures localised", i + 1, self.images)
        return inside, outside


def effects(inside: Energies, outside: Energies, spread: Energies) -> Energies:
    """What one deviation of each channel does to the picture, by layer [C], ToRGB's left out."""
    return {n: (inside[n] + outside[n]) * spread[n].square() for n in spread if not is_rgb(n)}


def floor_of(inside: Energies, outside: Energies, spread: Energies, *, least: float) -> float:
    """The quantile `least` of the effects."""
    return float(torch.cat([*effects(inside, outside, spread).values()]).quantile(least))


def by_share(inside: Energies, outside: Energies, spread: Energies, *, floor: float) -> list[Entry]:
    """(layer, channel, share) by falling share of the region, of the channels whose effect is at least `floor`."""
    found = []
    for layer, effect in effects(inside, outside, spread).items():
        share = inside[layer] / (inside[layer] + outside[layer]).clamp(min=1e-30)
        chosen = (effect >= floor).nonzero().flatten().tolist()
        found += [(layer, channel, float(share[channel])) for channel in chosen]
    return sorted(found, key=lambda entry: -entry[2])


def refined(
    exact: tuple[Energies, Energies], spread: Energies, *, finalists: list[Entry], ranked: list[Entry], floor: float
) -> list[Entry]:
    """The finalists by their exact shares; then the others as `ranked`; those that prove of too little effect last."""
    known, effect = {entry[:2] for entry in finalists}, effects(*exact, spread)
    ordered = [entry for entry in by_share(*exact, spread, floor=0) if entry[:2] in known]
    kept = [entry for entry in ordered if effect[entry[0]][entry[1]] >= floor]
    rest = [entry for entry in ranked if entry[:2] not in known]
    return kept + rest + [entry for entry in ordered if entry not in kept]


def zeros(styles: dict[str, Tensor]) -> Energies:
    """A zero for each channel."""
    return {layer: torch.zeros(style.shape[1]) for layer, style in styles.items()}


def averaged(generator: Generator, styles: dict[str, Tensor], cells: int) -> Tensor:
    """The picture averaged to `cells` × `cells`.  # [N, 3, cells, cells]"""
    return F.adaptive_avg_pool2d(generator.synthesis.render(styles), cells)


def by_channels(
    generator: Generator,
    styles: dict[str, Tensor],
    mask: Tensor,
    *,
    only: list[Entry] | None = None,
    chunk: int = 32,
) -> tuple[Energies, Energies]:
    """Σ J² inside and outside of `mask` [cells, cells] at one picture's `styles` [1, C], exact: by layer [C].

    `only`: the channels that are looked at, the others are 0; None: all.
    """
    inside, outside = zeros(styles), zeros(styles)
    for part, maps in columns(generator, styles, cells=len(mask), only=only, chunk=chunk):
        for (layer, channel, _), energy in zip(part, maps, strict=True):
            inside[layer][channel], outside[layer][channel] = energy[mask].sum(), energy[~mask].sum()
    return inside, outside


def columns(
    generator: Generator,
    styles: dict[str, Tensor],
    *,
    cells: int,
    only: list[Entry] | None = None,
    chunk: int = 32,
) -> Iterator[tuple[list[Entry], Tensor]]:
    """J² of `chunk` channels at a time, summed over the colours: [≤ chunk, cells, cells] on the CPU.

    Channels of neighbouring layers share an evaluation: up to the first of their layers nothing is differentiated.
    """
    if only is None:
        only = [(layer, i, 0.0) for layer, style in styles.items() for i in range(style.shape[1])]
    order = {layer: i for i, layer in enumerate(styles)}
    entries = sorted(only, key=lambda entry: order[entry[0]])
    for start in range(0, len(entries), chunk):
        part = entries[start : start + chunk]
        yield part, forward_mode(generator, styles, part, cells)


def forward_mode(generator: Generator, styles: dict[str, Tensor], part: list[Entry], cells: int) -> Tensor:
    """J² of the channels `part`, all at once.  # [len(part), cells, cells]"""
    moved = {layer: styles[layer].detach() for layer, *_ in part}
    tangents = {layer: style.new_zeros(len(part), *style.shape) for layer, style in moved.items()}
    for row, (layer, channel, _) in enumerate(part):
        tangents[layer][row, 0, channel] = 1

    def column(tangent: dict[str, Tensor]) -> Tensor:
        def picture(values: dict[str, Tensor]) -> Tensor:
            return averaged(generator, styles | values, cells)[0]

        return torch.func.jvp(picture, (moved,), (tangent,))[1].square().sum(dim=0)

    with warnings.catch_warnings():
        # PyTorch's own rules for forward mode are still written with what it deprecates.
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
        return torch.func.vmap(column)(tangents).detach().cpu()


def by_probes(
    generator: Generator, styles: dict[str, Tensor], mask: Tensor, *, probes: int, seed: int, chunk: int = 16
) -> tuple[Energies, Energies]:
    """As `by_channels`, estimated: two backward passes for each of `probes`, whatever the number of channels.

    One forward pass serves them all; `chunk` are taken at once.
    """
    place = next(iter(styles.values())).device
    random = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, [probes, 3, *mask.shape], generator=random).to(place) * 2.0 - 1
    region = mask.to(place)
    weights = torch.cat([signs * region, signs * ~region])[:, None]  # [2 · probes, 1, 3, cells, cells]
    leaves = {name: style.detach().clone().requires_grad_() for name, style in styles.items()}
    picture = averaged(generator, leaves, len(mask))  # [1, 3, cells, cells]
    inside, outside = zeros(styles), zeros(styles)
    for part, first in zip(weights.split(chunk), range(0, 2 * probes, chunk), strict=True):
        rows = torch.autograd.grad(picture, list(leaves.values()), part, retain_graph=True, is_grads_batched=True)
        halves = torch.arange(first, first + len(part)) < probes
        for name, row in zip(leaves, rows, strict=True):
            squares = row[:, 0].square().cpu() / probes  # [rows, C]
            inside[name] += squares[halves].sum(dim=0)
            outside[name] += squares[~halves].sum(dim=0)
    return inside, outside
