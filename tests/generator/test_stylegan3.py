"""StyleGAN3's generator without stored outputs: layer tables, filters, shapes, wrong input, gradients."""

from typing import Any

import pytest
import torch

from ganinv.generator.lowpass import design, downsample, upsample
from ganinv.generator.stylegan2 import mix_styles
from ganinv.generator.stylegan3 import Generator
from ganinv.generator.stylegan3_geometry import layers
from ganinv.generator.stylegan3_layers import SynthesisInput, modulated_convolve

SMALL: dict[str, Any] = {
    "z_dim": 6,
    "w_dim": 6,
    "channel_base": 64,
    "channel_max": 5,
    "num_layers": 4,
    "margin_size": 2,
}
R: dict[str, Any] = {"conv_kernel": 1, "use_radial_filters": True}
# Of the published 1024-pixel networks: size and width of each layer.
T_1024 = (
    "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_148_512 L6_148_512 L7_276_323 L8_276_203 L9_532_128"
    " L10_1044_81 L11_1044_51 L12_1044_32 L13_1024_32 L14_1024_3"
)
R_1024 = [1024] * 7 + [645, 406, 256, 161, 102, 64, 64, 3]


def test_layers_of_the_published_networks() -> None:
    t = layers(img_resolution=1024)
    assert [layer.name for layer in t] == T_1024.split()
    r = layers(img_resolution=1024, channel_base=65536, channel_max=1024, conv_kernel=1)
    assert [layer.target.channels for layer in r] == R_1024
    assert [layer.target.size for layer in r] == [layer.target.size for layer in t]
    assert [layer.is_critical for layer in t] == [False] * 12 + [True] * 3


@pytest.mark.parametrize("kernel", [1, 3])
def test_sizes_and_padding_agree(kernel: int) -> None:
    """What the filters leave is the size that the next layer expects."""
    for layer in layers(img_resolution=256, conv_kernel=kernel):
        fine = (layer.source.size + layer.kernel - 1) * layer.up + sum(layer.padding) - layer.up_taps + 1
        assert (fine - layer.down_taps) // layer.down + 1 == layer.target.size


def test_filters_pass_the_band_and_stop_the_rest() -> None:
    for radial in (False, True):
        kernel = design(taps=24, cutoff=4, half_width=4, rate=64, radial=radial)
        assert kernel is not None and torch.allclose(kernel.sum(), torch.tensor(1.0))
        row = kernel if kernel.ndim == 1 else kernel.sum(dim=0)
        gain = torch.fft.rfft(row, 64).abs()
        assert torch.allclose(gain[4], torch.tensor(0.5), atol=0.08)  # at the cutoff
        assert gain[:2].min() > 0.8 and gain[10:].max() < 0.02
    assert design(taps=1, cutoff=4, half_width=4, rate=64) is None


def test_radial_filters_are_round() -> None:
    kernel = design(taps=24, cutoff=4, half_width=4, rate=64, radial=True)
    assert kernel is not None and torch.equal(kernel, kernel.t())
    gain = torch.fft.fft2(kernel, (320, 320)).abs()  # five samples to each unit of frequency
    assert torch.allclose(gain[0, 20], gain[12, 16], atol=0.01)  # both 4 away from 0


@pytest.mark.parametrize("padding", [(9, 8), (3, 5), (-2, -5), (13, 12)])
def test_upsampling_by_hand(padding: tuple[int, int]) -> None:
    """Against zero-stuffing, padding and a convolution as they are written."""
    x, kernel = torch.randn(2, 3, 9, 9), torch.rand(8)
    stuffed = torch.zeros(2, 3, 18, 18)
    stuffed[:, :, ::2, ::2] = x
    low, high = padding
    padded = torch.nn.functional.pad(stuffed, [low, high, low, high])
    weight = torch.outer(kernel, kernel).flip([0, 1]).expand(3, 1, 8, 8)
    expected = 4 * torch.nn.functional.conv2d(padded, weight, groups=3)
    assert torch.allclose(upsample(x, kernel, up=2, padding=padding), expected, atol=1e-5)


def test_downsampling_by_hand() -> None:
    x, kernel = torch.randn(2, 3, 13, 13), torch.rand(6)
    square = torch.outer(kernel, kernel)
    expected = torch.nn.functional.conv2d(x, square.flip([0, 1]).expand(3, 1, 6, 6), groups=3)[:, :, ::2, ::2]
    assert torch.allclose(downsample(x, kernel, down=2), expected, atol=1e-5)
    assert torch.allclose(downsample(x, square, down=2), expected, atol=1e-5)
    for each in (kernel, square):
        assert torch.allclose(downsample(x, each, down=2, gain=3), 3 * expected, atol=1e-4)
    assert torch.equal(downsample(x, None, down=1, gain=3), 3 * x)
    assert downsample(x, None, down=1) is x and upsample(x, None, up=1, padding=(0, 0)) is x
    assert torch.equal(upsample(x, None, up=1, padding=(1, -2))[:, :, 1:, 1:], x[:, :, :-2, :-2])


@pytest.mark.parametrize("config", [{}, R], ids="TR")
@pytest.mark.parametrize("resolution", [8, 32])
def test_shapes(config: dict, resolution: int) -> None:
    generator = Generator(img_resolution=resolution, **SMALL, **config)
    ws = generator.mapping(torch.randn(3, 6))
    assert ws.shape == (3, 6, 6) and generator.num_ws == 6
    image = generator.synthesis(ws)
    assert image.shape == (3, 3, resolution, resolution) and image.dtype == torch.float32
    styles = generator.synthesis.styles(ws)
    assert list(styles) == ["input", *generator.synthesis.layer_names] and styles["input"].shape == (3, 4)
    assert torch.equal(generator.synthesis.render(styles), image)


