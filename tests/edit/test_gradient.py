"""Directions learned by a score's gradient."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ganinv.edit.direction import Direction
from ganinv.edit.features import AlexNetGrid, SqueezeNetGrid
from ganinv.edit.gradient import Gradient, jitter, whitening, without
from ganinv.edit.samples import draw, pictures
from ganinv.edit.scores import Own, Table
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior


class Redness:
    """How much redder than green a picture is."""

    def __call__(self, pixels: Tensor) -> Tensor:
        return self.graded(pixels.float())

    def graded(self, pixels: Tensor) -> Tensor:
        red, green, _ = pixels.mean(dim=[2, 3]).unbind(dim=1)
        return red - green


def learned(prior: Prior, **settings) -> Direction:
    settings = {"samples": 200, "steps": 30, "picture": 1.0, "realism": 0.0} | settings
    (found,) = Gradient(**settings)(prior=prior, name="red", scorer=Own(score=Redness()))
    return found


def moved(prior: Prior, direction: Direction, strength: float) -> Tensor:
    """The mean change of redness on samples that did not find it."""
    w = draw(prior.generator, count=40, seed=9, psi=0.7).truncated(prior.generator.mapping.w_avg)
    before, after = (torch.cat(list(pictures(prior.generator, w + k * direction.values["w"]))) for k in (0, strength))
    return (Redness()(after) - Redness()(before)).mean()


def test_the_score_rises_along_it_and_falls_against_it(prior: Prior) -> None:
    found = learned(prior)
    spread = Redness()(torch.cat(list(pictures(prior.generator, draw(prior.generator, count=96, seed=0, psi=0.7).w))))
    assert moved(prior, found, found.strength) > 0.5 * spread.std() > 0 > moved(prior, found, -found.strength)
    assert found.space == "w" and found.made["gained"] > 0.5 and found.made["scores"]["from"] == "own"


def test_strength_1_is_a_standard_deviation_of_w(prior: Prior) -> None:
    found = learned(prior)
    w = draw(prior.generator, count=200, seed=0, psi=0.7).w.double()
    coordinate = torch.linalg.solve(torch.cov(w.t()), found.values["w"].double())
    assert float(found.values["w"].double() @ coordinate) == pytest.approx(1, rel=1e-3)
    assert found.strength == pytest.approx(found.made["length"], abs=0.06)


def test_the_first_step_is_adams(prior: Prior) -> None:
    assert learned(prior, steps=1, lr=0.25).made["length"] == pytest.approx(0.25 * 8**0.5, rel=1e-4)


def test_same_seed_same_direction(prior: Prior) -> None:
    one, again, other = learned(prior), learned(prior), learned(prior, seed=1)
    assert torch.equal(one.values["w"], again.values["w"]) and not torch.equal(one.values["w"], other.values["w"])


def test_a_heavier_picture_moves_less(prior: Prior) -> None:
    assert learned(prior, picture=1000.0).made["length"] < 0.8 * learned(prior, picture=1.0).made["length"]


def test_not_correlated_with_what_is_given(prior: Prior, tmp_path) -> None:
    first = learned(prior)
    first.save(tmp_path / "first.safetensors")
    second = learned(prior, given=[str(tmp_path / "first.safetensors")])
    inverse = torch.linalg.inv(torch.cov(draw(prior.generator, count=200, seed=0, psi=0.7).w.double().t()))
    a, b = first.values["w"].double(), second.values["w"].double()
    assert abs(float(a @ inverse @ b)) < 1e-3 and float(b @ inverse @ b) == pytest.approx(1, rel=1e-3)


def test_whitening_by_hand() -> None:
    w = torch.tensor([[2.0, 0], [-2, 0], [0, 1], [0, -1]])
    white = whitening(w)
    assert_close(white @ white.t(), torch.diag(torch.tensor([8 / 3, 2 / 3])))
    left = without(white, [torch.tensor([1.0, 0])], name="x")
    assert_close(left @ left.t(), torch.diag(torch.tensor([0, 2 / 3])), atol=1e-6, rtol=0)
    with pytest.raises(InputError, match="^x: finder.given leaves no direction"):
        without(white, [torch.tensor([1.0, 0]), torch.tensor([0, 1.0])], name="x")


def test_both_pictures_are_jittered_alike() -> None:
    change = jitter(16, torch.Generator().manual_seed(0))
    picture = torch.rand(2, 3, 16, 16) * 255
    assert_close(change(picture)[1], change(picture[1:])[0])
    assert not torch.equal(change(picture), picture) and change(picture).shape == picture.shape


@pytest.mark.parametrize("network", [AlexNetGrid, SqueezeNetGrid])
def test_features_with_a_gradient_are_those_without(network) -> None:
    try:
        features = network()
    except InputError as missing:
        pytest.skip(str(missing))
    pixels = torch.randint(256, [2, 3, 64, 64], dtype=torch.uint8)
    floats = pixels.float().requires_grad_()
    assert_close(features.graded(floats), features(pixels))
    features.graded(floats).sum().backward()
    assert floats.grad is not None and bool(floats.grad.any())


def test_scores_without_a_gradient_are_refused(prior: Prior, tmp_path) -> None:
    with pytest.raises(InputError, match="^scores: must be set for finder=gradient"):
        Gradient()(prior=prior, name="x", scorer=None)
    with pytest.raises(InputError, match="^scores: this classifier has no method `graded`"):
        Gradient()(prior=prior, name="x", scorer=Own(score=lambda pixels: pixels.float().mean(dim=[1, 2, 3])))
    with pytest.raises(InputError, match="^scores: Table knows the scores of samples by number"):
        Gradient()(prior=prior, name="x", scorer=Table(path=str(tmp_path / "t.csv"), column="x"))


def test_a_score_that_never_varies_is_refused(prior: Prior) -> None:
    class Flat(Redness):
        def graded(self, pixels: Tensor) -> Tensor:
            return pixels.mean(dim=[1, 2, 3]) * 0

    with pytest.raises(InputError, match="^x: all 96 have the same score"):
        Gradient(samples=200, realism=0)(prior=prior, name="x", scorer=Own(score=Flat()))


def test_realism_needs_a_discriminator(prior: Prior) -> None:
    with pytest.raises(InputError, match="^finder.realism: tiny0 has no discriminator; set finder.realism=0"):
        Gradient(samples=200)(prior=prior, name="x", scorer=Own(score=Redness()))


def test_realism_counts(prior: Prior) -> None:
    class Darkness(torch.nn.Module):
        """Calls dark pictures real."""

        group_size = 4

        def forward(self, pictures: Tensor) -> Tensor:
            return -20 * pictures.mean(dim=[1, 2, 3])

    judged = replace(prior, discriminator=Darkness())  # pyright: ignore[reportArgumentType]
    assert not torch.equal(learned(judged, realism=1.0).values["w"], learned(prior).values["w"])
    with pytest.raises(InputError, match="^finder.batch: must be a multiple of 4"):
        learned(judged, realism=1.0, batch=6)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda scores: scores.detach(), r"each of 8 pictures, got the shape \[8\] without one"),
        (lambda scores: scores[:, None], r"each of 8 pictures, got the shape \[8, 1\]"),
    ],
)
def test_a_classifier_whose_gradient_is_none_or_of_another_shape(prior: Prior, spoilt, said: str) -> None:
    class Spoilt(Redness):
        def graded(self, pixels: Tensor) -> Tensor:
            return spoilt(super().graded(pixels))

    with pytest.raises(InputError, match=f"^scores: `graded` must give a score with a gradient for {said}"):
        Gradient(samples=200, realism=0)(prior=prior, name="x", scorer=Own(score=Spoilt()))


def test_what_is_given_twice_counts_once() -> None:
    white, first = torch.diag(torch.tensor([2.0, 3.0, 4.0])), torch.tensor([1.0, 0, 0])
    left = without(white, [first, 2 * first], name="x")
    assert_close(left, torch.diag(torch.tensor([0, 3.0, 4.0])))
