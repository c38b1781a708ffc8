"""The projector's schedules (Karras et al. 2020, arXiv 1912.04958, appendix D), over t = step / num_steps in [0, 1)."""

import math


# lr(t) = lr · ½ (1 − cos(π min(1, (1 − t) / rampdown))) · min(1, t / rampup)
def lr_at(step: int, *, num_steps: int, lr: float, rampup: float, rampdown: float) -> float:
    """Learning rate of a step: linear up over the share `rampup` of the steps, half a cosine down over `rampdown`."""
    t = step / num_steps
    fall = min(1.0, (1 - t) / rampdown) if rampdown else 1.0
    rise = min(1.0, t / rampup) if rampup else 1.0
    return lr * (0.5 - 0.5 * math.cos(math.pi * fall)) * rise


# σ(t) = noise · max(0, 1 − t / ramp)²
def noise_at(step: int, *, num_steps: int, noise: float, ramp: float) -> float:
    """Standard deviation, in units of the latents' own, of what is added to the latent; 0 after the share `ramp`."""
    return noise * max(0.0, 1 - step / num_steps / ramp) ** 2 if ramp else 0.0
