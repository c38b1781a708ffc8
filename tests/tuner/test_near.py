"""The photo, edited, as a target of the locality term: `near.sample_moved`."""

import math

import torch

from ganinv.tuner.manifold import sample_manifold
from ganinv.tuner.near import sample_moved

from .test_tuner import latent, objective, photo, tune  # noqa: F401

LOSS = {"adversarial_local": 0, "adversarial_global": 0, "locality": 1}


def moved(prior, photo, latent, *, lengths: tuple[float, float], noise=None):  # noqa: F811
    manifold = sample_manifold(prior.generator, count=400, seed=0)
    how = {"photo": photo[None], "ws": latent.ws, "noise": noise or {}, "count": 300, "lengths": lengths}
    return sample_moved(manifold, prior.generator, **how, random=torch.Generator().manual_seed(1)), manifold


def test_without_a_move_the_target_is_the_photo(prior, photo, latent) -> None:  # noqa: F811
    near, _ = moved(prior, photo, latent, lengths=(1e-9, 1e-9))
    assert torch.allclose(near.images, photo.expand_as(near.images), atol=1e-5)
    assert torch.allclose(near.ws, latent.ws.expand_as(near.ws), atol=1e-6)


def test_targets_are_the_edited_start_and_what_the_photo_differs_by(prior, photo, latent) -> None:  # noqa: F811
    near, _ = moved(prior, photo, latent, lengths=(0.1, 0.7))
    start = prior.generator.synthesis(latent.ws)
    assert torch.allclose(
        near.images - prior.generator.synthesis(near.ws), (photo - start).expand(300, -1, -1, -1), atol=1e-4
    )


def test_moves_are_as_long_as_the_deviation_of_w_times_t(prior, photo, latent) -> None:  # noqa: F811
    near, manifold = moved(prior, photo, latent, lengths=(0.5, 0.5))
    away = (near.ws - latent.ws)[:, 0]
    found, of_w = away.square().sum(dim=1).mean().sqrt(), (manifold.ws[:, 0] - manifold.ws[:, 0].mean(dim=0))
    assert math.isclose(float(found), 0.5 * float(of_w.square().sum(dim=1).mean().sqrt()), rel_tol=0.1)


def test_the_photos_own_noise_is_that_of_its_start(prior, photo, latent) -> None:  # noqa: F811
    constant = {
        name: value for name, value in prior.generator.synthesis.named_buffers() if name.endswith("noise_const")
    }
    own = {name: torch.randn_like(value)[None] for name, value in constant.items()}
    near, _ = moved(prior, photo, latent, lengths=(1e-9, 1e-9), noise=own)
    assert torch.allclose(near.images, photo.expand_as(near.images), atol=1e-5)


def test_a_tuning_so_keeps_more_of_the_photo_where_an_edit_takes_it(prior, photo, latent) -> None:  # noqa: F811
    plain, held = (
        tune(prior, photo, latent, loss=objective(**LOSS), near_share=1, near_moves=moves, steps=150)
        for moves in (None, [0.1, 0.7])
    )
    near, _ = moved(prior, photo, latent, lengths=(0.1, 0.7))
    errors = [(found.generator.synthesis(near.ws) - near.images).square().mean() for found in (plain, held)]
    assert errors[1] < 0.8 * errors[0]
