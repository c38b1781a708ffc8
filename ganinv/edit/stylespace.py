"""StyleSpace (Wu et al. 2021, arXiv 2011.12799): single channels of the styles that carry an attribute."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from .direction import MAX_STRENGTH, Direction
from .samples import Samples, draw, styles_of, unit_of
from .scores import Scorer, expect_varied

LISTED = 20  # channels that a direction's record names
LEAST = 5  # examples


class StyleSpace:
    """Channels whose values in the positive examples lie apart from the population's and close together."""

    def __init__(
        self,
        *,
        samples: Annotated[int, Field(ge=2)] = 10_000,
        examples: Sequence[int] | None = None,
        share: Annotated[float, Field(gt=0, le=0.5)] = 0.02,
        channels: Annotated[int, Field(ge=1)] = 1,
        rgb: bool = False,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        strength: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] = 10.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`examples`: numbers of the samples that show the attribute (10 to 30 do, `finder=pictures` writes them);
        None: the `share` with the highest scores. `channels`: how many the direction moves. `rgb`: ToRGB's too.
        `strength`: at which the edit shows, unless a run has another.
        """
        self.samples, self.examples, self.share, self.channels = samples, examples, share, channels
        self.rgb, self.psi, self.seed = rgb, psi, seed
        self.strength = strength

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None) -> list[Direction]:
        """One direction in S. Raises InputError."""
        samples = draw(prior.generator, count=self.samples, seed=self.seed, psi=self.psi)
        positive, made = self._positive(prior, samples, scorer, name)
        styles = styles_of(prior.generator, samples.truncated(prior.generator.mapping.w_avg))
        theta = {layer: separation(style, positive) for layer, style in styles.items() if self.rgb or not is_rgb(layer)}
        ranked = rank(theta)
        spread = {layer: style.std(dim=0) for layer, style in styles.items()}
        made |= {"finder": "stylespace", "samples": self.samples, "psi": self.psi, "seed": self.seed}
        made |= {"ranking": [[layer, channel, round(value, 4)] for layer, channel, value in ranked[:LISTED]]}
        chosen = [(layer, channel, 1.0 if value > 0 else -1.0) for layer, channel, value in ranked[: self.channels]]
        return [in_styles(chosen, spread, prior=prior, name=name, samples=samples, made=made, strength=self.strength)]

    def _positive(self, prior: Prior, samples: Samples, scorer: Scorer | None, name: str) -> tuple[Tensor, dict]:
        """Indices of the examples, and where they come from."""
        if self.examples is not None:
            chosen = torch.tensor(list(self.examples))
            if not LEAST <= len(chosen) == len(chosen.unique()) or chosen.min() < 0 or chosen.max() >= self.samples:
                raise InputError(
                    f"finder.examples: needs at least {LEAST} different numbers of samples in 0 to {self.samples - 1},"
                    f" got {list(self.examples)[:8]}"
                )
            return chosen, {"examples": list(self.examples)}
        if scorer is None:
            raise InputError(
                "finder.examples: must be set where there are no scores; or choose scores=labelled or table"
            )
        scores = scorer(prior=prior, samples=samples)
        expect_varied(scores.values, name)
        count = max(int(len(scores.values) * self.share), LEAST)
        return scores.values.topk(count).indices, {"share": self.share, "scores": scores.made}


# θ = mean(δ) / sd(δ) over the examples, δ = (s − μ) / σ, μ and σ of the population
def separation(style: Tensor, positive: Tensor) -> Tensor:
    """Signed θ of each channel of `style` [N, C] for the examples `positive` [K]; 0 where a channel never varies."""
    mean, spread = style.mean(dim=0), style.std(dim=0)
    normal = (style[positive] - mean) / spread.clamp(min=1e-8)
    theta = normal.mean(dim=0) / normal.std(dim=0).clamp(min=1e-8)
    return torch.where(spread > 1e-8, theta, torch.zeros_like(theta))


def rank(values: dict[str, Tensor]) -> list[tuple[str, int, float]]:
    """(layer, channel, value) by falling size of the value."""
    flat = [(layer, i, v) for layer, row in values.items() for i, v in enumerate(row.tolist())]
    return sorted(flat, key=lambda entry: -abs(entry[2]))


def is_rgb(layer: str) -> bool:
    """Whether a layer's styles colour the picture rather than shape it."""
    return layer.endswith("torgb")


def in_styles(
    chosen: Sequence[tuple[str, int, float]],
    spread: dict[str, Tensor],
    *,
    prior: Prior,
    name: str,
    samples: Samples,
    made: dict,
    strength: float = 10.0,
) -> Direction:
    """A direction that moves the channels (layer, channel, amount) by `amount` standard deviations each."""
    values: dict[str, Tensor] = {}
    for layer, channel, amount in chosen:
        if layer not in spread or not 0 <= channel < len(spread[layer]):
            raise InputError(f"{name}: this generator has no channel {channel} in {layer}; use its own channels")
        value = values.setdefault(layer, torch.zeros_like(spread[layer]))
        value[channel] = amount * spread[layer][channel]
    return Direction.found_on(
        prior,
        name=name,
        space="s",
        values=values,
        unit=f"one standard deviation of each channel, psi {samples.psi:g}, {unit_of(samples)}",
        strength=strength,
        made=made | {"channels": [[layer, channel, amount] for layer, channel, amount in chosen]},
    )
