"""Channels of the styles that act in one region of the picture alone, without the whole Jacobian.

With y the picture averaged to `cells` × `cells` and J_c = ∂y / ∂s_c, a channel's share of a region R is
Σ_{p ∈ R} J_{p,c}² / Σ_p J_{p,c}². Exactly: a forward-mode pass for each channel, many at a time (`by_channels`).
Estimated: E_ε[(Σ_{p ∈ R} ε_p J_{p,c})²] = Σ_{p ∈ R} J_{p,c}² for random signs ε, of all channels in one backward pass
(`by_probes`), whose error falls with the number of pictures and probes. Refined: the estimate chooses the `finalists`,
whose shares are then taken exactly.
"""

import logging
import warnings
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..generator.checkpoint import Prior
from ..generator.family import Generator
from .direction import Direction
from .region import Box, mask_of
from .samples import draw, styles_of
from .scores import Scorer
from .stylespace import LISTED, in_styles, is_rgb

CELLS = 32  # a side of the averaged picture, as published
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
        finalists: Annotated[int, Field(ge=1)] = 64,
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
        spread = {layer: style.std(dim=0) for layer, style in styles.items()}
        inside, outside = self._energies(generator, styles, mask)
        ranked = self._ranked(inside, outside, spread)
        if self.method == "refined":
            ranked = refined(
                self._energies(generator, styles, mask, only=ranked[: max(self.finalists, self.channels)]), ranked
            )
        made = {"finder": "localise", "method": self.method, "images": self.images, "probes": self.probes}
        made |= {"finalists": self.finalists, "least": self.least}
        made |= {"region": self.region, "area": float(mask.float().mean()), "psi": self.psi, "seed": self.seed}
        made |= {"ranking": [[layer, channel, round(share, 4)] for layer, channel, share in ranked[:LISTED]]}
        parts = {"spread": spread, "prior": prior, "samples": samples, "made": made}
        chosen = ranked[: self.channels]
        return [in_styles([(a, b, 1.0)], name=f"{name}_{i:02d}", **parts) for i, (a, b, _) in enumerate(chosen)]

    def _energies(
        self, generator: Generator, styles: dict[str, Tensor], mask: Tensor, *, only: list[Entry] | None = None
    ) -> tuple[Energies, Energies]:
        """Sums over the pictures; of the channels `only`, exact, where some are named."""
        place = generator.mapping.w_avg.device
        inside, outside = zeros(styles), zeros(styles)
        for i in range(self.images):
            one = {layer: style[i % self.samples, None].to(place) for layer, style in styles.items()}
            if only or self.method == "channels":
                found = by_channels(generator, one, mask, only=only)
            else:
                found = by_probes(generator, one, mask, probes=self.probes, seed=self.seed + i)
            for layer in styles:
                inside[layer] += found[0][layer].cpu()
                outside[layer] += found[1][layer].cpu()
            log.info("%d of %d pictures localised", i + 1, self.images)
        return inside, outside

    def _ranked(self, inside: Energies, outside: Energies, spread: Energies) -> list[Entry]:
        """(layer, channel, share) by falling share of the region, channels of little effect and ToRGB's left out."""
        layers = [layer for layer in inside if not is_rgb(layer)]
        effect = {n: (inside[n] + outside[n]) * spread[n].square() for n in layers}
        floor = torch.cat(list(effect.values())).quantile(self.least)
        share = {n: inside[n] / (inside[n] + outside[n]).clamp(min=1e-30) for n in layers}
        found = [
            (n, i, value) for n in layers for i, value in enumerate(share[n].tolist()) if float(effect[n][i]) >= floor
        ]
        return sorted(found, key=lambda entry: -entry[2])


def refined(energies: tuple[Energies, Energies], ranked: list[Entry]) -> list[Entry]:
    """The channels whose energies are known, by falling share; then the others as `ranked`, by their estimates."""
    inside, outside = energies
    total = {name: inside[name] + outside[name] for name in inside}
    exact = [(n, i, float(inside[n][i] / total[n][i])) for n, i, _ in ranked if total[n][i] > 0]
    known = {(n, i) for n, i, _ in exact}
    return sorted(exact, key=lambda entry: -entry[2]) + [entry for entry in ranked if entry[:2] not in known]


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

    Up to the layer of a channel nothing is differentiated; behind it, `chunk` channels share one evaluation. `only`:
    the channels that are looked at, the others are 0; None: all.
    """
    inside, outside = zeros(styles), zeros(styles)
    for layer, style in styles.items():
        chosen = torch.arange(style.shape[1]) if only is None else torch.tensor([i for n, i, _ in only if n == layer])
        if not len(chosen):
            continue

        def picture(value: Tensor, layer: str = layer) -> Tensor:
            return averaged(generator, styles | {layer: value}, len(mask))[0]

        def column(tangent: Tensor, picture=picture, style: Tensor = style) -> Tensor:
            return torch.func.jvp(picture, (style,), (tangent[None],))[1].square().sum(dim=0)

        with warnings.catch_warnings():
            # PyTorch's own rules for forward mode are still written with what it deprecates.
            warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
            warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
            tangents = torch.eye(style.shape[1])[chosen].to(style)
            energy = torch.func.vmap(column, chunk_size=chunk)(tangents).detach().cpu()  # [chosen, cells, cells]
        inside[layer][chosen] = energy[:, mask].sum(dim=1)
        outside[layer][chosen] = energy[:, ~mask].sum(dim=1)
    return inside, outside


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
