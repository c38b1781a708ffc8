"""A quick tuning of a tiny generator: helpers of the tests that need one."""

from typing import Any

import torch

from ganinv.generator.checkpoint import Prior
from ganinv.loss.objective import Objective
from ganinv.loss.pyramid import LaplacianPyramid
from ganinv.tuner.tuned import Tuned
from ganinv.tuner.tuner import Tune

QUICK: dict[str, Any] = {
    "steps": 6,
    "lr": 0.01,
    "betas": [0.9, 0.99],
    "batch": 2,
    "interval": 2,
    "num_samples": 16,
    "progress": False,
}


def objective(**settings: Any) -> Objective:
    settings = {"locality": 0.1} | settings
    return Objective(pyramid=LaplacianPyramid(norm="l2"), **settings)


def tune(prior: Prior, photo, latent, *, loss: Objective | None = None, seed: int = 0, **settings) -> Tuned:
    tuner = Tune(objective=loss or objective(), **(QUICK | settings))
    return tuner(prior=prior, image=photo, latent=latent, seed=seed)


def error(generator, photo, latent) -> float:
    with torch.no_grad():
        return (generator.synthesis(latent.ws)[0] - photo).square().mean().item()
