"""Path-length regularisation of the generator (Karras et al. 2020, arXiv 1912.04958, section 3.2)."""

import torch
from torch import Tensor


# |J_wᵀ y|₂ with y normal over the image, so that it is √(H W) times an image's share of a pixel
def path_lengths(images: Tensor, ws: Tensor, noise: Tensor) -> Tensor:
    """How far an image moves when its w does; differentiable.

    `images` [N, 3, H, W] rendered at `ws` [N, num_ws, w_dim], `noise` normal of the images' shape -> [N]
    """
    noise = noise / (images.shape[2] * images.shape[3]) ** 0.5
    (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


# E (|J_wᵀ y|₂ − a)², a being the running mean of the lengths
def path_penalty(lengths: Tensor, mean: Tensor) -> Tensor:
    """`lengths` [N], `mean` [] -> [N]"""
    return (lengths - mean).square()
