"""Noise of an image's own, the constant maps, the photo's: what each image of a step is made with."""

import torch

from ganinv.generator.stylegan2 import Generator
from ganinv.tuner.manifold import sample_manifold
from ganinv.tuner.noise import CONSTANT, PHOTO, noise_maps, noise_seeds
from ganinv.tuner.passes import in_passes, one_pass


def small() -> Generator:
    torch.manual_seed(0)
    generator = Generator(z_dim=8, w_dim=8, mapping_layers=2, img_resolution=16, channel_base=128, channel_max=8)
    with torch.no_grad():
        generator.synthesis.get_parameter("b16.conv1.noise_strength").fill_(0.5)
    return generator.requires_grad_(False)


def test_share_of_seeds() -> None:
    random = torch.Generator().manual_seed(0)
    assert (noise_seeds(50, share=0, random=random) == CONSTANT).all()
    assert (noise_seeds(50, share=1, random=random) >= 0).all()
    half = noise_seeds(4000, share=0.5, random=random)
    assert abs((half >= 0).float().mean() - 0.5) < 0.05 and (half[half < 0] == CONSTANT).all()


def test_stored_maps_serve_all_where_nobody_has_others() -> None:
    generator, photo = small(), {"b4.conv1.noise_const": torch.randn(1, 4, 4)}
    assert noise_maps(generator, torch.tensor([CONSTANT, PHOTO]), photo={}) == {}
    assert noise_maps(generator, torch.tensor([CONSTANT]), photo=photo) == {}


def test_each_image_has_its_maps() -> None:
    generator, photo = small(), {"b4.conv1.noise_const": torch.randn(1, 4, 4)}
    maps = noise_maps(generator, torch.tensor([PHOTO, CONSTANT, 7, 8, 7]), photo=photo)
    first, stored = maps["b4.conv1.noise_const"], generator.synthesis.get_buffer("b4.conv1.noise_const")
    assert torch.equal(first[0], photo["b4.conv1.noise_const"]) and torch.equal(first[1, 0], stored)
    assert torch.equal(first[2], first[4]) and not torch.equal(first[2], first[3])
    assert torch.equal(maps["b8.conv0.noise_const"][0, 0], generator.synthesis.get_buffer("b8.conv0.noise_const"))
    values = torch.cat([noise_maps(generator, torch.tensor([i]), photo={})["b16.conv1.noise_const"] for i in range(40)])
    assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.05


def test_parts_have_the_same_noise_as_the_whole() -> None:
    generator = small()
    ws, seeds = generator.mapping(torch.randn(5, 8)), torch.tensor([CONSTANT, 1, 2, CONSTANT, 3])
    maps = noise_maps(generator, seeds, photo={})
    whole = in_passes(generator, ws, maps=maps, size=None, dtype=torch.float32)
    parts = in_passes(generator, ws, maps=maps, size=2, dtype=torch.float32)
    assert torch.allclose(whole, parts, atol=1e-5)
    assert torch.allclose(whole[[0, 3]], generator.synthesis(ws[[0, 3]]), atol=1e-5)
    assert not torch.allclose(whole[1:3], generator.synthesis(ws[1:3]), atol=1e-2)


def test_stored_images_can_be_made_again() -> None:
    generator = small()
    manifold = sample_manifold(generator, count=12, noise_share=0.5, seed=0)
    ws, images, seeds = manifold.take(torch.tensor([3, 5, 7, 9]))
    again = one_pass(generator, ws, noise_maps(generator, seeds, photo={}))
    assert (manifold.seeds >= 0).any() and (manifold.seeds == CONSTANT).any()
    assert torch.allclose(images, again, atol=1e-5)


def test_tuned_maps_take_a_gradient() -> None:
    generator = small()
    layer = generator.synthesis.get_submodule("b16.conv1")
    stored = generator.synthesis.get_buffer("b16.conv1.noise_const")
    del layer.noise_const
    layer.noise_const = torch.nn.Parameter(stored)
    maps = noise_maps(generator, torch.tensor([CONSTANT, 4]), photo={})
    one_pass(generator, generator.mapping(torch.randn(2, 8)), maps).sum().backward()
    assert layer.noise_const.grad is not None and layer.noise_const.grad.abs().sum() > 0
