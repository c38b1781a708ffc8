"""What a reader of another project's encoder hands over."""

from dataclasses import dataclass, field

from torch import Tensor

from ..networks.encoder import Architecture


@dataclass(frozen=True, kw_only=True)
class Found:
    """An encoder in our names, its shapes compared with its architecture, not yet built.

    tensors: float32 on the CPU, names of `networks.encoder.Encoder`. start: the latent that its offsets are added to,
    [num_ws, w_dim]; None: the file has none, and the generator's own average is meant. norms: Euclidean norm of each
    weight of the generator in the file, names of stylegan2-ada-pytorch; empty where there is none.
    """

    form: str
    architecture: Architecture
    tensors: dict[str, Tensor]
    start: Tensor | None
    norms: dict[str, float] = field(default_factory=dict)
