"""Low-pass filters of StyleGAN3: their design, and resampling with them.

Karras et al. 2021 (arXiv 2106.12423), appendix C: windowed sinc and jinc filters, Kaiser's window. The filters run as
depthwise convolutions, one axis after the other, on channels-last images.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def design(*, taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> Tensor | None:
    """Low-pass filter that sums to 1, float32 [taps], or [taps, taps] where `radial`; None for one tap.

    cutoff, half_width (of the transition band) and rate (of the samples) in the same unit.
    """
    if taps == 1:
        return None
    window = _kaiser(taps, width=2 * half_width / (rate / 2))
    t = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / rate
    # h(t) = sinc(2 f_c t) · window, and in two dimensions J₁(2π f_c r) / (π r) · window(x) window(y)
    h = torch.sinc(2 * cutoff * t) * window
    if radial:
        radius = torch.hypot(t[:, None], t[None, :]) * math.pi
        jinc = torch.special.bessel_j1(2 * cutoff * radius) / radius
        h = jinc.where(radius > 0, jinc.new_tensor(cutoff)) * torch.outer(window, window)
    return (h / h.sum()).float()


def _kaiser(taps: int, *, width: float) -> Tensor:
    """Kaiser's window for a transition band of `width`, in units of half the rate (Kaiser 1974)."""
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95  # dB
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    else:
        above = max(attenuation - 21, 0)
        beta = 0.5842 * above**0.4 + 0.07886 * above
    return torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)


def upsample(x: Tensor, kernel: Tensor | None, *, up: int, padding: tuple[int, int]) -> Tensor:
    """Zero-stuff, pad, low-pass with gain up².  # [N, C, S, S] -> [N, C, T, T], T = up·S + Σ padding − taps + 1

    `kernel` [taps] or None (up 1); `padding`: zeros before and after, in samples of the result; below 0, it crops.
    """
    low, high = padding
    if kernel is None:
        return F.pad(x, [low, high, low, high]) if low or high else x
    # The transposed convolution gives every sample that the filter reaches: what is not wanted of them is cropped.
    crop = len(kernel) - 1 - low, len(kernel) - up - high
    shared = max(min(crop), 0)
    for shape, factors, pads in _axes(len(kernel), up, shared):
        weight = (up * kernel).to(x.dtype).view(shape).expand(x.shape[1], *shape[1:])
        x = F.conv_transpose2d(x, weight, stride=factors, padding=pads, groups=x.shape[1])
    low, high = shared - crop[0], shared - crop[1]
    return F.pad(x, [low, high, low, high]) if low or high else x


def downsample(x: Tensor, kernel: Tensor | None, *, down: int, gain: float = 1) -> Tensor:
    """Low-pass with `gain`, then keep every `down`-th sample.  # [N, C, S, S] -> [N, C, T, T]

    T = (S − taps) // down + 1. `kernel` [taps], [taps, taps] or None (down 1).
    """
    if kernel is None:
        return x if gain == 1 else x * gain
    if kernel.ndim == 2:
        weight = (gain * kernel.flip([0, 1])).to(x.dtype).expand(x.shape[1], 1, *kernel.shape)
        return F.conv2d(x, weight, stride=down, groups=x.shape[1])
    each = (math.sqrt(gain) * kernel.flip([0])).to(x.dtype)
    for shape, factors, _ in _axes(len(kernel), down, 0):
        x = F.conv2d(x, each.view(shape).expand(x.shape[1], *shape[1:]), stride=factors, groups=x.shape[1])
    return x


def _axes(taps: int, factor: int, padding: int) -> list[tuple[list[int], tuple[int, int], tuple[int, int]]]:
    """Weight's shape, stride and padding along the height, then along the width."""
    return [([1, 1, taps, 1], (factor, 1), (padding, 0)), ([1, 1, 1, taps], (1, factor), (0, padding))]
