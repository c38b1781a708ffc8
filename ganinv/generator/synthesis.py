"""StyleGAN2's synthesis network: styles, modulated convolutions, noise inputs, skip outputs."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from .layers import (
    Conv,
    FullyConnected,
    activate,
    block_resolutions,
    channels,
    filter_2d,
    modulated_convolve,
    upsample,
)

NoiseMode = Literal["const", "random", "none"]
Architecture = Literal["skip", "resnet", "orig"]
SQRT_HALF = math.sqrt(0.5)


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias, leaky ReLU."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        up: int = 1,
        clamp: float | None,
        filter_taps: list[int],
    ) -> None:
        super().__init__()
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self.affine = FullyConnected(in_features=w_dim, out_features=in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.register_buffer("resample_filter", filter_2d(filter_taps))

    def forward(
        self,
        x: Tensor,
        style: Tensor,
        *,
        noise_mode: NoiseMode,
        generator: torch.Generator | None,
        gain: float = 1,
    ) -> Tensor:
        x = modulated_convolve(x, self.weight, style, self.resample_filter, up=self.up, demodulate=True)
        noise = self._noise(len(x), noise_mode, generator)
        if noise is not None:
            x = x + (self.noise_strength * noise).to(x.dtype)
        return activate(x, self.bias, activation="lrelu", gain=gain, clamp=self.clamp)

    def _noise(self, count: int, mode: NoiseMode, generator: torch.Generator | None) -> Tensor | None:
        if mode == "const":
            return self.noise_const
        if mode == "none":
            return None
        shape, device = (count, 1, self.resolution, self.resolution), self.noise_const.device
        return torch.randn(shape, generator=generator, device=device)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to the image, without demodulation."""

    def __init__(self, *, in_channels: int, out_channels: int, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(in_features=w_dim, out_features=in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:  # -> [N, 3, H, W] float32
        style = style * self.weight_gain
        x = modulated_convolve(x, self.weight, style, self.weight.new_ones(1, 1), up=1, demodulate=False)
        return activate(x, self.bias, activation="linear", clamp=self.clamp).float()


class SynthesisBlock(nn.Module):
    """One resolution: one or two convolutions and, where the architecture has it, ToRGB or a residual skip."""

    resample_filter: Tensor

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        is_last: bool,
        architecture: Architecture,
        clamp: float | None,
        filter_taps: list[int],
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", filter_2d(filter_taps))
        common = {"w_dim": w_dim, "resolution": resolution, "clamp": clamp, "filter_taps": filter_taps}
        if in_channels:
            self.conv0 = SynthesisLayer(in_channels=in_channels, out_channels=out_channels, up=2, **common)
        else:
            self.const = nn.Parameter(torch.randn(out_channels, 4, 4))
        self.conv1 = SynthesisLayer(in_channels=out_channels, out_channels=out_channels, **common)
        if is_last or architecture == "skip":
            self.torgb = ToRGB(in_channels=out_channels, out_channels=img_channels, w_dim=w_dim, clamp=clamp)
        if in_channels and architecture == "resnet":
            self.skip = Conv(
                in_channels=in_channels,
                out_channels=out_channels,
                kernel_size=1,
                bias=False,
                up=2,
                filter_taps=filter_taps,
            )

    def layers(self) -> list[str]:
        """Names of the modulated layers in the order in which they take their w."""
        return [name for name in ("conv0", "conv1", "torgb") if hasattr(self, name)]

    def affine(self, layer: str) -> FullyConnected:
        """The map from w to the style of one of them."""
        return self.get_submodule(f"{layer}.affine")  # pyright: ignore

    def forward(
        self,
        x: Tensor | None,
        img: Tensor | None,
        styles: dict[str, Tensor],
        *,
        dtype: torch.dtype,
        noise_mode: NoiseMode,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor | None]:
        """`styles` by layer name [N, C]; -> features [N, C, H, W] and the running image [N, 3, H, W] in float32."""
        noise = {"noise_mode": noise_mode, "generator": generator}
        residual = None
        if x is None:
            x = self.const.to(dtype).expand(len(styles["conv1"]), -1, -1, -1)
            x = x.contiguous(memory_format=torch.channels_last)
        else:
            residual = self.skip(x, gain=SQRT_HALF) if self.architecture == "resnet" else None
            x = self.conv0(x, styles["conv0"], **noise)
        y: Tensor = self.conv1(x, styles["conv1"], gain=1 if residual is None else SQRT_HALF, **noise)
        y = y if residual is None else residual + y
        return y, self._add_rgb(y, img, styles)

    def _add_rgb(self, x: Tensor, img: Tensor | None, styles: dict[str, Tensor]) -> Tensor | None:
        if img is not None:
            img = upsample(img, self.resample_filter)
        if not hasattr(self, "torgb"):
            return img
        rgb = self.torgb(x, styles["torgb"])
        return rgb if img is None else img + rgb


class Synthesis(nn.Module):
    """w of each layer -> image."""

    def __init__(
        self,
        *,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        channel_base: int | dict[str, int] = 32768,
        channel_max: int = 512,
        architecture: Architecture = "skip",
        conv_clamp: float | None = None,
        filter_taps: list[int],
    ) -> None:
        super().__init__()
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.resolutions = block_resolutions(img_resolution)
        self.num_ws = 2 * len(self.resolutions)
        for resolution in self.resolutions:
            width = {"channel_base": channel_base, "channel_max": channel_max}
            block = SynthesisBlock(
                in_channels=channels(resolution // 2, **width) if resolution > 4 else 0,
                out_channels=channels(resolution, **width),
                w_dim=w_dim,
                resolution=resolution,
                img_channels=img_channels,
                is_last=resolution == img_resolution,
                architecture=architecture,
                clamp=conv_clamp,
                filter_taps=filter_taps,
            )
            self.add_module(f"b{resolution}", block)

    def blocks(self) -> dict[str, SynthesisBlock]:
        """Blocks by name, from 4 pixels up."""
        return {f"b{r}": self.get_submodule(f"b{r}") for r in self.resolutions}  # pyright: ignore

    def styles(self, ws: Tensor) -> dict[str, Tensor]:
        """StyleSpace (Wu et al. 2021): `ws` [N, num_ws, w_dim] -> {"b4.conv1": [N, C], "b4.torgb": [N, 3], …}."""
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws: expected shape [N, {self.num_ws}, {self.w_dim}], got {list(ws.shape)}")
        styles, start = {}, 0
        for name, block in self.blocks().items():
            # A block's ToRGB shares its w with the next block's first convolution.
            for offset, layer in enumerate(block.layers()):
                styles[f"{name}.{layer}"] = block.affine(layer)(ws[:, start + offset])
            start += len(block.layers()) - hasattr(block, "torgb")
        return styles

    def render(
        self,
        styles: dict[str, Tensor],
        *,
        noise_mode: NoiseMode = "const",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Styles by layer -> [N, 3, H, W], nominally in [-1, 1], float32."""
        x, img = None, None
        for name, block in self.blocks().items():
            own = {layer: styles[f"{name}.{layer}"] for layer in block.layers()}
            x, img = block(x, img, own, dtype=dtype, noise_mode=noise_mode, generator=generator)
        assert img is not None
        return img

    def forward(
        self,
        ws: Tensor,
        *,
        noise_mode: NoiseMode = "const",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """`ws` [N, num_ws, w_dim] -> [N, 3, H, W], nominally in [-1, 1], float32.

        `noise_mode`: "const" the stored maps, "random" fresh ones (from `generator`), "none". `dtype`: precision of
        the convolutions (float32 or bfloat16).
        """
        return self.render(self.styles(ws), noise_mode=noise_mode, dtype=dtype, generator=generator)
