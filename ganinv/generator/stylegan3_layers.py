"""StyleGAN3's input and layers (Karras et al. 2021, arXiv 2106.12423) in plain PyTorch.

Names and semantics of the parameters are those of NVIDIA's stylegan3. No compiled operations; every layer can be
differentiated twice. Weights stay float32; `dtype` is the precision of convolutions and filters alone.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import lowpass
from .layers import LRELU_SLOPE, SQRT2, FullyConnected, activate
from .stylegan3_geometry import Geometry, Signal


class SynthesisInput(nn.Module):
    """Plane waves under a rotation and translation that w decides: a picture without a pixel grid of its own."""

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, *, w_dim: int, signal: Signal) -> None:
        super().__init__()
        self.signal = signal
        self.affine = FullyConnected(in_features=w_dim, out_features=4)
        with torch.no_grad():  # no rotation, no translation
            self.affine.weight.zero_()
            self.affine.bias[0] = 1
        self.weight = nn.Parameter(torch.randn(signal.channels, signal.channels))
        self.register_buffer("transform", torch.eye(3))  # the user's own, after w's
        self.register_buffer("freqs", _frequencies(signal))  # cycles over the picture's side
        self.register_buffer("phases", torch.rand(signal.channels) - 0.5)

    # x = A sin(2π (f · p + φ)) Wᵀ / √C at every point p
    def forward(self, style: Tensor, *, dtype: torch.dtype) -> Tensor:  # [N, 4] -> [N, C, S, S]
        transform = _motion(style) @ self.transform  # [N, 3, 3]
        phases = self.phases + (self.freqs @ transform[:, :2, 2:])[..., 0]  # [N, C]
        freqs = self.freqs @ transform[:, :2, :2]  # [N, C, 2]
        s = self.signal
        steps = (torch.arange(s.size, dtype=style.dtype, device=style.device) + 0.5 - s.size / 2) / s.rate
        across, along = freqs[:, None, None, :, 0], freqs[:, None, None, :, 1]
        angle = across * steps[:, None] + (along * steps[:, None, None] + phases[:, None, None])  # [N, S, S, C]
        # Above the band, damped to nothing at half the rate.
        amplitude = 1 - (freqs.norm(dim=2) - s.cutoff) / (s.rate / 2 - s.cutoff)  # [N, C]
        waves = torch.sin(2 * math.pi * angle) * amplitude.clamp(0, 1)[:, None, None]
        mixed = waves.to(dtype) @ (self.weight / math.sqrt(s.channels)).t().to(dtype)
        return mixed.permute(0, 3, 1, 2)


def _frequencies(signal: Signal) -> Tensor:
    """Directions at random, lengths nearly uniform over the disc up to the cutoff.  # [C, 2]"""
    freqs = torch.randn(signal.channels, 2)
    radii = freqs.norm(dim=1, keepdim=True)
    return freqs / (radii * radii.square().exp().pow(0.25)) * signal.cutoff


def _motion(style: Tensor) -> Tensor:
    """(cos, sin, x, y) up to a factor -> rotation after translation, homogeneous.  # [N, 4] -> [N, 3, 3]"""
    cos, sin, x, y = (style / style[:, :2].norm(dim=1, keepdim=True)).unbind(dim=1)
    none, one = torch.zeros_like(cos), torch.ones_like(cos)
    rotation = torch.stack([cos, -sin, none, sin, cos, none, none, none, one], dim=1).view(-1, 3, 3)
    translation = torch.stack([one, none, -x, none, one, -y, none, none, one], dim=1).view(-1, 3, 3)
    return rotation @ translation


class SynthesisLayer(nn.Module):
    """Modulated convolution, bias, then a leaky ReLU on finer samples: filter up, clamp, filter down."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, *, w_dim: int, geometry: Geometry, clamp: float | None, use_radial_filters: bool) -> None:
        super().__init__()
        self.geometry, self.clamp, g = geometry, clamp, geometry
        self.affine = FullyConnected(in_features=w_dim, out_features=g.source.channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(g.target.channels, g.source.channels, g.kernel, g.kernel))
        self.bias = nn.Parameter(torch.zeros(g.target.channels))
        self.register_buffer("magnitude_ema", torch.ones([]))  # E x² of the input, as the training left it
        radial = use_radial_filters and not g.is_critical
        source = {"cutoff": g.source.cutoff, "half_width": g.source.half_width, "rate": g.rate}
        target = {"cutoff": g.target.cutoff, "half_width": g.target.half_width, "rate": g.rate, "radial": radial}
        self.register_buffer("up_filter", lowpass.design(taps=g.up_taps, **source))
        self.register_buffer("down_filter", lowpass.design(taps=g.down_taps, **target))

    def forward(self, x: Tensor, style: Tensor, *, dtype: torch.dtype) -> Tensor:
        """`x` [N, I, S, S], `style` [N, I] -> [N, O, T, T]."""
        g, gain = self.geometry, self.magnitude_ema.rsqrt()
        x = x.to(dtype)
        if g.is_rgb:
            weight_gain = 1 / math.sqrt(g.source.channels * g.kernel**2)
            x = modulated_convolve(x, self.weight, style * weight_gain * gain, demodulate=False)
        else:
            x = modulated_convolve(x, self.weight, style, demodulate=True, gain=gain)
        if g.is_rgb:
            return activate(x, self.bias, activation="linear", clamp=self.clamp)
        x = x + self.bias.to(dtype)[:, None, None]
        x = lowpass.upsample(x, self.up_filter, up=g.up, padding=g.padding)
        # The gain √2 comes with the filter: a pass over the finest samples less.
        x = F.leaky_relu(x, LRELU_SLOPE)
        x = x if self.clamp is None else x.clamp(-self.clamp / SQRT2, self.clamp / SQRT2)
        return lowpass.downsample(x, self.down_filter, down=g.down, gain=SQRT2)


def modulated_convolve(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, gain: Tensor | None = None
) -> Tensor:
    """Scale the input channels, convolve with shared weights, scale back (and by `gain`, a scalar).

    `x` [N, I, H, W], `weight` [O, I, k, k], `style` [N, I] -> [N, O, H + k − 1, W + k − 1]. Before demodulation the
    weights are brought to mean square 1 for each output, the styles to mean square 1 over the whole batch.
    """
    if demodulate:
        weight = weight * weight.square().mean(dim=[1, 2, 3], keepdim=True).rsqrt()
        style = style * style.square().mean().rsqrt()
    x = F.conv2d(x * style.to(x.dtype)[:, :, None, None], weight.to(x.dtype), padding=weight.shape[2] - 1)
    if not demodulate:
        return x
    # σ_o⁻¹ = (Σ_{i,k} (s_i w_{o,i,k})² + ε)^-½
    energy = style.square() @ weight.square().sum(dim=[2, 3]).t()  # [N, O]
    scale = (energy + 1e-8).rsqrt() if gain is None else (energy + 1e-8).rsqrt() * gain
    return x * scale.to(x.dtype)[:, :, None, None]
