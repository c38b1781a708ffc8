"""Shapes, modes and wrong input of generator and discriminator, without stored outputs."""

from typing import Any

import pytest
import torch

from ganinv.generator.discriminator import Discriminator, minibatch_stddev
from ganinv.generator.stylegan2 import Generator, mix_styles

SMALL: dict[str, Any] = {"z_dim": 8, "w_dim": 8, "channel_base": 64, "channel_max": 8, "mapping_layers": 2}


@pytest.mark.parametrize("resolution", [4, 8, 32])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_shapes(resolution: int, architecture) -> None:
    generator = Generator(img_resolution=resolution, architecture=architecture, **SMALL)
    ws = generator.mapping(torch.randn(3, 8))
    assert ws.shape == (3, generator.num_ws, 8) and generator.num_ws == 2 * resolution.bit_length() - 4
    assert generator.synthesis(ws).shape == (3, 3, resolution, resolution)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_discriminator_shapes(architecture) -> None:
    discriminator = Discriminator(img_resolution=16, channel_base=64, channel_max=8, architecture=architecture)
    assert discriminator(torch.randn(8, 3, 16, 16)).shape == (8,)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_discriminator_in_parts_is_the_whole(architecture) -> None:
    discriminator = Discriminator(img_resolution=16, channel_base=64, channel_max=8, architecture=architecture)
    images, found = torch.randn(8, 3, 16, 16, requires_grad=True), []
    for micro_batch in (None, 3):
        discriminator.micro_batch = micro_batch
        logits = discriminator(images)
        found.append((logits, *torch.autograd.grad(logits.square().sum(), [images, *discriminator.parameters()])))
    for whole, parts in zip(*found, strict=True):
        assert torch.allclose(whole, parts, rtol=1e-4, atol=1e-5 * whole.abs().max().item())


@pytest.mark.parametrize("resolution", [3, 0, 48])
def test_resolution_must_be_a_power_of_two(resolution: int) -> None:
    with pytest.raises(ValueError, match="img_resolution: must be a power of two"):
        Generator(img_resolution=resolution, **SMALL)


def test_wrong_shapes_are_named() -> None:
    generator = Generator(img_resolution=8, **SMALL)
    with pytest.raises(ValueError, match=r"ws: expected shape \[N, 4, 8\], got \[1, 18, 8\]"):
        generator.synthesis(torch.zeros(1, 18, 8))
    discriminator = Discriminator(img_resolution=8, channel_base=64, channel_max=8)
    with pytest.raises(ValueError, match=r"img: expected \[N, 3, 8, 8\]"):
        discriminator(torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match="5 images cannot be split into groups of 4"):
        discriminator(torch.zeros(5, 3, 8, 8))


def test_labels_are_asked_for() -> None:
    generator = Generator(img_resolution=8, c_dim=3, **SMALL)
    with pytest.raises(ValueError, match=r"labels of shape \[N, 3\]"):
        generator(torch.randn(1, 8))
    one, two = torch.eye(3)[:1], torch.eye(3)[1:2]
    z = torch.randn(1, 8)
    assert not torch.equal(generator(z, one), generator(z, two))


def test_noise_modes() -> None:
    generator = Generator(img_resolution=8, **SMALL)
    torch.nn.init.ones_(generator.synthesis.get_parameter("b8.conv1.noise_strength"))
    ws = generator.mapping(torch.randn(1, 8))

    def image(mode, seed: int = 0) -> torch.Tensor:
        return generator.synthesis(ws, noise_mode=mode, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(image("const"), image("const", 1))
    assert torch.equal(image("random"), image("random")) and not torch.equal(image("random"), image("random", 1))
    assert not torch.equal(image("none"), image("const"))


def test_truncation_reaches_the_mean() -> None:
    generator = Generator(img_resolution=8, **SMALL)
    generator.mapping.w_avg.normal_()
    z = torch.randn(2, 8)
    assert torch.allclose(generator.mapping(z, psi=0), generator.mapping.w_avg.expand(2, 4, 8))
    cut = generator.mapping(z, psi=0, cutoff=1)
    assert torch.equal(cut[:, 1:], generator.mapping(z)[:, 1:]) and not torch.equal(
        cut[:, 0], generator.mapping(z)[:, 0]
    )


def test_w_average() -> None:
    mapping = Generator(img_resolution=8, **SMALL).mapping
    mapping.update_w_avg(torch.ones(4, 8))
    assert torch.allclose(mapping.w_avg, torch.full([8], 1 - mapping.w_avg_beta))


def test_style_mixing() -> None:
    mixed = mix_styles(torch.zeros(1, 4, 8), torch.ones(1, 4, 8), crossover=3)
    assert mixed[0, :, 0].tolist() == [0, 0, 0, 1]


def test_bfloat16_stays_near_float32() -> None:
    generator = Generator(img_resolution=16, **SMALL)
    discriminator = Discriminator(img_resolution=16, channel_base=64, channel_max=8)
    ws = generator.mapping(torch.randn(4, 8))
    image, rough = generator.synthesis(ws), generator.synthesis(ws, dtype=torch.bfloat16)
    assert rough.dtype == torch.float32 and not torch.equal(image, rough)
    assert (image - rough).abs().max() < 0.03 * image.abs().max()
    logits, rough = discriminator(image), discriminator(image, dtype=torch.bfloat16)
    assert (logits - rough).abs().max() < 0.1 * logits.abs().max()


def test_minibatch_stddev_by_hand() -> None:
    x = torch.tensor([0.0, 1.0, 4.0, 3.0]).view(4, 1, 1, 1)
    # Groups of 2 in a batch of 4: images 0 and 2, 1 and 3; standard deviations 2 and 1.
    found = minibatch_stddev(x, group_size=2, num_channels=1)[:, 1].flatten()
    assert torch.allclose(found, torch.tensor([2.0, 1.0, 2.0, 1.0]))
    alone = minibatch_stddev(x[:1], group_size=4, num_channels=1)[:, 1]
    assert torch.allclose(alone, torch.tensor(1e-4))


def test_group_size() -> None:
    small: dict[str, Any] = {"img_resolution": 8, "channel_base": 64, "channel_max": 8}
    assert Discriminator(**small, mbstd_group_size=3).group_size == 3
    assert Discriminator(**small, mbstd_num_channels=0).group_size == 1


def test_gradients_of_the_synthesis() -> None:
    generator = Generator(img_resolution=8, **SMALL).double()
    ws = torch.randn(1, 4, 8, dtype=torch.float64, requires_grad=True)

    def image(ws: torch.Tensor) -> torch.Tensor:
        styles = generator.synthesis.styles(ws)
        blocks = generator.synthesis.blocks()
        x, img = blocks["b4"](None, None, _own(styles, "b4"), **_mode())
        return blocks["b8"](x, img, _own(styles, "b8"), **_mode())[0]

    assert torch.autograd.gradcheck(image, [ws], atol=1e-4)


def _own(styles: dict[str, torch.Tensor], block: str) -> dict[str, torch.Tensor]:
    return {name.split(".")[1]: value for name, value in styles.items() if name.startswith(f"{block}.")}


def _mode() -> dict:
    return {"dtype": torch.float64, "noise_mode": "const", "generator": None}
