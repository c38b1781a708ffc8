"""StyleGAN3's generator, configurations T and R: mapping and synthesis.

Karras et al. 2021, "Alias-Free Generative Adversarial Networks" (arXiv 2106.12423); parameter names and semantics of
NVIDIA's stylegan3, so that its weights fit one to one. Its discriminator is StyleGAN2's.
"""

from typing import Any

import torch
from torch import Tensor, nn

from .mapping import Mapping
from .stylegan3_geometry import layers
from .stylegan3_layers import SynthesisInput, SynthesisLayer
from .synthesis import NoiseMode

W_AVG_BETA = 0.998


class Synthesis(nn.Module):
    """w of the input and of each layer -> image."""

    def __init__(
        self,
        *,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        output_scale: float = 0.25,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256,
        **geometry: Any,
    ) -> None:
        """`geometry`: the arguments of `stylegan3_geometry.layers`."""
        super().__init__()
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.output_scale = output_scale
        stages = layers(img_resolution=img_resolution, img_channels=img_channels, **geometry)
        self.layer_names = [stage.name for stage in stages]
        self.num_ws = len(stages) + 1
        self.input = SynthesisInput(w_dim=w_dim, signal=stages[0].source)
        for stage in stages:
            layer = SynthesisLayer(w_dim=w_dim, geometry=stage, clamp=conv_clamp, use_radial_filters=use_radial_filters)
            self.add_module(stage.name, layer)

    def layers(self) -> dict[str, SynthesisLayer]:
        """Layers by name, from the input to the image."""
        return {name: self.get_submodule(name) for name in self.layer_names}  # pyright: ignore

    def styles(self, ws: Tensor) -> dict[str, Tensor]:
        """StyleSpace: `ws` [N, num_ws, w_dim] -> {"input": [N, 4], "L0_36_512": [N, C], …}."""
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws: expected shape [N, {self.num_ws}, {self.w_dim}], got {list(ws.shape)}")
        modules = [self.input, *self.layers().values()]
        names = ["input", *self.layer_names]
        return {name: module.affine(ws[:, i]) for i, (name, module) in enumerate(zip(names, modules, strict=True))}

    def render(
        self,
        styles: dict[str, Tensor],
        *,
        noise_mode: NoiseMode = "const",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Styles by layer -> [N, 3, H, W], nominally in [-1, 1]. `noise_mode`, `generator`: there is no noise input."""
        x = self.input(styles["input"], dtype=dtype)
        for name, layer in self.layers().items():
            x = layer(x, styles[name], dtype=dtype)
        return x.to(self.input.weight.dtype) * self.output_scale

    def forward(
        self,
        ws: Tensor,
        *,
        noise_mode: NoiseMode = "const",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """`ws` [N, num_ws, w_dim] -> [N, 3, H, W], nominally in [-1, 1], float32.

        `dtype`: precision of convolutions and filters (float32 or bfloat16). `noise_mode` and `generator` are those of
        StyleGAN2; there is no noise input for them here. An image depends on its batch by about 1e-7 of its range.
        """
        return self.render(self.styles(ws), noise_mode=noise_mode, dtype=dtype, generator=generator)


class Generator(nn.Module):
    """StyleGAN3's generator: `mapping` and `synthesis`; the defaults are those of configuration T.

    Configuration R: channel_base 65536, channel_max 1024, conv_kernel 1, use_radial_filters.
    """

    def __init__(
        self,
        *,
        z_dim: int,
        w_dim: int,
        c_dim: int = 0,
        img_resolution: int,
        img_channels: int = 3,
        mapping_layers: int = 2,
        mapping_lr_multiplier: float = 0.01,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_layers: int = 14,
        num_critical: int = 2,
        first_cutoff: float = 2,
        first_stopband: float = 2**2.1,
        last_stopband_rel: float = 2**0.3,
        margin_size: int = 10,
        output_scale: float = 0.25,
        conv_kernel: int = 3,
        filter_size: int = 6,
        lrelu_upsampling: int = 2,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256,
    ) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.c_dim, self.img_resolution = z_dim, w_dim, c_dim, img_resolution
        self.synthesis = Synthesis(
            w_dim=w_dim,
            img_resolution=img_resolution,
            img_channels=img_channels,
            output_scale=output_scale,
            use_radial_filters=use_radial_filters,
            conv_clamp=conv_clamp,
            channel_base=channel_base,
            channel_max=channel_max,
            num_layers=num_layers,
            num_critical=num_critical,
            first_cutoff=first_cutoff,
            first_stopband=first_stopband,
            last_stopband_rel=last_stopband_rel,
            margin_size=margin_size,
            conv_kernel=conv_kernel,
            filter_size=filter_size,
            lrelu_upsampling=lrelu_upsampling,
        )
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(
            z_dim=z_dim,
            c_dim=c_dim,
            w_dim=w_dim,
            num_ws=self.num_ws,
            num_layers=mapping_layers,
            lr_multiplier=mapping_lr_multiplier,
            w_avg_beta=W_AVG_BETA,
        )

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        *,
        psi: float = 1,
        cutoff: int | None = None,
        noise_mode: NoiseMode = "const",
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """`z` [N, z_dim] -> [N, 3, H, W], nominally in [-1, 1]."""
        return self.synthesis(self.mapping(z, c, psi=psi, cutoff=cutoff), noise_mode=noise_mode, dtype=dtype)
