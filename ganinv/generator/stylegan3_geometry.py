"""Sizes, bandwidths and widths of StyleGAN3's layers (Karras et al. 2021, arXiv 2106.12423, sections 3 and 4).

Frequencies are in cycles over the side of the picture, rates in samples over it; the margin around it is extra.
"""

import math
from dataclasses import dataclass

MAX_LAYERS = 64
MAX_FILTER = 64  # taps or samples, so that a broken record cannot take all memory


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What stands between two layers: its samples and the band that they carry."""

    size: int  # samples on a side, margins included
    rate: int  # samples over the picture's side, without margins
    cutoff: float  # f_c
    half_width: float  # f_h, of the transition band
    channels: int


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """One layer: a convolution, then a nonlinearity between a filter up and a filter down."""

    index: int
    source: Signal
    target: Signal
    is_critical: bool  # its cutoff is half its rate: sharper than an alias-free band
    is_rgb: bool  # the last layer: neither nonlinearity nor filters
    kernel: int
    rate: int  # of the nonlinearity
    filter_size: int  # taps for each step of the factors

    @property
    def name(self) -> str:
        """Of the layer in the state dict."""
        return f"L{self.index}_{self.target.size}_{self.target.channels}"

    @property
    def up(self) -> int:
        """How many times finer the nonlinearity's samples are than the source's."""
        return self.rate // self.source.rate

    @property
    def down(self) -> int:
        """How many times finer they are than the target's."""
        return self.rate // self.target.rate

    @property
    def up_taps(self) -> int:
        """Length of the filter up; 1: there is none."""
        return 1 if self.is_rgb or self.up == 1 else self.filter_size * self.up

    @property
    def down_taps(self) -> int:
        """Length of the filter down; 1: there is none."""
        return 1 if self.is_rgb or self.down == 1 else self.filter_size * self.down

    @property
    def padding(self) -> tuple[int, int]:
        """Samples at the nonlinearity's rate that are added (below 0: taken away) before and after the filter up."""
        wanted = (self.target.size - 1) * self.down + 1
        total = wanted - (self.source.size + self.kernel - 1) * self.up + self.up_taps + self.down_taps - 2
        low = (total + self.up) // 2
        return low, total - low


def layers(
    *,
    img_resolution: int,
    img_channels: int = 3,
    channel_base: int = 32768,
    channel_max: int = 512,
    num_layers: int = 14,
    num_critical: int = 2,
    first_cutoff: float = 2,
    first_stopband: float = 2**2.1,
    last_stopband_rel: float = 2**0.3,
    margin_size: int = 10,
    conv_kernel: int = 3,
    filter_size: int = 6,
    lrelu_upsampling: int = 2,
) -> list[Geometry]:
    """`num_layers` + 1 layers, the one to RGB last; defaults of config T. Raises ValueError."""
    _check(img_resolution, num_layers=num_layers, num_critical=num_critical)
    _check_filters(kernel=conv_kernel, size=filter_size, upsampling=lrelu_upsampling, margin=margin_size)
    if not 0 < first_cutoff < img_resolution / 2 or first_stopband < first_cutoff or last_stopband_rel < 1:
        raise ValueError("first_cutoff, first_stopband, last_stopband_rel: each band must lie below its stopband")
    signals = []
    for i in range(num_layers + 1):
        # f_c(i) = first (R/2 / first)^e, f_t(i) alike, e = min(i / (L − critical), 1)
        exponent, nyquist = min(i / (num_layers - num_critical), 1), img_resolution / 2
        cutoff = first_cutoff * (nyquist / first_cutoff) ** exponent
        stopband = first_stopband * (nyquist * last_stopband_rel / first_stopband) ** exponent
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, img_resolution)))
        signal = Signal(
            size=rate + 2 * margin_size if i < num_layers - 1 else img_resolution,
            rate=rate,
            cutoff=cutoff,
            half_width=max(stopband, rate / 2) - cutoff,
            channels=round(min(channel_base / 2 / cutoff, channel_max)) if i < num_layers else img_channels,
        )
        signals.append(signal)
    return [
        Geometry(
            index=i,
            source=signals[max(i - 1, 0)],
            target=target,
            is_critical=i >= num_layers - num_critical,
            is_rgb=i == num_layers,
            kernel=1 if i == num_layers else conv_kernel,
            rate=max(signals[max(i - 1, 0)].rate, target.rate) * (1 if i == num_layers else lrelu_upsampling),
            filter_size=filter_size,
        )
        for i, target in enumerate(signals)
    ]


def _check(img_resolution: int, *, num_layers: int, num_critical: int) -> None:
    if img_resolution < 8 or img_resolution & (img_resolution - 1):
        raise ValueError(f"img_resolution: must be a power of two of at least 8, got {img_resolution}")
    if not 2 <= num_layers <= MAX_LAYERS or not 0 <= num_critical < num_layers:
        found = f"{num_layers} and {num_critical}"
        raise ValueError(f"num_layers, num_critical: 2 to {MAX_LAYERS} and fewer are needed, got {found}")


def _check_filters(*, kernel: int, size: int, upsampling: int, margin: int) -> None:
    if upsampling not in (1, 2, 4):
        raise ValueError(f"lrelu_upsampling: must be 1, 2 or 4, got {upsampling}")
    for name, value, least in (("conv_kernel", kernel, 1), ("filter_size", size, 1), ("margin_size", margin, 0)):
        if not least <= value <= MAX_FILTER:
            raise ValueError(f"{name}: must lie in {least} to {MAX_FILTER}, got {value}")
