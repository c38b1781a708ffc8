"""The generator over more latents than fit into memory at once."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..generator.family import Generator


def in_passes(
    generator: Generator, ws: Tensor, *, own: dict[str, Tensor], size: int | None, dtype: torch.dtype
) -> Tensor:
    """Images at `ws` [N, num_ws, w_dim], the first with its `own` noise maps [1, r, r], if any.  # [N, 3, R, R]

    In parts of `size` (None: one): a part's activations are computed again when its gradient is taken, so that only one
    part's are held at a time (Chen et al. 2016, arXiv 1604.06174), and losses still see the whole batch.
    """
    parts = ws.split(size or len(ws))
    if len(parts) == 1:
        return _pass(generator, ws, own=own, dtype=dtype)
    images = [
        checkpoint(_pass, generator, part, own=own if i == 0 else {}, dtype=dtype, use_reentrant=False)
        for i, part in enumerate(parts)
    ]
    return torch.cat(images)  # pyright: ignore


def _pass(generator: Generator, ws: Tensor, *, own: dict[str, Tensor], dtype: torch.dtype) -> Tensor:
    if not own:
        return generator.synthesis(ws, dtype=dtype)
    maps = {}
    for name, first in own.items():
        shared = generator.synthesis.get_buffer(name).expand(len(ws) - 1, 1, *first.shape[1:])
        maps[name] = torch.cat([first[:, None], shared])  # [N, 1, r, r]
    return torch.func.functional_call(generator.synthesis, maps, (ws,), {"dtype": dtype})
