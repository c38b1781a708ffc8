"""Samples at one distance from the photo's latent, as in pivotal tuning."""

import math

import torch

from ganinv.tuner.manifold import sample_manifold
from ganinv.tuner.near import on_sphere, sample_near

from .tuning import objective, tune


def test_thirty_over_eighteen_layers_is_that_of_pivotal_tuning() -> None:
    ws, w_z = torch.randn(1, 18, 8), torch.randn(3, 18, 8)
    found = on_sphere(ws, w_z, radius=30 / math.sqrt(18))
    theirs = ws + 30 * (w_z - ws) / torch.stack([torch.linalg.vector_norm(each - ws) for each in w_z])[:, None, None]
    assert torch.allclose(found, theirs, atol=1e-5)


def test_samples_lie_on_the_sphere_towards_truncated_latents(prior, latent) -> None:
    manifold = sample_manifold(prior.generator, count=8, seed=0)
    how = {"ws": latent.ws, "count": 5, "least": 0.25}
    near = sample_near(manifold, prior.generator, **how, radius=0.5, psi=0.5, random=torch.Generator().manual_seed(1))
    layers = latent.ws.shape[1]
    distance = (near.ws - latent.ws).square().sum(dim=[1, 2]).sqrt() / math.sqrt(layers)
    assert torch.allclose(distance, torch.full([5], 0.5), atol=1e-5)
    chosen = manifold.draw(5, generator=torch.Generator().manual_seed(1))
    w_avg = prior.generator.mapping.w_avg
    way = w_avg + 0.5 * (manifold.ws[chosen] - w_avg) - latent.ws
    assert torch.allclose(torch.cosine_similarity((near.ws - latent.ws).flatten(1), way.flatten(1)), torch.ones(5))
    assert torch.allclose(near.images, prior.generator.synthesis(near.ws))


def test_without_a_radius_nothing_changes(prior, latent) -> None:
    manifold = sample_manifold(prior.generator, count=8, seed=0)
    random = torch.Generator().manual_seed(1)
    near = sample_near(manifold, prior.generator, ws=latent.ws, count=5, least=0.25, random=random)
    random = torch.Generator().manual_seed(1)
    chosen = manifold.draw(5, generator=random)
    alpha = 0.25 + 0.75 * torch.rand(5, generator=random)
    assert torch.equal(near.ws, latent.ws.lerp(manifold.ws[chosen], alpha[:, None, None]))


def test_a_tuning_with_a_sphere_is_another(prior, photo, latent) -> None:
    loss = {"adversarial_local": 0, "adversarial_global": 0, "locality": 1}
    plain = tune(prior, photo, latent, loss=objective(**loss), near_share=1)
    sphere = tune(prior, photo, latent, loss=objective(**loss), near_share=1, near_radius=7.0710678, near_psi=0.5)
    assert plain.moved.keys() == sphere.moved.keys()
    assert any(not torch.equal(value, sphere.moved[name]) for name, value in plain.moved.items())
