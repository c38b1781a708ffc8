"""Find directions: `python -m ganinv.directions finder=sefa`. It reads as the search; torch is imported late."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from .config import Device, build, check
from .errors import InputError
from .mistakes import guarded
from .paths import CONF
from .sweep import attempt, attended

if TYPE_CHECKING:
    from .edit.direction import Direction
    from .generator.checkpoint import Prior

log = logging.getLogger("ganinv")
PREVIEWED = 4  # samples in a direction's picture


@dataclass
class FinderSettings:
    """The search's own settings; the others are those of the finder and of the scores."""

    seed: int = 0
    attribute: str | None = None
    name: str | None = None
    folder: str = "directions"
    device: Device = Device.auto
    generator: Any = None
    finder: Any = None
    scores: Any = None


ConfigStore.instance().store(name="finder_settings", node=FinderSettings)


def main() -> None:
    """One search; with --multirun one for each combination of settings."""
    entry = hydra.main(config_path=str(CONF), config_name="directions", version_base="1.3")(job)
    guarded(lambda: attended(entry, has_table=False))


def job(cfg: DictConfig) -> None:
    """A search whose mistakes are told; in a sweep the other searches go on, and its end names those that failed."""
    attempt(search, cfg, folder=lambda cfg: Path(cfg.folder).expanduser())


def search(cfg: DictConfig) -> "list[Direction]":
    """Find the directions, write each with a picture of what it does. Raises InputError."""
    check(cfg, schema=FinderSettings, rooms=("generator", "finder"))
    name = cfg.name or cfg.attribute or str(cfg.finder._target_).rpartition(".")[2].lower()
    if Path(name).name != name:
        raise InputError(f"name: must be a plain name, which the direction's file gets, got {name!r}")
    from .method import pick_device, to_device

    prior = to_device(build(cfg, "generator"), pick_device(cfg.device.value))
    found = build(cfg, "finder")(prior=prior, name=name, scorer=build(cfg, "scores") or None)
    for direction in found:
        path = Path(cfg.folder).expanduser() / f"{direction.name}.safetensors"
        direction.save(path)
        preview(direction, prior, path.with_suffix(".png"), seed=cfg.seed)
        log.info("%s: %s", path, sentence(direction))
    return found


def sentence(direction: "Direction") -> str:
    """What there is to say of how well it was found."""
    figures = ("accuracy", "accuracy_rest", "eigenvalue", "ranking")
    known = {name: direction.made[name] for name in figures if direction.made.get(name) is not None}
    said = [f"{key} {value:.3g}" if isinstance(value, float) else f"first {value[0]}" for key, value in known.items()]
    return ", ".join([f"in {direction.space}, strength 1 is {direction.unit}", *said])


def preview(direction: "Direction", prior: "Prior", path: Path, *, seed: int) -> None:
    """A sheet: a row a sample, a column a strength."""
    import torch

    from .dataset.pixels import to_uint8
    from .edit.apply import Step, edited, render
    from .edit.samples import draw
    from .edit.sheet import sheet
    from .files import write_png
    from .inverter.latent import Latent

    generator, strengths = prior.generator, [share * direction.strength for share in (-1, -0.5, 0, 0.5, 1)]
    samples = draw(generator, count=PREVIEWED, seed=seed + 1, psi=0.7)
    ws = samples.truncated(generator.mapping.w_avg)[:, None].expand(-1, generator.num_ws, -1)
    rows = []
    for i in range(PREVIEWED):
        latent = Latent(ws=ws[i : i + 1].contiguous(), space="z", z=samples.z[i : i + 1]).to(
            generator.mapping.w_avg.device
        )
        rows.append(
            ("", list(to_uint8(render(generator, edited(generator, latent, [Step(direction, strengths)]))).cpu()))
        )
    titles = [f"{direction.name} {strength:+.2g}" for strength in strengths]
    with torch.no_grad():
        write_png(path, sheet(rows, columns=titles))


if __name__ == "__main__":
    main()
