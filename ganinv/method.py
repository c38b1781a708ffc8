"""The method on one photo: initial latent, generator tuned around it, figures."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .dataset.images import Photo
from .dataset.pixels import to_float, to_uint8
from .errors import InputError
from .generator.checkpoint import Prior
from .generator.family import Generator
from .inverter.latent import Inverter, Latent
from .metric.reconstruction import Reconstruction
from .report.artefacts import OUTCOME, Inversion, outcome
from .tuner.tuned import Tuned

INITIAL = ("mse", "psnr", "lpips")  # figures that are kept of the initial image too
SPENT = "initial_seconds"  # of the inverter


@dataclass(frozen=True)
class Method:
    """What every photo of a run passes through, in this order."""

    prior: Prior
    inverter: Inverter
    tuner: Callable[..., Tuned]
    reconstruction: Reconstruction
    metrics: dict[str, Callable[..., dict[str, Any]]]  # of the tuned generator, by name
    device: torch.device
    seed: int
    pictures: dict[str, Callable[..., list[dict[str, Any]]]] = field(default_factory=dict)  # more of the picture


def pick_device(name: str) -> torch.device:
    """For "auto", "cpu" or "cuda"; InputError for another name, and where there is no such device."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device: auto, cpu or cuda, got {name}")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise InputError("device: cuda is asked for, but torch finds no CUDA device; set device=cpu or device=auto")
    # Float32 means float32: TF32 would keep ten bits of a convolution's mantissa.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda" if name == "cuda" or (name == "auto" and has_cuda) else "cpu")


def to_device(prior: Prior, device: torch.device) -> Prior:
    """Move the networks of `prior`, in place."""
    prior.generator.to(device)
    if prior.discriminator is not None:
        prior.discriminator.to(device)
    return prior


def invert(photo: Photo, method: Method) -> tuple[Inversion, Tuned]:
    """The whole method. The result depends on the photo, the settings and the seed, not on the photos before it."""
    torch.manual_seed(method.seed)
    target, started = photo.image.to(method.device), time.perf_counter()
    latent = method.inverter(prior=method.prior, images=target[None], seed=method.seed, names=[photo.name])
    if method.device.type == "cuda":
        torch.cuda.synchronize(method.device)  # an inverter of one pass has only queued its work
    spent = {SPENT: time.perf_counter() - started}
    tuned = method.tuner(prior=method.prior, image=target, latent=latent, seed=method.seed, name=photo.name)
    initial = render(method.prior.generator, latent)
    image = render(tuned.generator, latent, moved=tuned.moved)
    inversion = Inversion(
        name=photo.name,
        generator=tuned.generator,
        latent=latent,
        target=photo.image,
        initial=initial,
        image=image,
        metrics=measure(method, photo=photo, initial=initial, image=image, latent=latent, tuned=tuned) | spent,
        moved=sorted(tuned.moved),
        prior=method.prior.name,
        fingerprint=method.prior.fingerprint,
    )
    return inversion, tuned


def measure_again(found: Inversion, *, photo: Photo, method: Method) -> dict[str, Any]:
    """The row of a photo that was tuned before, by the metrics of `method`. Raises InputError."""
    how = {name: found.metrics.get(name) for name in OUTCOME}
    tuned = Tuned(generator=found.generator.to(method.device), moved={}, curve=[], **how)  # pyright: ignore
    latent, pictures = found.latent.to(method.device), {"initial": found.initial, "image": found.image}
    spent = {name: value for name, value in found.metrics.items() if name == SPENT}
    return measure(method, photo=photo, **pictures, latent=latent, tuned=tuned) | spent


@torch.no_grad()
def render(generator: Generator, latent: Latent, *, moved: Collection[str] = ()) -> Tensor:
    """The image at `latent` in float32, as it is saved.  # [3, R, R] in [-1, 1]

    The inverter's own noise maps are used, save those among `moved`, which the tuned generator has.
    """
    maps = {name: value[0] for name, value in (latent.noise or {}).items() if f"synthesis.{name}" not in moved}
    return to_saved(torch.func.functional_call(generator.synthesis, maps, (latent.ws,), {"noise_mode": "const"})[0])


def to_saved(image: Tensor) -> Tensor:
    """Any range and device -> float32 in [-1, 1] on the 8-bit grid, on the CPU."""
    return to_float(to_uint8(image)).cpu()


def measure(
    method: Method, *, photo: Photo, initial: Tensor, image: Tensor, latent: Latent, tuned: Tuned
) -> dict[str, Any]:
    """A photo's row: the initial image, the tuned one, the tuning and what it did to the rest of the generator."""
    images, target = torch.stack([initial, image]), photo.image.expand(2, -1, -1, -1)
    before, after = method.reconstruction(images, target, valid=photo.valid, size=photo.score_size)
    row: dict[str, Any] = {f"initial_{name}": before[name] for name in INITIAL} | after | outcome(tuned)
    for pictures in method.pictures.values():
        row |= pictures(image[None], photo.image[None], valid=photo.valid, size=photo.score_size)[0]
    lpips = method.reconstruction.distance(photo.image.shape[-1])
    row["lpips_network"] = None if lpips is None else method.reconstruction.network
    for metric in method.metrics.values():
        row |= metric(prior=method.prior, tuned_generator=tuned.generator, ws=latent.ws, lpips=lpips)
    return row
