"""The adversarial terms: closed forms, gradients, R1 of a known discriminator, the grouping of the photo."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganinv.generator.discriminator import Discriminator
from ganinv.loss.adversarial import discriminator_loss, generator_loss, photo_logit, r1_penalty

SMALL: dict[str, Any] = {"img_resolution": 8, "channel_base": 64, "channel_max": 8}


def test_closed_forms_at_an_undecided_discriminator() -> None:
    zero = torch.zeros(2)
    assert torch.allclose(generator_loss(zero), torch.full([2], math.log(2)))
    assert torch.allclose(generator_loss(zero, form="saturating"), torch.full([2], -math.log(2)))
    assert torch.allclose(discriminator_loss(zero, zero), torch.full([2], 2 * math.log(2)))


def test_the_published_logarithms() -> None:
    real, fake = torch.randn(5), torch.randn(5)
    d_x, d_g = torch.sigmoid(real), torch.sigmoid(fake)
    assert torch.allclose(discriminator_loss(real, fake), -(d_x.log() + (1 - d_g).log()), atol=1e-6)
    assert torch.allclose(generator_loss(fake, form="saturating"), (1 - d_g).log(), atol=1e-6)
    assert torch.allclose(generator_loss(fake), -d_g.log(), atol=1e-6)


@pytest.mark.parametrize("form", ["saturating", "non_saturating"])
def test_gradient_and_its_sign(form) -> None:
    fake = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: generator_loss(x, form=form), [fake])
    generator_loss(fake, form=form).sum().backward()
    assert fake.grad is not None and (fake.grad < 0).all()


def test_saturation() -> None:
    fake = torch.tensor([-10.0, -10.0], requires_grad=True)
    (generator_loss(fake[:1]) + generator_loss(fake[1:], form="saturating")).sum().backward()
    assert fake.grad is not None and fake.grad[0] < -0.99 and fake.grad[1] > -1e-3


def test_r1_of_a_linear_discriminator() -> None:
    weight = torch.randn(3, 4, 4)

    class Linear(nn.Module):
        micro_batch = None

        def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
            return (x * weight).sum(dim=[1, 2, 3])

    penalty = r1_penalty(Linear(), torch.randn(2, 3, 4, 4))  # pyright: ignore[reportArgumentType]
    assert torch.allclose(penalty, weight.square().sum().expand(2))


def test_r1_reaches_the_weights() -> None:
    discriminator = Discriminator(**SMALL)
    r1_penalty(discriminator, torch.randn(4, 3, 8, 8)).mean().backward()
    grad = discriminator.get_parameter("b8.conv0.weight").grad
    assert grad is not None and grad.abs().sum() > 0


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
def test_r1_in_parts_is_r1(architecture) -> None:
    discriminator = Discriminator(**SMALL, architecture=architecture)
    real, found = torch.randn(4, 3, 8, 8), []
    for micro_batch in (None, 3, 1):
        discriminator.micro_batch = micro_batch
        penalty = r1_penalty(discriminator, real)
        weights = list(discriminator.parameters())
        found.append((penalty, torch.autograd.grad(penalty.mean(), weights, allow_unused=True)))
    whole, gradients = found[0]
    for penalty, others in found[1:]:
        assert torch.allclose(penalty, whole, rtol=1e-5)
        for one, other in zip(gradients, others, strict=True):
            assert one is None or (other - one).norm() <= 1e-4 * one.norm()


def test_the_photo_stands_in_a_full_group() -> None:
    discriminator = Discriminator(**SMALL, mbstd_group_size=4)
    photo, companions = torch.randn(1, 3, 8, 8), torch.randn(6, 3, 8, 8)
    grouped = photo_logit(discriminator, photo, companions)
    assert torch.equal(grouped, discriminator(torch.cat([photo, companions[:3]]))[:1])
    assert not torch.allclose(grouped, discriminator(photo), rtol=1e-6)  # alone: the zero-diversity channel


def test_companions_take_no_gradient() -> None:
    photo = torch.randn(1, 3, 8, 8, requires_grad=True)
    companions = torch.randn(3, 3, 8, 8, requires_grad=True)
    photo_logit(Discriminator(**SMALL), photo, companions).sum().backward()
    assert photo.grad is not None and companions.grad is None


def test_too_few_companions() -> None:
    with pytest.raises(ValueError, match="a group of 4 needs 3 of them, got 2"):
        photo_logit(Discriminator(**SMALL), torch.zeros(1, 3, 8, 8), torch.zeros(2, 3, 8, 8))