def test_other_upsampling_factors() -> None:
    for factor in (1, 4):
        generator = Generator(img_resolution=16, lrelu_upsampling=factor, **SMALL)
        assert generator.synthesis(generator.mapping(torch.randn(1, 6))).shape == (1, 3, 16, 16)


def test_there_is_no_noise() -> None:
    generator = Generator(img_resolution=8, **SMALL)
    ws = generator.mapping(torch.randn(2, 6))
    plain = generator.synthesis(ws, noise_mode="none")
    for mode in ("const", "random"):
        assert torch.equal(generator.synthesis(ws, noise_mode=mode, generator=torch.Generator()), plain)
    assert not [name for name in generator.state_dict() if "noise" in name]


def test_labels_and_mixed_styles() -> None:
    generator = Generator(img_resolution=8, c_dim=3, **SMALL)
    with pytest.raises(ValueError, match=r"labels of shape \[N, 3\]"):
        generator(torch.randn(1, 6))
    first, second = (generator.mapping(torch.randn(1, 6), torch.eye(3)[i : i + 1]) for i in (0, 1))
    mixed = generator.synthesis.styles(mix_styles(first, second, crossover=1))
    assert torch.equal(mixed["input"], generator.synthesis.styles(first)["input"])
    last = generator.synthesis.layer_names[-1]
    assert torch.equal(mixed[last], generator.synthesis.styles(second)[last])


def test_an_image_hardly_depends_on_its_batch() -> None:
    generator = Generator(img_resolution=16, **SMALL)
    ws = generator.mapping(torch.randn(4, 6))
    batch, alone = generator.synthesis(ws), generator.synthesis(ws[:1])
    assert (batch[:1] - alone).abs().max() < 1e-5 * alone.abs().max()


def test_the_input_turns_and_shifts() -> None:
    """A shift by a sample moves the waves by a sample; a quarter turn turns them."""
    signal = layers(img_resolution=32, margin_size=4, channel_max=4)[0].source
    layer = SynthesisInput(w_dim=6, signal=signal)

    def picture(*style: float) -> torch.Tensor:
        return layer(torch.tensor([style]).float(), dtype=torch.float32)

    still = picture(1, 0, 0, 0)
    moved = picture(2, 0, 2 / signal.rate, 0)  # what a factor common to all four does not change
    assert torch.allclose(moved[..., :, 1:], still[..., :, :-1], atol=1e-4)
    turned = picture(0, 1, 0, 0)
    assert torch.allclose(turned, still.rot90(1, dims=(2, 3)), atol=1e-4)


def test_demodulation_keeps_the_variance() -> None:
    x, style = torch.randn(4, 32, 16, 16), torch.rand(4, 32) + 0.5
    y = modulated_convolve(x, 7 * torch.randn(8, 32, 3, 3), 3 * style, demodulate=True)[:, :, 2:-2, 2:-2]
    assert abs(y.square().mean() - 1) < 0.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"img_resolution": 48}, "img_resolution: must be a power of two"),
        ({"img_resolution": 4}, "img_resolution: must be a power of two"),
        ({"num_layers": 1}, "num_layers, num_critical"),
        ({"num_critical": 4}, "num_layers, num_critical"),
        ({"lrelu_upsampling": 3}, "lrelu_upsampling: must be 1, 2 or 4, got 3"),
        ({"filter_size": 2**20}, "filter_size: must lie in 1 to 64"),
        ({"margin_size": -1}, "margin_size: must lie in 0 to 64"),
        ({"first_cutoff": 9}, "each band must lie below its stopband"),
    ],
)
def test_wrong_settings_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Generator(**{"img_resolution": 16, **SMALL, **wrong})


def test_wrong_shapes_are_named() -> None:
    generator = Generator(img_resolution=8, **SMALL)
    with pytest.raises(ValueError, match=r"ws: expected shape \[N, 6, 6\], got \[1, 18, 6\]"):
        generator.synthesis(torch.zeros(1, 18, 6))


@pytest.mark.parametrize("config", [{}, R], ids="TR")
def test_bfloat16_stays_near_float32(config: dict) -> None:
    generator = Generator(img_resolution=16, **SMALL, **config)
    ws = generator.mapping(torch.randn(4, 6))
    image, rough = generator.synthesis(ws), generator.synthesis(ws, dtype=torch.bfloat16)
    assert rough.dtype == torch.float32 and not torch.equal(image, rough)
    assert (image - rough).abs().max() < 0.05 * image.abs().max()


@pytest.mark.parametrize("config", [{}, R], ids="TR")
def test_first_and_second_derivatives(config: dict) -> None:
    tiny = SMALL | {
        "channel_max": 2,
        "num_layers": 2,
        "num_critical": 1,
        "margin_size": 0,
        "filter_size": 2,
        "w_dim": 3,
    }
    generator = Generator(img_resolution=8, img_channels=1, **tiny, **config).double()
    torch.nn.init.normal_(generator.synthesis.get_parameter("input.affine.weight"))
    ws = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)

    def image(ws: torch.Tensor) -> torch.Tensor:
        return generator.synthesis(ws, dtype=torch.float64)[:, :, ::3, ::3]

    assert torch.autograd.gradcheck(image, [ws])
    assert torch.autograd.gradgradcheck(image, [ws])


def test_every_parameter_gets_a_gradient() -> None:
    generator = Generator(img_resolution=8, **SMALL)
    generator(torch.randn(2, 6)).square().sum().backward()
    missing = [name for name, value in generator.named_parameters() if value.grad is None or not value.grad.any()]
    # At the start the input ignores w, so its affine's weight is 0, but not its gradient.
    assert not missing
