import torch
from torch.nn import functional as F

from ganinv.generator.discriminator import Discriminator
from ganinv.loss.matching import feature_matching, features


def judge() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(img_resolution=16, channel_base=64, channel_max=8)


def images(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_blocks_from_the_finest_to_what_is_judged() -> None:
    discriminator = judge()
    blocks = discriminator.block_features(images())
    assert [list(x.shape) for x in blocks] == [[2, 8, 8, 8], [2, 8, 4, 4]]
    assert torch.equal(blocks[-1], discriminator.features(images())[0])


def test_features_have_unit_length() -> None:
    for x in features(judge(), images()):
        assert torch.allclose(x.square().sum(dim=1), torch.ones_like(x[:, 0]), atol=1e-3)


# With unit vectors ‖f − g‖² = 2 − 2 cos(f, g).
def test_is_twice_what_the_cosines_lack_of_one() -> None:
    discriminator, a, b = judge(), images(), images().flip(3)
    blocks = zip(discriminator.block_features(a), discriminator.block_features(b), strict=True)
    lacking = torch.stack([2 - 2 * F.cosine_similarity(x, y).mean(dim=[1, 2]) for x, y in blocks]).sum(dim=0)
    assert torch.allclose(feature_matching(features(discriminator, a), features(discriminator, b)), lacking, atol=1e-3)


def test_is_nothing_between_equal_images_and_has_a_gradient_between_others() -> None:
    discriminator, a, b = judge(), images(), images().flip(3).requires_grad_()
    own = features(discriminator, a)
    assert (feature_matching(own, own) == 0).all()
    feature_matching(own, features(discriminator, b)).sum().backward()
    assert b.grad is not None and b.grad.abs().sum() > 0
