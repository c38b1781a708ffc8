"""Reads conf/, compares every node with the code that it names, and builds it."""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import InputError
from .mistakes import sentence, unknown
from .paths import CONF
from .schema import ASKED, PATHS, against_signature, missing_files, together

# Settings that say how a photo is measured.
MEASURED = ("metric", "dataset.score_size")

# Settings that change which photos are taken, what is measured and where results go, never what a photo becomes.
OUTSIDE_HASH = (
    "edit",
    "folder",
    "logger",
    *MEASURED,
    "report",
    "dataset.limit",
    "dataset.shard",
    "dataset.num_shards",
    "dataset.networks",
    "tuner.progress",
)

# What may change for a training that goes on in its folder: no weight depends on it, but for those of more kimg.
OUTSIDE_TRAINING = (
    "folder",
    "logger",
    *(f"training.{name}" for name in ("kimg", "licence", "stored", "num_workers", "progress")),
    *(f"training.{name}" for name in ("tick_kimg", "judge_kimg", "save_kimg", "save_seconds", "frechet.kimg")),
)

MAX_SEED = 2**32

# What every run needs.
ROOMS = ("dataset", "generator", "inverter", "loss", "tuner", "metric.reconstruction", "report", "logger")
SEVERAL = ("metric", "edit")  # groups of which several are chosen
MUST = {
    "metric.reconstruction": "metric: must hold reconstruction, as metric=[reconstruction]",
    "edit": "edit: must be set; choose edits, as edit=[smile,glasses]",
}
TRAINING_ROOMS = ("dataset", "training", "logger")  # and a training


class Device(Enum):
    """Where the networks run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


@dataclass
class Settings:
    """The run's own settings; the others belong to the rooms, whose constructors say what they allow."""

    seed: int = 0
    folder: str | None = None
    device: Device = Device.auto
    dataset: Any = None
    generator: Any = None
    inverter: Any = None
    loss: Any = None
    tuner: Any = None
    edit: Any = None
    metric: Any = None
    report: Any = None
    logger: Any = None


@dataclass
class TrainingSettings:
    """A training's own settings."""

    seed: int = 0
    folder: str | None = None
    device: Device = Device.auto
    dataset: Any = None
    generator: Any = None
    training: Any = None
    logger: Any = None


ConfigStore.instance().store(name="settings", node=Settings)
ConfigStore.instance().store(name="training_settings", node=TrainingSettings)


class SettingsError(CompactHydraException, InputError):
    """Every mistake of a run's settings, a line each; Hydra prints it without a traceback."""


def read(overrides: list[str], *, name: str = "run") -> DictConfig:
    """conf/run.yaml, or another, with `overrides` as on the command line, for use without one. Raises SettingsError."""
    expect_single(overrides)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose(name, overrides)
    except (CompactHydraException, OmegaConfBaseException, ValueError) as error:
        raise SettingsError(sentence(error)) from error


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The composed settings as dictionaries and lists, interpolations resolved, without Hydra's own part."""
    tree = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items() if key != "hydra"}


def as_yaml(cfg: DictConfig) -> str:
    """The composed settings as text, interpolations resolved."""
    return OmegaConf.to_yaml(OmegaConf.create(plain(cfg)))


def settings_hash(cfg: DictConfig) -> str:
    """Ten hex digits that stand for every setting on which a photo's tuning, or a training's weights, depend."""
    tree = plain(cfg)
    for key in OUTSIDE_TRAINING if "training" in tree else OUTSIDE_HASH:
        *above, last = key.split(".")
        (_at(tree, ".".join(above)) if above else tree).pop(last, None)
    return _digest(tree)


def metric_hash(cfg: DictConfig) -> str:
    """Ten hex digits that stand for what is measured of a photo that is tuned."""
    tree = plain(cfg)
    return _digest([tree.get("metric"), _at(tree, "dataset").get("score_size")])


