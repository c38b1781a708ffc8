"""From photo to report: `python -m ganinv.run dataset.path=photos/`. It reads as the method; torch is imported late."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from .config import as_yaml, build, check, metric_hash, plain, run_folder, settings_hash
from .errors import InputError
from .mistakes import PhotosFailed, guarded
from .paths import CONF
from .schema import files
from .sweep import attempt, attended

if TYPE_CHECKING:
    from .dataset.frame import Frame
    from .dataset.images import Images
    from .dataset.real import RealImages
    from .edit.edits import Edits
    from .generator.checkpoint import Prior
    from .method import Method
    from .report.dashboard import Dashboard
    from .report.inputs import Inputs

log = logging.getLogger("ganinv")
MOST_NAME = 128  # letters of a run's name that W&B takes


def main() -> None:
    """The console script `ganinv`: one run, or with --multirun one for each combination of settings."""
    entry = hydra.main(config_path=str(CONF), config_name="run", version_base="1.3")(job)
    guarded(lambda: attended(entry))


def job(cfg: DictConfig) -> None:
    """A run whose mistakes are told; in a sweep the other jobs go on, and its end names those that failed."""
    attempt(run, cfg)


def run(cfg: DictConfig) -> None:
    """Invert every photo of the dataset that is not finished yet, then sum up all that are."""
    check(cfg)
    from .photos import Marks, invert_all
    from .report.jobs import expect_same

    expect_same(run_folder(cfg), cfg)
    with remembered() as said:
        method, report, edits = assemble(cfg), build(cfg, "report"), build(cfg, "edit")
        if edits:
            edits.steps(method.prior)  # what does not fit this generator shows before the first photo
        photos = build(cfg, "dataset", resolution=method.prior.generator.img_resolution)
    folder, mark, inputs = run_folder(cfg), settings_hash(cfg), inputs_of(cfg)
    again = "; what was in progress begins again"
    with recorded(folder, settings=as_yaml(cfg), said=said, again=again), dashboard(cfg, folder) as board:
        greet(photos, folder, network=method.prior.path)
        marks = Marks(mark, metric_hash(cfg), inputs)
        failed = invert_all(photos, method, folder=folder, marks=marks, board=board)
        unedited = edit_run(folder, edits, method, settings_hash=mark) if edits else None
        summary = report(
            folder, settings_hash=mark, metric_hash=marks.metric_hash, settings=as_yaml(cfg), failed=failed
        )
        board.log_summary(summary)
        log.info("%s\nreport: %s", "\n".join(summary.lines), summary.report)
        told = [f"not inverted: {source}: {why}" for source, why in failed.items()] + ([unedited] if unedited else [])
        if told:
            raise PhotosFailed("\n".join(told))


def assemble(cfg: DictConfig) -> "Method":
    """Build what a photo passes through, in that order."""
    from .method import Method, pick_device, to_device

    device = pick_device(plain(cfg)["device"])
    prior = to_device(build(cfg, "generator"), device)
    inverter, objective = build(cfg, "inverter"), build(cfg, "loss")
    inverter.fits(prior)
    objective.fits(prior.generator.img_resolution)
    reals = reals_of(cfg, prior) if objective.is_adversarial else {}
    tuner = build(cfg, "tuner", objective=objective, **reals)
    metrics = build(cfg, "metric")
    reconstruction, pictures = metrics.pop("reconstruction"), metrics.pop("pictures", {})
    if reconstruction.lpips is not None:
        reconstruction.lpips.to(device)
    tuner.fits(prior)
    for real in reals.values():
        assert len(real.images)  # decoded now: what cannot be read shows before the first photo
    if "frechet" in metrics:
        metrics["frechet"].prepare(prior, frame=frame_of(cfg))
    return Method(prior, inverter, tuner, reconstruction, metrics, device, cfg.seed, pictures)


def frame_of(cfg: DictConfig) -> "Frame":
    """How photos, and real images with them, come into the generator's square."""
    from .dataset.frame import Frame

    return Frame(fit=cfg.dataset.get("fit", "crop"), aspect=cfg.dataset.get("aspect"))


