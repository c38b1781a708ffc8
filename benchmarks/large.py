"""A whole run on a 1024-pixel network (config-f, random weights): peak memory, seconds a step, and where they go.

    python benchmarks/large.py photo.png --steps 4 --set tuner.micro_batch=1

Random weights cost what trained ones do; the picture means nothing. The run is `ganinv.run` itself, in this process, on
the CPU or the GPU that it finds; each part is timed by wrapping the function that does it. `--set` hands settings on.
"""

import argparse
import logging
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from pkgutil import resolve_name
from unittest.mock import patch

import torch

from ganinv import run
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior

CONFIG_F = {
    "z_dim": 512,
    "w_dim": 512,
    "mapping_layers": 8,
    "channel_base": 32768,
    "channel_max": 512,
    "conv_clamp": 256,
    "mbstd_group_size": 4,
}
PARTS = {
    "read the prior": "ganinv.generator.checkpoint.load_prior",
    "inverter": "ganinv.inverter.optimise.Optimise.__call__",
    "samples of the untouched generator": "ganinv.tuner.tuner.sample_manifold",
    "whitening": "ganinv.tuner.tuner.whitenings",
    "tuner": "ganinv.tuner.tuner.fit",
    "tuner: generator forward": "ganinv.tuner.module.Tuner._render",
    "tuner: losses, backward, step of G": "ganinv.tuner.module.Tuner._step_generator",
    "tuner: step of D": "ganinv.tuner.module.Tuner._step_discriminator",
    "tuner: R1, of the step of D": "ganinv.loss.objective.Objective.penalty",
    "drift": "ganinv.metric.drift.Drift.__call__",
    "artefacts": "ganinv.photos.save_photo",
}
Clock = dict[str, list[float]]


def random_prior(path: Path, *, resolution: int) -> None:
    """A StyleGAN2 of config-f's widths with random weights, and its discriminator."""
    torch.manual_seed(0)
    architecture = CONFIG_F | {"img_resolution": resolution}
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    generator.mapping.w_avg.normal_(std=0.1)
    save_prior(path, Prior(generator, discriminator, fingerprint(generator), architecture, path.stem))


@contextmanager
def timed() -> Iterator[Clock]:
    """Wall seconds of each call of each part."""
    clock: Clock = defaultdict(list)
    with ExitStack() as stack:
        for part, target in PARTS.items():
            stack.enter_context(_wrapped(part, target, clock))
        yield clock


def _wrapped(part: str, target: str, clock: Clock) -> AbstractContextManager[object]:
    original: Callable = resolve_name(target)

    def measured(*args: object, **named: object) -> object:
        start = time.perf_counter()
        try:
            return original(*args, **named)
        finally:
            clock[part].append(time.perf_counter() - start)

    return patch(target, measured)


def report(clock: Clock, *, steps: int) -> Iterator[str]:
    """A line for each part, and the peak of the process's memory."""
    for part in PARTS:
        if clock[part]:
            yield f"{part:38} {len(clock[part]):4} calls  {sum(clock[part]):8.1f} s"
    yield f"{'a step of the tuner':38} {steps:4} steps  {sum(clock['tuner']) / steps:8.1f} s each"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kB on Linux
    yield f"peak memory {peak:.1f} GiB" + _gpu()


def _gpu() -> str:
    return f", on the GPU {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if torch.cuda.is_available() else ""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=4, help="of the tuner, and of the inverter")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of ganinv.run")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Make the network, run, report."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as place:
        random_prior(Path(place) / "large.safetensors", resolution=options.resolution)
        steps = f"tuner.steps={options.steps}", f"inverter.steps={options.steps}"
        made = f"generator.path={place}/large.safetensors", f"dataset.path='{options.photo}'", f"folder={place}/run"
        sys.argv = [sys.argv[0], *steps, *made, "tuner.progress=false", "metric.drift.samples=1", *options.set]
        with timed() as clock:
            run.main()
    print("\n".join(report(clock, steps=options.steps)))  # Hydra has set the loggers by now


if __name__ == "__main__":
    main()