def _digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:10]


def run_folder(cfg: DictConfig, *, rooms: tuple[str, ...] = ("dataset",)) -> Path:
    """Where results go, named by the choices in `rooms`: the same for the same settings, so that a command goes on."""
    job = HydraConfig.get()
    if cfg.folder:
        given = Path(cfg.folder).expanduser()
        # Jobs of a sweep would overwrite one another.
        return given / settings_hash(cfg) if job.mode is RunMode.MULTIRUN else given
    return Path("runs", "_".join(job.runtime.choices.get(room, room) for room in rooms), settings_hash(cfg))


def build(cfg: DictConfig, key: str, **parts: Any) -> Any:
    """What the node at `key` describes; {} where there is none.

    `parts` are handed over as they are, in the place of the node's own entries. Without a `_target_`: each entry by its
    name. Raises InputError where a constructor refuses what it is given.
    """
    return _build(_at(plain(cfg), key), key, parts)


def _build(node: dict[str, Any], key: str, parts: dict[str, Any]) -> Any:
    if "_target_" not in node:
        return {name: _build(child, f"{key}.{name}", parts) for name, child in node.items() if child}
    node = {name: value for name, value in node.items() if name not in parts}
    try:
        make = instantiate(node, _convert_="all", _partial_=True)
        return functools.partial(make, **parts) if node.get("_partial_") else make(**parts)
    except (ValueError, InputError, CompactHydraException) as error:
        # Hydra wraps what the constructor of a node inside this one raises.
        cause = error.__cause__ if isinstance(error, CompactHydraException) else error
        if not isinstance(cause, ValueError | InputError):
            raise
        told = str(cause)
        raise InputError(told if told.startswith(key) else f"{key}: {told}") from error


def expect_single(overrides: Iterable[str]) -> None:
    """SettingsError where a group that takes one choice is given several, of which Hydra makes a mixture."""
    for override in overrides:
        given, _, value = override.partition("=")
        key = given.lstrip("+").partition("@")[0]
        if value.startswith("[") and (CONF / key).is_dir() and key not in SEVERAL:
            raise SettingsError(f"{key}: takes one choice, got {value}; {' and '.join(SEVERAL)} alone take several")


def check(cfg: DictConfig, *, schema: type = Settings, rooms: tuple[str, ...] = ROOMS) -> None:
    """Compare the whole run with the code that it names, before anything is built; one SettingsError lists all.

    `schema`: the dataclass of its own settings; `rooms`: what must be chosen.
    """
    try:
        tree = plain(cfg)
    except OmegaConfBaseException as error:
        raise SettingsError(sentence(error)) from None
    fields = schema.__dataclass_fields__
    mistakes = [unknown(name, fields) for name in tree if name not in fields]
    mistakes += [MUST.get(name, f"{name}: must be set") for name in rooms if "_target_" not in _at(tree, name)]
    mistakes += [] if 0 <= tree.get("seed", 0) < MAX_SEED else [f"seed: must lie in 0 … 2**32 - 1, got {tree['seed']}"]
    mistakes += [mistake for name, node in tree.items() for mistake in _mistakes(node, name)]
    mistakes += [*together(tree), *missing_files(tree)]
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def _at(tree: dict[str, Any], key: str) -> dict[str, Any]:
    """The node at the dotted `key`; an empty one where there is none."""
    return functools.reduce(lambda node, name: node.get(name) or {}, key.split("."), tree)


def _mistakes(node: Any, key: str) -> Iterator[str]:
    """One line for each mistake in `node`, which stands at `key`, and below it."""
    if node == "???":
        asked = (PATHS | ASKED).get(key)
        yield f"{key}: must be set" + (f"; name {asked}" if asked else "")
    if isinstance(node, dict) and "_target_" in node:
        yield from against_signature(node, key)
    if isinstance(node, dict | list):
        for name, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _mistakes(child, f"{key}.{name}")
