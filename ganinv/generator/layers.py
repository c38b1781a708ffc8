"""Building blocks of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958) in plain PyTorch.

Names and semantics of the parameters are those of stylegan2-ada-pytorch. No compiled operations; every block can be
differentiated twice. Weights stay float32; `dtype` is the precision of the convolutions alone.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LRELU_SLOPE = 0.2
SQRT2 = math.sqrt(2)


def channels(resolution: int, *, channel_base: int | dict[str, int], channel_max: int) -> int:
    """Width of the block at `resolution`: min(base / resolution, max), or what a table by resolution says."""
    if not isinstance(channel_base, dict):
        return min(channel_base // resolution, channel_max)
    width = channel_base.get(str(resolution))
    if type(width) is not int or not 0 < width <= channel_max:
        raise ValueError(f"channel_base: needs a width of 1 to {channel_max} at {resolution} pixels, got {width!r:.20}")
    return width


def block_resolutions(img_resolution: int) -> list[int]:
    """4, 8, … `img_resolution`."""
    if img_resolution < 4 or img_resolution & (img_resolution - 1):
        raise ValueError(f"img_resolution: must be a power of two of at least 4, got {img_resolution}")
    return [2**i for i in range(2, img_resolution.bit_length())]


def normalise_second_moment(x: Tensor) -> Tensor:
    """x / sqrt(mean(x²)) over the features of each row."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def filter_2d(taps: list[int]) -> Tensor:
    """The separable low-pass filter as a matrix that sums to 1."""  # [taps, taps]
    row = torch.tensor(taps, dtype=torch.float32)
    matrix = torch.outer(row, row)
    return matrix / matrix.sum()


def upsample(x: Tensor, kernel: Tensor) -> Tensor:
    """Zero-stuff to twice the size, then low-pass with gain 4."""  # [N, C, H, W] -> [N, C, 2H, 2W]
    crop = (kernel.shape[0] - 1) // 2
    weight = _depthwise(4 * kernel, x)
    x = F.conv_transpose2d(x, weight, stride=2, padding=crop, groups=x.shape[1])
    return x if kernel.shape[0] % 2 == 0 else F.pad(x, (0, 1, 0, 1))


def blur(x: Tensor, kernel: Tensor, *, padding: int, stride: int = 1, gain: float = 1) -> Tensor:
    """Low-pass; `padding` zeros on each side."""
    weight = _depthwise(gain * kernel.flip([0, 1]), x)
    return F.conv2d(x, weight, stride=stride, padding=padding, groups=x.shape[1])


def _depthwise(kernel: Tensor, x: Tensor) -> Tensor:
    return kernel.to(x.dtype).expand(x.shape[1], 1, *kernel.shape)


def activate(x: Tensor, bias: Tensor | None, *, activation: str, gain: float = 1, clamp: float | None = None) -> Tensor:
    """Bias, leaky ReLU with gain √2 (or linear), gain, clamp."""
    if bias is not None:
        x = x + bias.to(x.dtype).view(1, -1, *[1] * (x.ndim - 2))
    if activation == "lrelu":
        x, gain_total = F.leaky_relu(x, LRELU_SLOPE), SQRT2 * gain
    else:
        gain_total = gain
    if gain_total != 1:
        x = x * gain_total
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def convolve(x: Tensor, weight: Tensor, kernel: Tensor, *, up: int = 1, down: int = 1) -> Tensor:
    """Convolution with the filter of its up- or downsampling.  # [N, I, H, W] -> [N, O, H·up/down, W·up/down]"""
    weight, pad, taps = weight.to(x.dtype), weight.shape[2] // 2, kernel.shape[0]
    if up == 2 and pad:
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return blur(x, kernel, padding=(taps - 2) // 2, gain=4)
    if up == 2:
        return upsample(F.conv2d(x, weight), kernel)
    if down == 2 and pad:
        return F.conv2d(blur(x, kernel, padding=taps // 2), weight, stride=2)
    if down == 2:
        return F.conv2d(blur(x, kernel, padding=(taps - 1) // 2, stride=2), weight)
    return F.conv2d(x, weight, padding=pad)


class FullyConnected(nn.Module):
    """x -> activation(x Wᵀ·gain + b·lr_multiplier), with the equalised learning rate of Karras et al. 2018."""

    def __init__(
        self,
        *,
        in_features: int,
        out_features: int,
        activation: str = "linear",
        lr_multiplier: float = 1,
        bias_init: float = 0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:  # [N, in] -> [N, out]
        x = F.linear(x, self.weight * self.weight_gain, None)
        return activate(x, self.bias * self.bias_gain, activation=self.activation)


class Conv(nn.Module):
    """Convolution of the discriminator and of residual skips; `up`/`down` 2 resample with the low-pass filter."""

    resample_filter: Tensor

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        clamp: float | None = None,
        filter_taps: list[int],
    ) -> None:
        super().__init__()
        self.activation, self.up, self.down, self.clamp = activation, up, down, clamp
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)
        self.register_buffer("resample_filter", filter_2d(filter_taps))

    def forward(self, x: Tensor, *, gain: float = 1) -> Tensor:
        x = convolve(x, self.weight * self.weight_gain, self.resample_filter, up=self.up, down=self.down)
        clamp = self.clamp
        return activate(x, self.bias, activation=self.activation, gain=gain, clamp=clamp)


def modulated_convolve(
    x: Tensor, weight: Tensor, style: Tensor, kernel: Tensor, *, up: int, demodulate: bool
) -> Tensor:
    """Scale the input channels, convolve with shared weights, scale back (StyleGAN2, equations 1 and 3).

    `x` [N, I, H, W], `weight` [O, I, k, k], `style` [N, I]; one convolution serves the whole batch.
    """
    x = convolve(x * style.to(x.dtype)[:, :, None, None], weight, kernel, up=up)
    if not demodulate:
        return x
    # σ_o⁻¹ = (Σ_{i,k} (s_i w_{o,i,k})² + ε)^-½
    energy = style.square() @ weight.square().sum(dim=[2, 3]).t()  # [N, O]
    return x * (energy + 1e-8).rsqrt().to(x.dtype)[:, :, None, None]
