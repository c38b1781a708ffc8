import dataclasses

import pytest
import torch
from torch.nn import functional as F

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.generator.discriminator import Discriminator
from ganinv.inverter.latent import Latent
from ganinv.inverter.optimise import Optimise
from ganinv.inverter.p_norm import SLOPE, PNorm
from ganinv.loss.matching import feature_matching, features


def sampled(prior: Prior, count: int = 4000) -> torch.Tensor:
    return prior.generator.mapping(torch.randn(count, 8, generator=torch.Generator().manual_seed(4)))[:, 0]


def judged(prior: Prior) -> Prior:
    torch.manual_seed(0)
    discriminator = Discriminator(img_resolution=16, channel_base=64, channel_max=8)
    return dataclasses.replace(prior, discriminator=discriminator.requires_grad_(False))


def projected(prior: Prior, **settings: object) -> Latent:
    images = prior.generator(torch.randn(2, 8, generator=torch.Generator().manual_seed(2)))
    noisy = images + 0.5 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    how = {"space": "w+", "steps": 30, "num_samples": 500} | settings
    return Optimise(**how)(prior=prior, images=noisy, seed=0)  # pyright: ignore[reportArgumentType]


def test_of_gaussian_latents_it_is_their_mahalanobis_distance() -> None:
    random = torch.Generator().manual_seed(0)
    scales = torch.tensor([0.1, 1.0, 5.0])
    x = torch.randn(200_000, 3, generator=random) * scales + torch.tensor([1.0, -2.0, 0.5])
    norm = PNorm.of(F.leaky_relu(x, 1 / SLOPE))
    point = torch.tensor([1.0, -2.0, 0.5]) + scales * torch.tensor([3.0, 0.0, -1.0])  # 3 and 1 deviations away
    assert norm(F.leaky_relu(point, 1 / SLOPE)[None, None]).item() == pytest.approx(10 / 3, rel=0.02)


def test_of_the_mappings_own_it_is_one_in_the_mean(prior: Prior) -> None:
    w = sampled(prior)
    assert PNorm.of(w)(w[:, None]).mean().item() == pytest.approx(1, abs=0.02)


def test_a_flat_direction_stays_finite() -> None:
    flat = torch.randn(100, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1.0, 1.0, 0.0])
    assert PNorm.of(flat)(flat[:, None]).isfinite().all()


def test_it_holds_the_projector_where_the_mapping_goes(prior: Prior) -> None:
    norm = PNorm.of(sampled(prior))
    free, held = projected(prior), projected(prior, p_norm_weight=0.05)
    assert norm(held.ws).mean() < 0.5 * norm(free.ws).mean()


def test_features_of_the_discriminator_draw_to_the_photo(prior: Prior) -> None:
    known = judged(prior)
    assert known.discriminator is not None
    target = known.generator(torch.randn(2, 8, generator=torch.Generator().manual_seed(2)))
    how = {"space": "w+", "num_samples": 500, "l1_weight": 0.0, "feature_weight": 1.0}
    wanted, distances = features(known.discriminator, target), []
    for steps in (0, 30):
        found = Optimise(steps=steps, **how)(prior=known, images=target, seed=0)
        distances.append(feature_matching(features(known.discriminator, known.generator.synthesis(found.ws)), wanted))
    assert (distances[1] < 0.5 * distances[0]).all()


def test_in_z_there_is_nothing_to_hold() -> None:
    with pytest.raises(InputError, match="^p_norm_weight: z gives .* or take inverter=z$"):
        Optimise(space="z", p_norm_weight=0.1)


def test_fewer_samples_than_dimensions_have_no_axes(prior: Prior) -> None:
    with pytest.raises(InputError, match="^inverter.num_samples: 8 are too few for P_N"):
        projected(prior, p_norm_weight=0.1, num_samples=8)


def test_without_a_discriminator_its_features_are_refused(prior: Prior) -> None:
    bare = dataclasses.replace(prior, discriminator=None)
    with pytest.raises(InputError, match="^inverter.feature_weight: .* has no discriminator"):
        projected(bare, feature_weight=0.3)
    with pytest.raises(InputError, match="set it to 0, or take inverter=w$"):
        Optimise(feature_weight=0.3).fits(bare)
