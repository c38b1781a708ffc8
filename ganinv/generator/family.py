"""A generator of any family that we build: what inverters, tuner, metrics and reports work with."""

from . import stylegan2, stylegan3

Generator = stylegan2.Generator | stylegan3.Generator


def has_noise_maps(generator: Generator) -> bool:
    """Whether its images depend on stored noise, as StyleGAN2's do and StyleGAN3's do not."""
    return any(name.endswith("noise_const") for name in generator.state_dict())


def at_once(generator: Generator) -> int:
    """Images that are rendered together: as many as 32 of 64 pixels have pixels, and at least one."""
    return max(32 * 64**2 // generator.img_resolution**2, 1)
