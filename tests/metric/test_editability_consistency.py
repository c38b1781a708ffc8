"""Latent edit consistency by encoders that see all of an edit, a part of it, or nothing."""

import pytest
import torch
from torch import Tensor

from ganinv.edit.apply import Step
from ganinv.edit.direction import Direction
from ganinv.generator.checkpoint import Prior
from ganinv.inverter.latent import Latent
from ganinv.metric.editability_effect import Ruler, Subject


class Encoder:
    """Gives one code for whatever it sees first, and `seen` of the edit's way from there for what it sees second."""

    def __init__(self, first: Tensor, *, way: Tensor, seen: float) -> None:
        self.codes, self.images = [first, first + seen * way], []

    def fits(self, prior: Prior) -> None:
        """Every prior."""

    def __call__(self, *, prior: Prior, images: Tensor, seed: int, names: list[str] | None = None) -> Latent:
        self.images.append(images)
        return Latent(self.codes[len(self.images) - 1], "w+")


@pytest.mark.parametrize(("seen", "lec"), [(1.0, 0.0), (0.75, 0.25), (0.0, 1.0)])
def test_latent_edit_consistency_is_what_does_not_come_back(prior: Prior, seen: float, lec: float) -> None:
    generator = prior.generator
    direction = torch.nn.functional.normalize(torch.ones(generator.w_dim), dim=0)
    step = Step(Direction.found_on(prior, name="x", space="w", values={"w": direction}, unit="1"), 3.0)
    shape = 2, generator.num_ws, generator.w_dim
    photos, first = (torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    encoder = Encoder(first, way=3.0 * direction.expand(shape), seen=seen)
    subject = Subject(generator, Latent(photos, "w+"))
    before, after = subject.picture([]), subject.picture([step])
    found = Ruler({}, prior, encoder=encoder).effect(subject, [step], region=None, before=before, after=after)
    torch.testing.assert_close(found["lec"], torch.full([2], lec, dtype=torch.float64), atol=1e-5, rtol=0)
    edited = Subject(generator, Latent(first, "w+")).picture([step])
    assert (encoder.images[1] - edited.clamp(-1, 1)).abs().max() <= 1 / 255, "the code is edited, not the photo's own w"


@pytest.mark.parametrize("space", ["z", "s"])
def test_an_edit_that_an_encoders_code_cannot_take_has_none(prior: Prior, space: str) -> None:
    z = torch.ones(1, prior.generator.z_dim)
    latent = Latent(prior.generator.mapping(z), "z", z=z)
    layer, style = next(iter(prior.generator.synthesis.styles(latent.ws).items()))
    values = {"z": {"z": z[0]}, "s": {layer: style[0]}}[space]
    step = Step(Direction.found_on(prior, name="x", space=space, values=values, unit="1"), 1.0)
    subject = Subject(prior.generator, latent)
    before, after = subject.picture([]), subject.picture([step])
    encoder = Encoder(latent.ws, way=latent.ws, seen=0)
    ruler = Ruler({}, prior, encoder=encoder)
    assert "lec" not in ruler.effect(subject, [step], region=None, before=before, after=after)
    assert encoder.images == []


def test_an_edit_without_length_has_none(prior: Prior) -> None:
    generator = prior.generator
    values = {"w": torch.ones(generator.w_dim)}
    step = Step(Direction.found_on(prior, name="x", space="w", values=values, unit="1"), 0.0)
    first = torch.randn(2, generator.num_ws, generator.w_dim)
    subject = Subject(generator, Latent(first, "w+"))
    before = subject.picture([])
    ruler = Ruler({}, prior, encoder=Encoder(first, way=first, seen=0))
    assert "lec" not in ruler.effect(subject, [step], region=None, before=before, after=before)
