"""Muon: momentum whose singular values are all brought near 1, so that no direction of a layer is left behind.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; `torch.optim.Muon` is the same for plain matrices. Here
the Newton-Schulz iteration runs on the Gram matrix, which for a convolution is many times smaller than its weights, and
serves several steps.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .whitening import Whitening

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic, Jordan et al.
ITERATIONS = 6


class Muon(Optimizer):
    """For weights [out, in, k, k], each seen as a matrix [out, in·k²].

    lr: root mean square of a weight's change in one step; of a weight that has a whitening, the norm of its matrix's
    change in those coordinates. momentum: of the gradient's average, with Nesterov's look ahead. refresh: steps that
    share an inverse root. whitenings: coordinates in which singular values are brought near 1 and steps are taken.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float,
        refresh: int = 3,
        whitenings: Mapping[nn.Parameter, Whitening] | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "refresh": refresh})
        self.whitenings = {weight: whitening.to(weight.device) for weight, whitening in (whitenings or {}).items()}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # pyright: ignore
        """Move each weight that has a gradient, which `closure` may compute."""
        if closure is not None:
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    change = self._change(weight, momentum=group["momentum"], refresh=group["refresh"])
                    weight.sub_(change.view_as(weight), alpha=group["lr"])

    def _change(self, weight: nn.Parameter, *, momentum: float, refresh: int) -> Tensor:
        """The momentum's matrix with nearly equal singular values and a root mean square of 1, or, where the weight
        has a whitening, the norm 1 in those coordinates.  # [out, in·k²]
        """
        assert weight.grad is not None
        whitening, state = self.whitenings.get(weight), self.state[weight]
        gradient = weight.grad.flatten(1) if whitening is None else whitening(weight.grad.flatten(1))
        if not state:
            state |= {"step": 0, "average": torch.zeros_like(gradient)}
        state["average"].lerp_(gradient, 1 - momentum)
        matrix = gradient.lerp(state["average"], momentum)
        if state["step"] % refresh == 0:
            state["root"] = inverse_root(matrix)
        state["step"] += 1
        change = state["root"] @ matrix if is_wide(matrix) else matrix @ state["root"]
        if whitening is not None:
            return whitening(change / (change.norm() + 1e-10))
        return change * (change.square().mean() + 1e-20).rsqrt()


def is_wide(matrix: Tensor) -> bool:
    """Whether the rows are the fewer."""
    return matrix.shape[0] <= matrix.shape[1]


def inverse_root(matrix: Tensor) -> Tensor:
    """About (M Mᵀ)^-½, or (Mᵀ M)^-½ where M is tall, up to a factor.  # [a, b] -> [c, c], c = min(a, b)

    X ← (a I + b A + c A²) X with A = X Xᵀ, from X = M / ‖M Mᵀ‖^½. Every X is a polynomial in the first A, times M;
    these polynomials commute, so A itself can be carried along.
    """
    gram = matrix @ matrix.t() if is_wide(matrix) else matrix.t() @ matrix
    gram = gram / (gram.norm() + 1e-30)
    a, b, c = COEFFICIENTS
    unit = torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
    root = unit
    for _ in range(ITERATIONS):
        factor = a * unit + b * gram + c * (gram @ gram)
        root, gram = factor @ root, factor @ gram @ factor
    return root