def reals_of(cfg: DictConfig, prior: "Prior") -> "dict[str, RealImages]":
    """The tuner's real images, framed as the photos are; none where it names none."""
    from .dataset.real import RealImages

    path, frame = OmegaConf.select(cfg, "tuner.reals"), frame_of(cfg)
    if path is None:
        return {}
    how = {"resolution": prior.generator.img_resolution, "fit": frame.fit, "aspect": frame.aspect}
    try:
        return {"reals": RealImages(path=path, **how)}
    except InputError as error:
        raise InputError(f"tuner.reals: {error}") from error


def inputs_of(cfg: DictConfig) -> "Inputs":
    """Digests of the user's files, beside photos and prior, on which results depend; taken once they have been read."""
    from .report.inputs import Inputs
    from .weights import find, has_name

    named = {key: str(find(name)) if has_name(name) else name for key, name in files(plain(cfg))}
    named = {key: name for key, name in named.items() if key not in ("dataset.path", "generator.path")}
    limits = {"metric.frechet.real": OmegaConf.select(cfg, "metric.frechet.limit")}
    latents = named.pop("inverter.path", None)
    return Inputs(latents=latents, files={key: (name, limits.get(key)) for key, name in named.items()})


def edit_run(folder: Path, edits: "Edits", method: "Method", *, settings_hash: str) -> str | None:
    """Edit the finished photos of these settings that were not edited so; -> why some cannot be, or None."""
    from .edit import finished

    try:
        finished.edit_run(folder, edits, prior=method.prior, settings_hash=settings_hash)
    except PhotosFailed as error:
        return str(error)
    return None


def greet(photos: "Images", folder: Path, *, network: str | None) -> None:
    """Say what is done and where it goes; with the embedded photo, how to name others; which networks would suit."""
    from .weights import has_name

    if photos.is_demo:
        log.info(
            "no dataset.path, so the embedded photo is inverted at %d pixels; your own photos: dataset.path=FOLDER;"
            " your own network: generator.path=FILE; one of 1024 pixels: `python -m ganinv.weights ffhq1024`, then"
            " generator=ffhq1024",
            photos.resolution,
        )
    if photos.networks and network and has_name(network) and network not in photos.networks:
        log.warning("%s was not trained on such photos; these were: %s", network, ", ".join(photos.networks))
    log.info("%d photo%s -> %s", len(photos), "" if len(photos) == 1 else "s", folder)


@contextmanager
def remembered() -> Iterator[list[logging.LogRecord]]:
    """What is said inside, for the run.log of a folder that is made only once nothing speaks against the run."""
    said, handler, root = list[logging.LogRecord](), logging.Handler(), logging.getLogger()
    handler.emit = lambda record: said.append(record)
    root.addHandler(handler)
    try:
        yield said
    finally:
        root.removeHandler(handler)


@contextmanager
def recorded(
    folder: Path, *, settings: str | None, said: Sequence[logging.LogRecord] = (), again: str = ""
) -> Iterator[None]:
    """Keep the settings in config.yaml and what the command set in overrides.yaml, unless None, and what is said in
    run.log, `said` before included; on Ctrl-C, say how to go on, and `again` what is lost.
    """
    from .files import make_folder, write_text

    make_folder(folder)
    if settings is not None:
        write_text(folder / "config.yaml", settings)
        write_text(folder / "overrides.yaml", OmegaConf.to_yaml(HydraConfig.get().overrides.task))
    handler = logging.FileHandler(folder / "run.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.handleError = lambda record: None  # a full disk is told by the files that matter
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        for record in said:
            handler.handle(record)
        yield
    except KeyboardInterrupt:
        word = "stopped; what is finished stays in %s, and the same command goes on from there%s"
        log.warning(word, folder, again)
        raise
    except PhotosFailed:
        raise  # the others are done
    except Exception as error:
        trace = None if isinstance(error, InputError) else sys.exc_info()
        handler.handle(log.makeRecord(log.name, logging.ERROR, __file__, 0, "stopped: %s", (error,), trace))
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def dashboard(cfg: DictConfig, folder: Path) -> Iterator["Dashboard"]:
    """Open the run's dashboard, and close it whatever happens, or the next job of a sweep would go on in it."""
    from .report.dashboard import opened
    from .report.naming import named

    job = HydraConfig.get()
    name = named(job.overrides.task, most=MOST_NAME) or str(folder)
    group = Path(job.sweep.dir).name if job.mode is RunMode.MULTIRUN else None
    with opened(build(cfg, "logger"), folder=folder, config=plain(cfg), name=name, group=group) as board:
        yield board


if __name__ == "__main__":
    main()
