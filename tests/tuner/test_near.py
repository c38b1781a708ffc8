"""The photo, edited, as a target of the locality term: `near.sample_moved`."""

import math
from dataclasses import replace

import pytest
import torch

from ganinv.errors import InputError
from ganinv.tuner import module, near
from ganinv.tuner.manifold import sample_manifold
from ganinv.tuner.near import sample_moved
from ganinv.tuner.noise import PHOTO

from .test_optimizers import tuner
from .tuning import objective, tune

LOSS = {"adversarial_local": 0, "adversarial_global": 0, "locality": 1}


def moved(prior, photo, latent, *, lengths: tuple[float, float], noise=None):
    manifold = sample_manifold(prior.generator, count=400, seed=0)
    how = {"photo": photo[None], "ws": latent.ws, "noise": noise or {}, "count": 300, "lengths": lengths}
    return sample_moved(manifold, prior.generator, **how, random=torch.Generator().manual_seed(1)), manifold


def test_without_a_move_the_target_is_the_photo(prior, photo, latent) -> None:
    found, _ = moved(prior, photo, latent, lengths=(1e-9, 1e-9))
    assert torch.allclose(found.images, photo.expand_as(found.images), atol=1e-5)
    assert torch.allclose(found.ws, latent.ws.expand_as(found.ws), atol=1e-6)


def test_targets_are_the_edited_start_and_what_the_photo_differs_by(prior, photo, latent) -> None:
    found, _ = moved(prior, photo, latent, lengths=(0.1, 0.7))
    start = prior.generator.synthesis(latent.ws)
    assert torch.allclose(
        found.images - prior.generator.synthesis(found.ws), (photo - start).expand(300, -1, -1, -1), atol=1e-4
    )


def test_moves_are_as_long_as_the_deviation_of_w_times_t(prior, photo, latent) -> None:
    found, manifold = moved(prior, photo, latent, lengths=(0.5, 0.5))
    away = (found.ws - latent.ws)[:, 0]
    found, of_w = away.square().sum(dim=1).mean().sqrt(), (manifold.ws[:, 0] - manifold.ws[:, 0].mean(dim=0))
    assert math.isclose(float(found), 0.5 * float(of_w.square().sum(dim=1).mean().sqrt()), rel_tol=0.1)


def test_start_and_targets_have_the_photos_own_noise(prior, photo, latent) -> None:
    synthesis = prior.generator.synthesis
    for name, strength in synthesis.named_parameters():
        if name.endswith("noise_strength"):
            strength.fill_(0.5)
    own = {n: torch.randn_like(map)[None] for n, map in synthesis.named_buffers() if n.endswith("noise_const")}
    found, _ = moved(prior, photo, latent, lengths=(0.1, 0.7), noise=own)
    maps = {name: value[0] for name, value in own.items()}
    start, there = (torch.func.functional_call(synthesis, maps, (ws,)) for ws in (latent.ws, found.ws))
    assert torch.allclose(found.images, there + photo - start, atol=1e-4) and set(found.seeds.tolist()) == {PHOTO}
    assert not torch.allclose(there, synthesis(found.ws), atol=1e-2)


@pytest.mark.parametrize("noise_maps", [False, True])
def test_tuned_noise_maps_start_as_the_inverters(prior, photo, latent, noise_maps, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(module, "around", lambda *args, **how: seen.append(how["noise"]) or near.around(*args, **how))
    maps = {n: torch.randn_like(m)[None] for n, m in prior.generator.synthesis.named_buffers() if "noise_const" in n}
    own = replace(latent, noise={name: value.clone() for name, value in maps.items()})
    held = {"near_share": 1, "near_moves": [0.1, 0.7], "steps": 2, "noise_maps": noise_maps}
    tune(prior, photo, own, loss=objective(**LOSS), **held)
    assert seen[0].keys() == maps.keys() and all(torch.equal(seen[0][name], maps[name]) for name in maps)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"near_share": 0}, "near_share=0 takes no such samples"),
        ({"near_share": 1, "near_radius": 7.0}, "near_radius has another place"),
        ({"near_share": 1, "near_moves": [0.7, 0.1]}, "the least length comes first"),
    ],
)
def test_what_would_have_no_effect_is_refused(given, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tuner(**({"near_moves": [0.1, 0.7]} | given))


def test_a_tuning_so_keeps_more_of_the_photo_where_an_edit_takes_it(prior, photo, latent) -> None:
    plain, held = (
        tune(prior, photo, latent, loss=objective(**LOSS), near_share=1, near_moves=moves, steps=150)
        for moves in (None, [0.1, 0.7])
    )
    found, _ = moved(prior, photo, latent, lengths=(0.1, 0.7))
    errors = [(each.generator.synthesis(found.ws) - found.images).square().mean() for each in (plain, held)]
    assert errors[1] < 0.8 * errors[0]
