"""The photo's group where the discriminator compares its whole batch, however many images that has."""

from typing import Any

import pytest
import torch

from ganinv.generator.discriminator import Discriminator
from ganinv.loss.adversarial import photo_logit

SMALL: dict[str, Any] = {"img_resolution": 8, "channel_base": 64, "channel_max": 8}


def test_who_compares_the_whole_batch() -> None:
    assert Discriminator(**SMALL, mbstd_group_size=None).compares_whole_batch
    assert not Discriminator(**SMALL, mbstd_group_size=4).compares_whole_batch
    assert not Discriminator(**SMALL, mbstd_group_size=None, mbstd_num_channels=0).compares_whole_batch


def test_any_batch_fits_and_is_one_group() -> None:
    discriminator = Discriminator(**SMALL, mbstd_group_size=None)
    assert discriminator.group_size == 1
    images = torch.randn(5, 3, 8, 8)
    assert discriminator(images).shape == (5,)
    assert not torch.allclose(discriminator(images)[:3], discriminator(images[:3]), rtol=1e-6)


@pytest.mark.parametrize("companions", [2, 4, 6])
def test_the_photo_stands_in_a_batch_as_large_as_that_of_the_others(companions: int) -> None:
    discriminator = Discriminator(**SMALL, mbstd_group_size=None)
    photo, others = torch.randn(1, 3, 8, 8), torch.randn(companions, 3, 8, 8)
    found = photo_logit(discriminator, photo, others)
    assert torch.equal(found, discriminator(torch.cat([photo, others[: companions - 1]]))[:1])
    assert not torch.allclose(found, discriminator(photo), rtol=1e-6)  # alone: the zero-diversity channel


def test_the_photo_is_never_alone() -> None:
    discriminator = Discriminator(**SMALL, mbstd_group_size=None)
    photo, other = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    assert torch.equal(photo_logit(discriminator, photo, other), discriminator(torch.cat([photo, other]))[:1])
    with pytest.raises(ValueError, match="a group of 2 needs 1 of them, got 0"):
        photo_logit(discriminator, photo, other[:0])
