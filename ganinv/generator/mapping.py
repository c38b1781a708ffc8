"""StyleGAN2's mapping network: z to w, truncation, the running mean of w."""

import torch
from torch import Tensor, nn

from .layers import FullyConnected, normalise_second_moment


class Mapping(nn.Module):
    """z, and a label c where the network has labels -> w, repeated for each layer."""

    w_avg: Tensor

    def __init__(
        self,
        *,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        w_avg_beta: float = 0.995,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.num_ws, self.num_layers, self.w_avg_beta = num_ws, num_layers, w_avg_beta
        if c_dim:
            self.embed = FullyConnected(in_features=c_dim, out_features=w_dim)
        widths = [z_dim + (w_dim if c_dim else 0)] + [w_dim] * num_layers
        for i in range(num_layers):
            layer = FullyConnected(
                in_features=widths[i], out_features=widths[i + 1], activation="lrelu", lr_multiplier=lr_multiplier
            )
            self.add_module(f"fc{i}", layer)
        if num_ws is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self, z: Tensor | None, c: Tensor | None = None, *, psi: float = 1, cutoff: int | None = None
    ) -> Tensor:
        """`z` [N, z_dim] normal, `c` [N, c_dim] or None -> [N, num_ws, w_dim] ([N, w_dim] without `num_ws`)."""
        x = self._embed(z, c)
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        if self.num_ws is None:
            return x
        return self.truncate(x[:, None].repeat(1, self.num_ws, 1), psi=psi, cutoff=cutoff)

    def _embed(self, z: Tensor | None, c: Tensor | None) -> Tensor:
        if self.c_dim and c is None:
            raise ValueError(f"c: this network needs labels of shape [N, {self.c_dim}]")
        parts = [normalise_second_moment(z.float())] if z is not None and self.z_dim else []
        if self.c_dim:
            assert c is not None
            parts.append(normalise_second_moment(self.embed(c.float())))
        return torch.cat(parts, dim=1)

    def truncate(self, ws: Tensor, *, psi: float, cutoff: int | None = None) -> Tensor:
        """w_avg + psi (w − w_avg) on the first `cutoff` layers (None: all)."""
        if psi == 1:
            return ws
        head = self.w_avg.lerp(ws[:, :cutoff], psi)
        return torch.cat([head, ws[:, head.shape[1] :]], dim=1)

    @torch.no_grad()
    def update_w_avg(self, w: Tensor) -> None:
        """Exponential average of `w` [N, w_dim], for training."""
        self.w_avg.copy_(w.mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
