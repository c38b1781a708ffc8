"""StyleGAN2's discriminator with minibatch standard deviation (Karras et al. 2018, section 3)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .layers import Conv, FullyConnected, block_resolutions, blur, channels, filter_2d
from .mapping import Mapping
from .synthesis import SQRT_HALF, Architecture


def minibatch_stddev(x: Tensor, *, group_size: int | None, num_channels: int) -> Tensor:
    """Append the standard deviation within groups as `num_channels` constant maps.

    `x` [N, C, H, W] -> [N, C + num_channels, H, W]. Image i belongs to group i mod (N / G), G = min(group_size, N).
    """
    n, c, h, w = x.shape
    group = n if group_size is None else min(group_size, n)
    if n % group:
        raise ValueError(
            f"batch: {n} images cannot be split into groups of {group} (minibatch standard deviation);"
            f" use a multiple of {group}, or fewer than {group}"
        )
    y = x.float().reshape(group, n // group, num_channels, c // num_channels, h, w)
    # Not Tensor.var, whose second derivative (of R1) is half as exact in float32.
    variance = (y - y.mean(dim=0)).square().mean(dim=0)
    y = (variance + 1e-8).sqrt().mean(dim=[2, 3, 4])  # [N/G, F]
    maps = y[:, :, None, None].repeat(group, 1, h, w).to(x.dtype)
    return torch.cat([x, maps], dim=1)


class DiscriminatorBlock(nn.Module):
    """Two convolutions that halve the resolution; fromRGB where the architecture has it."""

    resample_filter: Tensor

    def __init__(
        self,
        *,
        resolution: int,
        img_channels: int,
        in_channels: int,
        out_channels: int,
        is_first: bool,
        architecture: Architecture,
        clamp: float | None,
        filter_taps: list[int],
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", filter_2d(filter_taps))
        common = {"activation": "lrelu", "clamp": clamp, "filter_taps": filter_taps}
        if is_first or architecture == "skip":
            self.fromrgb = Conv(in_channels=img_channels, out_channels=in_channels, kernel_size=1, **common)
        self.conv0 = Conv(in_channels=in_channels, out_channels=in_channels, kernel_size=3, **common)
        self.conv1 = Conv(in_channels=in_channels, out_channels=out_channels, kernel_size=3, down=2, **common)
        if architecture == "resnet":
            self.skip = Conv(
                in_channels=in_channels,
                out_channels=out_channels,
                kernel_size=1,
                bias=False,
                down=2,
                filter_taps=filter_taps,
            )

    def forward(self, x: Tensor | None, img: Tensor | None, *, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        if hasattr(self, "fromrgb"):
            assert img is not None
            rgb = self.fromrgb(img.to(dtype))
            x = rgb if x is None else x + rgb
            img = self._halve(img) if self.architecture == "skip" else None
        assert x is not None
        if self.architecture != "resnet":
            return self.conv1(self.conv0(x)), img
        residual = self.skip(x, gain=SQRT_HALF)
        return residual + self.conv1(self.conv0(x), gain=SQRT_HALF), img

    def _halve(self, img: Tensor) -> Tensor:
        padding = (self.resample_filter.shape[0] - 1) // 2
        return blur(img, self.resample_filter, padding=padding, stride=2)


class DiscriminatorEpilogue(nn.Module):
    """4×4 features -> one value (or a label embedding's worth) per image."""

    def __init__(
        self,
        *,
        in_channels: int,
        cmap_dim: int,
        img_channels: int,
        architecture: Architecture,
        mbstd_group_size: int | None,
        mbstd_num_channels: int,
        clamp: float | None,
        filter_taps: list[int],
    ) -> None:
        super().__init__()
        self.mbstd_group_size, self.mbstd_num_channels = mbstd_group_size, mbstd_num_channels
        common = {"activation": "lrelu", "filter_taps": filter_taps}
        if architecture == "skip":
            self.fromrgb = Conv(in_channels=img_channels, out_channels=in_channels, kernel_size=1, **common)
        self.conv = Conv(
            in_channels=in_channels + mbstd_num_channels,
            out_channels=in_channels,
            kernel_size=3,
            clamp=clamp,
            **common,
        )
        self.fc = FullyConnected(in_features=in_channels * 16, out_features=in_channels, activation="lrelu")
        self.out = FullyConnected(in_features=in_channels, out_features=cmap_dim or 1)

    def forward(self, x: Tensor, img: Tensor | None = None) -> Tensor:
        x = x.float()
        if hasattr(self, "fromrgb"):
            assert img is not None
            x = x + self.fromrgb(img.float())
        if self.mbstd_num_channels:
            x = minibatch_stddev(x, group_size=self.mbstd_group_size, num_channels=self.mbstd_num_channels)
        return self.out(self.fc(self.conv(x).flatten(1)))


class Discriminator(nn.Module):
    """Images -> logits; a positive logit reads "real".

    micro_batch: images in one pass of the blocks (None: all), whose activations are then computed again when gradients
    are taken, so that only one pass's are held; the minibatch standard deviation still sees the whole batch.
    """

    micro_batch: int | None = None

    def __init__(
        self,
        *,
        img_resolution: int,
        img_channels: int = 3,
        c_dim: int = 0,
        channel_base: int | dict[str, int] = 32768,
        channel_max: int = 512,
        architecture: Architecture = "resnet",
        mapping_layers: int = 8,
        mapping_lr_multiplier: float = 0.01,
        conv_clamp: float | None = None,
        mbstd_group_size: int | None = 4,
        mbstd_num_channels: int = 1,
        filter_taps: list[int] | None = None,
    ) -> None:
        super().__init__()
        self.c_dim, self.img_resolution, self.img_channels = c_dim, img_resolution, img_channels
        filter_taps = filter_taps or [1, 3, 3, 1]
        width = {"channel_base": channel_base, "channel_max": channel_max}
        common = {
            "img_channels": img_channels,
            "architecture": architecture,
            "clamp": conv_clamp,
            "filter_taps": filter_taps,
        }
        self.resolutions = block_resolutions(img_resolution)[:0:-1]
        for resolution in self.resolutions:
            block = DiscriminatorBlock(
                resolution=resolution,
                in_channels=channels(resolution, **width),
                out_channels=channels(resolution // 2, **width),
                is_first=resolution == img_resolution,
                **common,
            )
            self.add_module(f"b{resolution}", block)
        cmap_dim = channels(4, **width) if c_dim else 0
        if c_dim:
            self.mapping = Mapping(
                z_dim=0,
                c_dim=c_dim,
                w_dim=cmap_dim,
                num_ws=None,
                num_layers=mapping_layers,
                lr_multiplier=mapping_lr_multiplier,
            )
        self.b4 = DiscriminatorEpilogue(
            in_channels=channels(4, **width),
            cmap_dim=cmap_dim,
            mbstd_group_size=mbstd_group_size,
            mbstd_num_channels=mbstd_num_channels,
            **common,
        )

    @property
    def group_size(self) -> int:
        """What a batch must be a multiple of (1: any size will do)."""
        return self.b4.mbstd_group_size or 1 if self.b4.mbstd_num_channels else 1

    @property
    def compares_whole_batch(self) -> bool:
        """Whether the minibatch standard deviation looks at all images of a batch together, however many."""
        return bool(self.b4.mbstd_num_channels) and self.b4.mbstd_group_size is None

    def forward(self, img: Tensor, c: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """`img` [N, 3, H, W] in [-1, 1], `c` [N, c_dim] -> logits [N]."""
        if img.ndim != 4 or img.shape[1:] != (self.img_channels, self.img_resolution, self.img_resolution):
            side = self.img_resolution
            raise ValueError(f"img: expected [N, {self.img_channels}, {side}, {side}], got {list(img.shape)}")
        parts = img.split(self.micro_batch or max(len(img), 1))
        if len(parts) == 1:
            logits = self.b4(*self.features(img, dtype=dtype))
        else:
            rows = [checkpoint(self.features, part, dtype=dtype, use_reentrant=False) for part in parts]
            logits = self.b4(*(torch.cat(column) for column in zip(*rows, strict=True)))  # pyright: ignore
        if not self.c_dim:
            return logits[:, 0]
        # Projection onto the label's embedding (Miyato & Koyama 2018).
        cmap = self.mapping(None, c)
        return (logits * cmap).sum(dim=1) / math.sqrt(cmap.shape[1])

    def features(self, img: Tensor, *, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
        """What the last block judges: 4×4 features [N, C, 4, 4] and, in the skip architecture, the image at 4×4."""
        x = rest = None
        for x, rest in self._blocks(img, dtype=dtype):  # noqa: B007  no block's output is held longer than it is needed
            pass
        assert x is not None
        return (x,) if rest is None else (x, rest)

    def block_features(self, img: Tensor) -> list[Tensor]:
        """What each block makes of `img`, from the finest: [N, C, R/2, R/2] to [N, C, 4, 4]."""
        return [x for x, _ in self._blocks(img, dtype=torch.float32)]

    def _blocks(self, img: Tensor, *, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor | None]]:
        x, rest = None, img.contiguous(memory_format=torch.channels_last)
        for resolution in self.resolutions:
            x, rest = self.get_submodule(f"b{resolution}")(x, rest, dtype=dtype)
            yield x, rest
