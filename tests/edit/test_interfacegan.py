"""The boundary against scikit-learn's and against cases that have an answer in closed form."""

import numpy as np
import pytest
import torch
from sklearn.svm import SVC
from torch.testing import assert_close

from ganinv.edit.interfacegan import InterFaceGAN, project_out, separate
from ganinv.edit.samples import draw
from ganinv.edit.scores import Scores
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior


def test_two_clouds_have_the_plane_half_way_between() -> None:
    # Points at x = 3 and x = -1, spread in y alone: the largest margin is the plane x = 1.
    y = torch.linspace(-2, 2, 20)
    points = torch.cat([torch.stack([torch.full([20], side), y], dim=1) for side in (3.0, -1.0)])
    scores = torch.cat([torch.linspace(5, 6, 20), torch.linspace(0, 1, 20)])
    found = separate(points, scores, share=0.5, seed=0, name="x")
    assert_close(found.normal, torch.tensor([1.0, 0.0]), atol=1e-3, rtol=0)
    assert found.offset == pytest.approx(-1, abs=1e-3)
    assert found.accuracy == 1 and found.accuracy_rest is None


def test_the_normal_is_that_of_scikit_learns_svm_on_the_extremes() -> None:
    points = torch.randn(400, 6)
    scores = points @ torch.tensor([1.0, -2, 0, 0, 0.5, 0]) + 0.5 * torch.randn(400)
    found = separate(points, scores, share=0.1, seed=3, name="x")
    order = scores.argsort(descending=True)
    extremes, labels = torch.cat([order[:40], order[-40:]]), np.repeat([1, 0], 40)
    chosen = torch.randperm(80, generator=torch.Generator().manual_seed(3))[:56].numpy()
    svm = SVC(kernel="linear").fit(points[extremes].double().numpy()[chosen], labels[chosen])
    expected = svm.coef_[0] / np.linalg.norm(svm.coef_)
    assert_close(found.normal.double(), torch.from_numpy(expected), atol=1e-6, rtol=0)
    assert found.accuracy > 0.9 and found.accuracy_rest is not None and found.accuracy_rest > 0.7


def test_conditional_projection_is_orthogonal_to_each_and_of_unit_length() -> None:
    normal, a, b = torch.randn(3, 6)
    found = project_out(normal, [a, 5 * b], name="x")
    assert found.norm().item() == pytest.approx(1)
    assert_close(torch.stack([a, b]) @ found, torch.zeros(2), atol=1e-5, rtol=0)
    # one other direction: n − (n·a) a / |a|²
    expected = normal - (normal @ a) * a / a.square().sum()
    assert_close(project_out(normal, [a], name="x"), expected / expected.norm(), atol=1e-5, rtol=0)


def test_nothing_left_is_refused() -> None:
    a, b = torch.randn(2, 6)
    with pytest.raises(InputError, match="^smile: lies wholly in the directions of finder.given"):
        project_out(a + b, [a, b], name="smile")


class Along:
    """Scores that rise along the first axis of w."""

    def __call__(self, *, prior, samples) -> Scores:
        return Scores(samples.w[:, 0], {"from": "test"})


def test_the_direction_of_a_generator(prior: Prior) -> None:
    (found,) = InterFaceGAN(samples=2000, share=0.05, psi=1)(prior=prior, name="up", scorer=Along())
    value, w = found.values["w"], draw(prior.generator, count=2000, seed=0, psi=1).w
    assert value[0] / value.norm() > 0.9
    # strength 1 is one standard deviation of the samples along it
    assert value.norm().item() == pytest.approx(float((w @ (value / value.norm())).std()), rel=1e-4)
    assert found.fingerprint == prior.fingerprint and found.licence == "public domain"
    assert found.made["accuracy"] > 0.9 and found.made["scores"] == {"from": "test"}
    # the origin is the boundary: of two points on either side of it the coordinates differ in sign
    assert found.origin is not None
    coordinate = w @ value / value.square().sum() - found.origin
    order = w[:, 0].argsort()
    assert (coordinate[order[:50]] < 0).all() and (coordinate[order[-50:]] > 0).all()


def test_given_directions_are_projected_out(prior: Prior, tmp_path) -> None:
    (first,) = InterFaceGAN(samples=400, share=0.1, psi=1)(prior=prior, name="up", scorer=Along())
    path = tmp_path / "up.safetensors"
    first.save(path)

    class Mixed:
        def __call__(self, *, prior, samples) -> Scores:
            return Scores(samples.w[:, 0] + samples.w[:, 1], {})

    (found,) = InterFaceGAN(samples=400, share=0.1, psi=1, given=[str(path)])(prior=prior, name="x", scorer=Mixed())
    cosine = torch.cosine_similarity(found.values["w"], first.values["w"], dim=0)
    assert abs(float(cosine)) < 1e-4


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (torch.ones(400), "smile: all 400 have the same score or label, 1, so nothing tells them apart"),
        (torch.full([400], torch.nan), "smile: its scores hold NaN"),
    ],
)
def test_scores_that_tell_nothing(scores, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        separate(torch.randn(400, 3), scores, share=0.1, seed=0, name="smile")


def test_too_few_samples_and_no_scores(prior: Prior) -> None:
    with pytest.raises(InputError, match="^smile: 0.02 of 100 samples are 2 on each side, and 10 are needed"):
        separate(torch.randn(100, 3), torch.randn(100), share=0.02, seed=0, name="smile")
    with pytest.raises(InputError, match="^scores: must be set for finder=interfacegan"):
        InterFaceGAN()(prior=prior, name="x", scorer=None)
