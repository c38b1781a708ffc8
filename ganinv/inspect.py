"""Say what is in a checkpoint, or what a run moved: `python -m ganinv.inspect FILE`.

FILE is whatever `generator.checkpoint.load_prior` reads, or the folder of a photo in a run. Nothing in it is executed.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .paths import looked_up
from .unread import heard

if TYPE_CHECKING:
    from torch import Tensor

    from .generator.checkpoint import Prior
    from .generator.family import Generator

WRONG = 2  # exit code of a mistake
MOST = 2000  # letters of a line
SHOWN = ("mse", "psnr", "ssim", "lpips", "steps", "seconds")


def describe(path: str | Path, *, prior: str | Path | None = None) -> dict[str, str]:
    """What there is to say of `path`, by what it is about. `prior`: of a photo's folder, where it has moved since.

    Raises InputError.
    """
    from .export import is_photo
    from .generator.checkpoint import load_prior

    folder = looked_up(path)
    if is_photo(folder):
        return _photo(folder, prior)
    if prior:
        raise InputError(f"--prior: {path} is not the folder of a photo; leave it out")
    return _prior(load_prior(path))


def _prior(prior: "Prior") -> dict[str, str]:
    architecture, generator = prior.architecture, prior.generator
    facts = {
        "family": f"{architecture.get('family', 'stylegan2')}, {_kind(architecture)}",
        "form": prior.form,
        "resolution": f"{generator.img_resolution} pixels, {generator.synthesis.img_channels} channels",
        "channels": _widths(generator),
        "latents": f"z {generator.z_dim}, w {generator.w_dim}, {generator.num_ws} layers",
        "mapping": f"{generator.mapping.num_layers} layers",
        "labels": str(generator.c_dim) if generator.c_dim else "none",
        "clamp": _number(architecture.get("conv_clamp")),
        "parameters": f"{_count(generator):,}",
        "discriminator": _discriminator(prior),
        "w_avg": _w_avg(generator),
        "fingerprint": prior.fingerprint,
        "licence": prior.licence,
        "training": _record(prior.training),
    }
    notes = {f"note {i}": note for i, note in enumerate(prior.notes, start=1)}
    return facts | notes | {"missing": _missing(prior)}


def _kind(architecture: dict[str, Any]) -> str:
    if architecture.get("family") == "stylegan3":
        return "configuration R" if architecture.get("use_radial_filters") else "configuration T"
    return f"{architecture.get('g_architecture', 'skip')} generator"


def _widths(generator: "Generator") -> str:
    """Channels by resolution; of StyleGAN3 by layer."""
    from .generator import stylegan3

    if isinstance(generator, stylegan3.Generator):
        return ", ".join(generator.synthesis.layer_names)
    blocks = generator.synthesis.blocks().values()
    return ", ".join(f"{block.conv1.resolution}: {block.conv1.weight.shape[0]}" for block in blocks)


def _discriminator(prior: "Prior") -> str:
    network = prior.discriminator
    if network is None:
        return "none"
    kind, labels = prior.architecture.get("d_architecture", "resnet"), f", {network.c_dim} labels"
    group = f"groups of {network.group_size} images" if network.group_size > 1 else "no look at the batch"
    group = "the whole batch as one group" if network.compares_whole_batch else group
    return f"{kind}, {group}{labels if network.c_dim else ''}, {_count(network):,} parameters"


def _w_avg(generator: "Generator") -> str:
    length = generator.mapping.w_avg.square().mean().sqrt().item()
    return "zero" if length == 0 else f"root mean square {length:.4g}"


def _missing(prior: "Prior") -> str:
    absent = {
        "discriminator": prior.discriminator is None,
        "w_avg": not prior.generator.mapping.w_avg.any(),
        "licence": prior.licence == "not stated",
        "training record": not prior.training,
    }
    return ", ".join(name for name, is_absent in absent.items() if is_absent) or "nothing"


def _photo(folder: Path, prior_path: str | Path | None) -> dict[str, str]:
    from .generator.checkpoint import load_prior
    from .report import artefacts
    from .report.tuned import prior_of

    prior = load_prior(prior_path) if prior_path else prior_of(folder / "generator.safetensors")
    inversion, record = artefacts.load(folder, prior=prior), artefacts.read_record(folder)
    before, after = prior.generator.state_dict(), inversion.generator.state_dict()
    changes = {name: _change(before[name], after[name]) for name in before if name in inversion.moved}
    facts = {
        "photo": f"{inversion.name}, from {record['source']}",
        "finished": str(record["finished"]),
        "prior": f"{prior.name}, {prior.fingerprint}",
        "licence": prior.licence,
        "latent": f"{inversion.latent.space}, {list(inversion.latent.ws.shape)}",
        "noise maps": f"{len(inversion.latent.noise or {})} of its own",
        "figures": ", ".join(f"{key} {_number(inversion.metrics[key])}" for key in SHOWN if key in inversion.metrics),
        "moved": f"{len(changes)} of {len(before)} tensors, by ‖after − before‖ / ‖before‖:",
    }
    return facts | {f"  {part}": value for part, value in _by_part(changes).items()}


def _change(before: "Tensor", after: "Tensor") -> tuple[float, float]:
    """Squared lengths of the difference and of what was there."""
    return (after - before).double().square().sum().item(), before.double().square().sum().item()


def _by_part(changes: dict[str, tuple[float, float]]) -> dict[str, str]:
    """Relative changes of the mapping network and of each block."""
    parts: dict[str, list[tuple[float, float]]] = {}
    for name, change in changes.items():
        parts.setdefault(".".join(name.split(".")[:2]) if name.startswith("synthesis") else "mapping", []).append(
            change
        )
    return {part: f"{_ratio(found):.3g} in {len(found)} tensors" for part, found in parts.items()}


def _ratio(changes: list[tuple[float, float]]) -> float:
    difference, length = (sum(values) for values in zip(*changes, strict=True))
    return (difference / length) ** 0.5 if length else float("inf")


def _record(training: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in training.items()) or "not stated"


def _number(value: Any) -> str:
    return "none" if value is None else f"{value:.5g}" if isinstance(value, int | float) else str(value)


def _count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def main(arguments: list[str] | None = None) -> int:
    """Say what is in a checkpoint or in a photo's folder. The exit code is 2 after a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ganinv.inspect", description=main.__doc__)
    parser.add_argument("file", help="a checkpoint, a name of ganinv.weights, or a photo's folder in a run")
    parser.add_argument("--prior", help="of a photo's folder: the prior that was tuned, where it has moved since")
    given = parser.parse_args(arguments)
    from .generator.foreign.source import shown

    try:
        facts = describe(given.file, prior=given.prior)
    except InputError as error:
        print(shown(error, MOST), file=sys.stderr)
        return WRONG
    for name, value in facts.items():
        print(f"{name}: {shown(value, MOST)}")  # a file's text could forge a line of its own
    return 0


if __name__ == "__main__":
    logging.getLogger("ganinv").setLevel(logging.ERROR)  # notes are among the facts
    sys.exit(heard(main))
