"""L_total = 1_p [L_recon + L_adv_local] + L_global: its limits, its weights, its switch."""

import pytest
import torch

from ganinv.generator.discriminator import Discriminator
from ganinv.loss.objective import Images, Objective
from ganinv.loss.pyramid import LaplacianPyramid


def objective(**settings) -> Objective:
    return Objective(pyramid=LaplacianPyramid(min_size=4), **settings)


@pytest.fixture
def discriminator() -> Discriminator:
    return Discriminator(img_resolution=8, channel_base=64, channel_max=8, mbstd_group_size=2)


@pytest.fixture
def images() -> Images:
    photo, reconstruction = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    generated, untouched, real = (torch.randn(4, 3, 8, 8) for _ in range(3))
    return Images(photo, reconstruction, generated, untouched, real)


def test_total_is_the_weighted_sum(discriminator: Discriminator, images: Images) -> None:
    weights = {"reconstruction": 2.0, "adversarial_local": 0.5, "adversarial_global": 0.25, "locality": 3.0}
    loss = objective(**weights)
    terms = loss.generator_terms(images, discriminator)
    assert {name: term.shape[0] for name, term in terms.items()} == {
        "reconstruction": 1,
        "adversarial_local": 1,
        "adversarial_global": 4,
        "locality": 4,
    }
    expected = sum(weights[name] * term.mean() for name, term in terms.items())
    assert torch.allclose(loss.total(terms), torch.as_tensor(expected))
    lazy = expected + 7 * sum(
        weights[name] * terms[name].mean() for name in ("adversarial_local", "adversarial_global")
    )
    assert torch.allclose(loss.total(terms, interval=8), torch.as_tensor(lazy))


def test_a_term_of_weight_zero_is_not_computed(discriminator: Discriminator, images: Images) -> None:
    terms = objective(adversarial_local=0).generator_terms(images, discriminator)
    assert set(terms) == {"reconstruction", "adversarial_global"}
    alone = objective(adversarial_local=0, adversarial_global=0)
    assert set(alone.generator_terms(images, None)) == {"reconstruction"} and not alone.samples_manifold


def test_without_the_photo_only_the_global_terms_remain(discriminator: Discriminator, images: Images) -> None:
    off = Images(generated=images.generated, untouched=images.untouched, real=images.real)
    assert set(objective(locality=1).generator_terms(off, discriminator)) == {"adversarial_global", "locality"}
    assert set(objective().discriminator_terms(off, discriminator)) == {"discriminator_global"}


@pytest.mark.parametrize(("probability", "low", "high"), [(0, 0, 0), (0.25, 180, 320), (1, 1000, 1000)])
def test_the_switch(probability: float, low: int, high: int) -> None:
    random, loss = torch.Generator().manual_seed(0), objective(probability=probability)
    assert low <= sum(loss.draw(random) for _ in range(1000)) <= high


def test_discriminator_and_generator_pull_apart(discriminator: Discriminator, images: Images) -> None:
    loss = objective(reconstruction=0, form="saturating")
    assert images.generated is not None
    generated = images.generated.requires_grad_(True)
    terms = loss.generator_terms(Images(generated=generated), discriminator)
    ours = torch.autograd.grad(terms["adversarial_global"].sum(), list(discriminator.parameters()))
    theirs = torch.autograd.grad(
        loss.discriminator_terms(images, discriminator)["discriminator_global"].sum()
        - torch.nn.functional.softplus(-discriminator(images.real)).sum(),
        list(discriminator.parameters()),
    )
    assert all(torch.allclose(a, -b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


def test_the_discriminators_step_leaves_the_generator_alone(discriminator: Discriminator, images: Images) -> None:
    assert images.generated is not None and images.reconstruction is not None
    images.generated.requires_grad_(True)
    images.reconstruction.requires_grad_(True)
    terms = objective().discriminator_terms(images, discriminator)
    torch.stack([term.mean() for term in terms.values()]).sum().backward()
    assert images.generated.grad is None and images.reconstruction.grad is None


def test_ratio_of_the_discriminators_terms(discriminator: Discriminator, images: Images) -> None:
    full = objective().discriminator_terms(images, discriminator)
    scaled = objective(adversarial_local=0.001, adversarial_global=0.01).discriminator_terms(images, discriminator)
    assert torch.allclose(scaled["discriminator_global"], full["discriminator_global"])
    assert torch.allclose(scaled["discriminator_local"], 0.1 * full["discriminator_local"])


def test_wrong_settings() -> None:
    with pytest.raises(ValueError, match="all terms are 0"):
        objective(reconstruction=0, adversarial_local=0, adversarial_global=0)
    with pytest.raises(ValueError, match="perceptual: a weight above 0 needs the network"):
        objective(perceptual=1)
