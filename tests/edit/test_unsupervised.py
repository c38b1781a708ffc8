"""GANSpace and SeFa against plain linear algebra."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from ganinv.edit.ganspace import GANSpace, principal
from ganinv.edit.samples import draw
from ganinv.edit.sefa import SeFa, affines, factorise
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior

from .conftest import make_prior


def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.cosine_similarity(a, b, dim=1).abs()


def test_components_are_those_of_the_covariance(prior: Prior) -> None:
    found = principal(prior.generator, samples=3000, components=3, seed=1)
    w = draw(prior.generator, count=3000, seed=1, psi=1).w.double()
    values, vectors = torch.linalg.eigh(w.t().cov())
    assert (cosines(found.vectors.double(), vectors.t().flip(0)[:3]) > 0.999).all()
    assert_close(found.spread.double().square(), values.flip(0)[:3], rtol=0.1, atol=0)
    assert_close(found.mean.double(), w.mean(dim=0), atol=1e-5, rtol=0)
    assert_close(found.vectors @ found.vectors.t(), torch.eye(3), atol=1e-5, rtol=0)


def test_a_component_is_a_direction_in_units_of_its_deviation(prior: Prior) -> None:
    found = GANSpace(samples=2000, components=4, keep=2, layers=(1, 3))(prior=prior, name="pca")
    assert [direction.name for direction in found] == ["pca_00", "pca_01"]
    assert found[0].layers == (1, 3) and found[0].made["component"] == 0
    parts = principal(prior.generator, samples=2000, components=4, seed=1)
    assert_close(found[1].values["w"], parts.vectors[1] * parts.spread[1])
    # at the mean of w the coordinate is 0
    value = found[1].values["w"]
    assert found[1].origin == pytest.approx(float(parts.mean @ value / value.square().sum()), abs=1e-4)


def test_more_components_than_there_can_be(prior: Prior) -> None:
    with pytest.raises(InputError, match="^finder.components: 9 are asked for, and w has 8 at most"):
        principal(prior.generator, samples=100, components=9, seed=0)


def test_no_more_components_are_kept_than_are_fitted() -> None:
    with pytest.raises(ValueError, match="^keep: 10 of 4 components"):
        GANSpace(components=4)


def test_more_eigenvectors_than_there_are(prior: Prior) -> None:
    with pytest.raises(InputError, match="^finder.keep: 9 are asked for, and w has 8 at most"):
        SeFa(keep=9)(prior=prior, name="x")
    assert len(SeFa(keep=8)(prior=prior, name="x")) == 8


def test_sefa_is_the_singular_vectors_of_the_normalised_affines(prior: Prior) -> None:
    values, vectors = factorise(prior.generator, layers=(1, 4))
    matrix = np.concatenate([weight.numpy().T for weight in affines(prior.generator)[1:4]], axis=1)
    matrix = matrix / np.linalg.norm(matrix, axis=0, keepdims=True)
    u, s, _ = np.linalg.svd(matrix.astype(np.float64))
    assert (values[:-1] >= values[1:]).all()
    assert_close(values.double(), torch.from_numpy(s**2), rtol=1e-5, atol=1e-5)
    assert (cosines(vectors.double(), torch.from_numpy(u.T.copy())) > 1 - 1e-6).all()


def test_sefa_takes_a_convolution_a_layer_and_torgb_at_the_last(prior: Prior) -> None:
    state = prior.generator.synthesis.state_dict()
    names = ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1", "b16.torgb"]
    for weight, name in zip(affines(prior.generator), names, strict=True):
        assert torch.equal(weight, state[f"{name}.affine.weight"]), name


def test_sefa_directions(prior: Prior) -> None:
    found = SeFa(layers=(0, 2), keep=3)(prior=prior, name="sefa")
    assert [direction.layers for direction in found] == [(0, 2)] * 3
    _, vectors = factorise(prior.generator, layers=(0, 2))
    value = found[2].values["w"]
    assert_close(value / value.norm(), vectors[2], atol=1e-5, rtol=0)
    w = draw(prior.generator, count=5000, seed=0, psi=1).w
    assert value.norm().item() == pytest.approx(float((w @ vectors[2]).std()), rel=1e-5)
    with pytest.raises(InputError, match="^sefa: layers 0 to before 9 are not in this generator"):
        SeFa(layers=(0, 9))(prior=prior, name="sefa")


def test_stylegan3_has_an_affine_for_each_layer() -> None:
    prior = make_prior(family="stylegan3", num_layers=4, channel_base=128, num_critical=1)
    assert len(affines(prior.generator)) == prior.generator.num_ws
    assert SeFa(keep=1)(prior=prior, name="sefa")[0].values["w"].shape == (8,)


def test_samples_do_not_depend_on_how_many_are_drawn(prior: Prior) -> None:
    few, many = (draw(prior.generator, count=count, seed=4, psi=0.7) for count in (3, 2500))
    assert torch.equal(few.z, many.z[:3])
    assert_close(few.w, many.w[:3])
    w_avg = prior.generator.mapping.w_avg
    assert_close(few.truncated(w_avg), w_avg + 0.7 * (few.w - w_avg))
