"""StyleGAN2's generator: mapping and synthesis.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv 1912.04958); parameter names and
semantics of stylegan2-ada-pytorch, so that its weights fit one to one.
"""

import torch
from torch import Tensor, nn

from .mapping import Mapping
from .synthesis import Architecture, NoiseMode, Synthesis


class Generator(nn.Module):
    """StyleGAN2's generator: `mapping` and `synthesis`."""

    def __init__(
        self,
        *,
        z_dim: int,
        w_dim: int,
        c_dim: int = 0,
        img_resolution: int,
        img_channels: int = 3,
        mapping_layers: int = 8,
        mapping_lr_multiplier: float = 0.01,
        channel_base: int | dict[str, int] = 32768,
        channel_max: int = 512,
        architecture: Architecture = "skip",
        conv_clamp: float | None = None,
        filter_taps: list[int] | None = None,
    ) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.c_dim, self.img_resolution = z_dim, w_dim, c_dim, img_resolution
        self.synthesis = Synthesis(
            w_dim=w_dim,
            img_resolution=img_resolution,
            img_channels=img_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            architecture=architecture,
            conv_clamp=conv_clamp,
            filter_taps=filter_taps or [1, 3, 3, 1],
        )
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(
            z_dim=z_dim,
            c_dim=c_dim,
            w_dim=w_dim,
            num_ws=self.num_ws,
            num_layers=mapping_layers,
            lr_multiplier=mapping_lr_multiplier,
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


def mix_styles(first: Tensor, second: Tensor, *, crossover: int) -> Tensor:
    """`first` up to layer `crossover`, `second` from there on.  # [N, num_ws, w_dim]"""
    return torch.cat([first[:, :crossover], second[:, crossover:]], dim=1)
