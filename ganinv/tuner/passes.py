"""The generator over more latents than fit into memory at once."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..generator.family import Generator


def in_passes(
    generator: Generator, ws: Tensor, *, maps: dict[str, Tensor], size: int | None, dtype: torch.dtype
) -> Tensor:
    """Images at `ws` [N, num_ws, w_dim] with noise `maps` [N, 1, r, r] by name ({}: the stored ones).  # [N, 3, R, R]

    In parts of `size` (None: one): a part's activations are computed again when its gradient is taken, so that only one
    part's are held at a time (Chen et al. 2016, arXiv 1604.06174), and losses still see the whole batch.
    """
    size = size or len(ws)
    if size >= len(ws):
        return one_pass(generator, ws, maps, dtype=dtype)
    parts = [(ws[i : i + size], {name: m[i : i + size] for name, m in maps.items()}) for i in range(0, len(ws), size)]
    images = [checkpoint(one_pass, generator, *part, dtype=dtype, use_reentrant=False) for part in parts]
    return torch.cat(images)  # pyright: ignore


def one_pass(
    generator: Generator, ws: Tensor, maps: dict[str, Tensor], *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The same at once."""
    if not maps:
        return generator.synthesis(ws, dtype=dtype)
    return torch.func.functional_call(generator.synthesis, maps, (ws,), {"dtype": dtype})
