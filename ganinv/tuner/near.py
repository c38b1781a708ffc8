"""Samples around the photo's latent, for the locality term: where the generator is to stay as it was, or to follow."""

import torch
from torch import Tensor

from ..generator.family import Generator
from .manifold import Manifold, fits, render
from .noise import PHOTO, noise_maps, noise_seeds
from .passes import one_pass
from .settings import Schedule


def around(
    manifold: Manifold,
    generator: Generator,
    *,
    photo: Tensor,
    ws: Tensor,
    noise: dict[str, Tensor],
    schedule: Schedule,
    random: torch.Generator,
) -> Manifold:
    """Samples around `ws` [1, num_ws, w_dim], the latent of `photo` [1, 3, R, R], as `schedule` has them.

    `generator` is the untouched one; `noise`: the photo's own maps [1, r, r], if any.
    """
    s, count = schedule, min(schedule.near_samples, schedule.draws())
    if s.near_moves is not None:
        own = {"photo": photo, "noise": noise}
        return sample_moved(manifold, generator, ws=ws, **own, count=count, lengths=s.near_moves, random=random)
    reach = {"least": s.near_alpha, "radius": s.near_radius, "psi": s.near_psi, "noise_share": s.noise_share}
    return sample_near(manifold, generator, ws=ws, count=count, **reach, random=random)


@torch.no_grad()
def sample_near(
    manifold: Manifold,
    generator: Generator,
    *,
    ws: Tensor,
    count: int,
    least: float,
    radius: float | None = None,
    psi: float = 1,
    noise_share: float = 0,
    random: torch.Generator,
) -> Manifold:
    """Latents on the way from the photo's, w + α (w_z − w) with α uniform in [least, 1], and the images there.

    radius: all at this distance instead (`on_sphere`). psi: w_z is drawn towards the mean latent by it. noise_share: of
    the images that have noise of their own. `generator` is the untouched one, `ws` [1, num_ws, w_dim]; at most as many
    as fit into 256 MB.
    """
    chosen = manifold.draw(min(count, fits(generator.img_resolution)), generator=random)
    w_z = generator.mapping.w_avg.lerp(manifold.ws[chosen], psi)
    alpha = least + (1 - least) * torch.rand(len(chosen), generator=random)
    near = ws.lerp(w_z, alpha.to(ws)[:, None, None]) if radius is None else on_sphere(ws, w_z, radius=radius)
    seeds = noise_seeds(len(chosen), share=noise_share, random=random)
    return Manifold(ws=near, images=render(generator, near, seeds), seeds=seeds, z=manifold.z[chosen])


# w + r √L (w_z − w) / ‖w_z − w‖ over all L layers.
def on_sphere(ws: Tensor, w_z: Tensor, *, radius: float) -> Tensor:
    """From `ws` [1, L, w_dim] towards each `w_z` [N, L, w_dim], `radius` far in the root mean square over the layers.

    Pivotal tuning (Roich et al. 2021, section 3.2) goes 30 over the 18 layers of a 1024-pixel network: 7.07 a layer.
    """
    away = w_z - ws
    length = away.square().sum(dim=[1, 2], keepdim=True).sqrt()
    return ws + radius * ws.shape[1] ** 0.5 * away / length


# w + t (w_a − w_b) / √2, whose covariance is t² times that of w; images G(w + …) + x − G(w)
@torch.no_grad()
def sample_moved(
    manifold: Manifold,
    generator: Generator,
    *,
    photo: Tensor,
    ws: Tensor,
    noise: dict[str, Tensor],
    count: int,
    lengths: tuple[float, float],
    random: torch.Generator,
) -> Manifold:
    """Latents where edits would take the photo's, in directions of chance; their images carry what it differs by.

    `lengths`: t is uniform between these two; an edit of e standard deviations is about as long as t = e / √w_dim. The
    target of an edited photo is so its edited start plus what `photo` [1, 3, R, R] differs from its start by, so that
    moving w does not take the photo back to its start. All have the photo's noise: `noise` [1, r, r] by buffer of the
    synthesis. `generator` is the untouched one, `ws` [1, num_ws, w_dim]; at most as many as fit into 256 MB.
    """
    count = min(count, fits(generator.img_resolution))
    chosen = manifold.draw(count, generator=random)
    away = manifold.ws[chosen] - manifold.ws[manifold.draw(count, generator=random)]
    low, high = lengths
    t = low + (high - low) * torch.rand(count, generator=random)
    moved = ws + t.to(ws)[:, None, None] * away / 2**0.5
    seeds = torch.full([count], PHOTO)
    start = one_pass(generator, ws, noise_maps(generator, seeds[:1], photo=noise))
    images = render(generator, moved, seeds, photo=noise) + photo - start
    return Manifold(ws=moved, images=images, seeds=seeds, z=manifold.z[chosen])
