"""The discriminator that tells an encoder's w from mapped ones (Tov et al. 2021, arXiv 2102.02766), and its pools."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS, SLOPE = 4, 0.2


class LatentDiscriminator(nn.Module):
    """w -> logit."""

    def __init__(self, *, w_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for _ in range(LAYERS - 1):
            self.layers.extend([nn.Linear(w_dim, w_dim), nn.LeakyReLU(SLOPE)])
        self.layers.append(nn.Linear(w_dim, 1))

    def forward(self, w: Tensor) -> Tensor:  # [..., w_dim] -> [...]
        return self.layers(w).squeeze(-1)

    def loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """−log σ(D(w)) − log(1 − σ(D(E(x)))), the mean over [N, w_dim] of each."""
        return F.softplus(-self(real)).mean() + F.softplus(self(fake)).mean()

    def penalty(self, real: Tensor) -> Tensor:
        """R1: E ‖∇ D(w)‖²."""
        real = real.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(real).sum(), real, create_graph=True)
        return gradient.square().sum(dim=1).mean()


class Pool(nn.Module):
    """Latents of earlier steps: once full, half of the new ones change places with stored ones.

    What is stored lies in buffers, so that a snapshot of the training holds it.
    """

    stored: Tensor  # [size, w_dim]
    count: Tensor

    def __init__(self, *, size: int, w_dim: int) -> None:
        super().__init__()
        self.register_buffer("stored", torch.zeros(size, w_dim))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def exchange(self, ws: Tensor, *, random: torch.Generator) -> Tensor:
        """`ws` [N, w_dim] -> as many, some of them stored before."""
        given, size = ws.clone(), len(self.stored)
        for row, w in enumerate(ws):
            if (filled := int(self.count)) < size:
                self.stored[filled] = w
                self.count += 1
            elif torch.rand(1, generator=random) < 0.5:
                place = int(torch.randint(size, (1,), generator=random))
                given[row], self.stored[place] = self.stored[place].clone(), w
        return given
