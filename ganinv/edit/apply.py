"""Directions applied to latents: in Z before the mapping, in W and W+ before the styles, in S to the styles."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..generator.family import Generator, at_once
from ..generator.synthesis import NoiseMode
from ..inverter.latent import Latent
from .direction import Direction, expect_layers, expect_strength

ORDER = ("z", "w", "w+")


@dataclass(frozen=True, eq=False)
class Step:
    """One direction with its strength; several make an edit."""

    direction: Direction
    strength: float | Sequence[float]  # one for all, or one for each picture that is made of the latent
    layers: tuple[int, int] | None = None  # of w; None: those that the direction names
    absolute: bool = False  # the coordinate is set to `strength`, not moved by it

    def __post_init__(self) -> None:
        name, space = self.direction.name, self.direction.space
        for strength in self.strengths():
            expect_strength(strength, name)
        if self.layers is not None and space not in ("w", "w+"):
            raise InputError(f"{name}: layers are of w, and this direction lies in {space}; leave layers out")
        if self.absolute and self.direction.origin is None:
            raise InputError(f"{name}: has no origin, so its strength can only be added; leave absolute out")

    def strengths(self) -> list[float]:
        """As a list: one, or one for each picture."""
        given = self.strength
        return [float(given)] if isinstance(given, int | float) else [float(value) for value in given]


@torch.no_grad()
def edited(generator: Generator, latent: Latent, steps: Sequence[Step]) -> dict[str, Tensor]:
    """Styles by layer of the edited latents, [N, C] each; all strengths 0: the styles of `latent` itself.

    N: the number of latents, or of strengths where there is one latent. Raises InputError.
    """
    ws = moved(generator, latent, steps)
    styles = generator.synthesis.styles(ws)
    for step in (step for step in steps if step.direction.space == "s"):
        amount = _amount(step, ws)
        for layer, value in step.direction.values.items():
            styles[layer] = styles[layer] + amount * value.to(ws)
    return styles


@torch.no_grad()
def moved(generator: Generator, latent: Latent, steps: Sequence[Step]) -> Tensor:
    """As `edited`, the w of each layer, [N, num_ws, w_dim]: all but what the steps in S add to the styles."""
    count = _count(len(latent.ws), steps)
    by_space = {space: [step for step in steps if step.direction.space == space] for space in ORDER}
    ws = latent.ws.expand(count, -1, -1)
    ws = ws + _through_mapping(generator, latent, by_space["z"]) if by_space["z"] else ws
    for step in (*by_space["w"], *by_space["w+"]):
        ws = ws + _shift(generator, ws, step)
    return ws


def _count(latents: int, steps: Sequence[Step]) -> int:
    """How many pictures come of as many latents and the steps' strengths. InputError: these do not fit."""
    several = {step.direction.name: len(step.strengths()) for step in steps if len(step.strengths()) != 1}
    counts = {*several.values()}
    if len(counts) > 1:
        said = " and ".join(f"{count} of {name}" for name, count in several.items())
        raise InputError(f"edit: strengths, {said}, do not go together; give one, or as many, of each")
    if 0 in counts or (counts and latents not in (1, *counts)):
        raise InputError(f"edit: {latents} latents and {max(counts)} strengths do not go together; give one of either")
    return max(latents, *counts, 1)


# mapping(z + α d) − mapping(z): nothing at α = 0, whatever was done to w since
def _through_mapping(generator: Generator, latent: Latent, steps: Sequence[Step]) -> Tensor:
    if latent.z is None:
        name = steps[0].direction.name
        raise InputError(f"{name}: lies in z, but this latent was found in {latent.space}; invert with inverter=z")
    if generator.c_dim:
        raise InputError(f"{steps[0].direction.name}: lies in z, and this generator takes labels; use one in w")
    z = latent.z
    for step in steps:
        value = step.direction.values["z"].to(z)
        amount = _amount(step, z)
        z = z + (amount - _coordinate(z, value, step) if step.absolute else amount) * value
    return generator.mapping(z) - generator.mapping(latent.z)


def _shift(generator: Generator, ws: Tensor, step: Step) -> Tensor:
    """What `step` adds to `ws` [N, num_ws, w_dim]: nothing outside its layers."""
    start, end = step.layers or step.direction.layers or (0, generator.num_ws)
    expect_layers((start, end), generator, step.direction.name)
    value = step.direction.values[step.direction.space].to(ws).expand(generator.num_ws, -1)
    amount = _amount(step, ws)
    if step.absolute:
        amount = amount - _coordinate(ws[:, 0], value[0], step)
    moved = torch.zeros_like(ws)
    moved[:, start:end] = amount[:, :, None] * value[start:end]
    return moved


# (x · d) / |d|² − origin, in units of d; of W+ the first layer counts, as in GANSpace's editors for inverted photos
def _coordinate(x: Tensor, value: Tensor, step: Step) -> Tensor:
    assert step.direction.origin is not None
    return ((x @ value) / value.square().sum() - step.direction.origin)[:, None]  # [N, 1]


def _amount(step: Step, like: Tensor) -> Tensor:
    return torch.tensor(step.strengths(), dtype=like.dtype, device=like.device)[:, None]  # [N or 1, 1]


class FromStyles(nn.Module):
    """The synthesis as a module of its styles, so that noise maps can be put in its buffers' place for one call."""

    def __init__(self, synthesis: nn.Module) -> None:
        super().__init__()
        self.synthesis = synthesis

    def forward(self, styles: dict[str, Tensor], noise_mode: NoiseMode) -> Tensor:
        return self.synthesis.render(styles, noise_mode=noise_mode)  # pyright: ignore[reportCallIssue]


@torch.no_grad()
def render(
    generator: Generator,
    styles: dict[str, Tensor],
    *,
    noise: dict[str, Tensor] | None = None,
    noise_mode: NoiseMode = "const",
) -> Tensor:
    """`styles` by layer [N, C] -> [N, 3, R, R], nominally in [-1, 1], float32, as many at once as memory likes.

    `noise`: maps by buffer of the synthesis, in the place of the generator's own.
    """
    maps = {f"synthesis.{name}": value for name, value in (noise or {}).items()}
    module, count, batch = FromStyles(generator.synthesis), len(next(iter(styles.values()))), at_once(generator)
    parts = ({name: style[i : i + batch] for name, style in styles.items()} for i in range(0, count, batch))
    return torch.cat([torch.func.functional_call(module, maps, (part, noise_mode)) for part in parts])
