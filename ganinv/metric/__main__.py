"""Judge edits of finished runs: `python -m ganinv.metric runs/ours runs/pti edit=[smile] scores.photos=faces.zip`."""

import argparse
import logging
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from ..config import MUST, Device, build, check, plain, read
from ..errors import InputError
from ..mistakes import telling
from ..unread import heard

if TYPE_CHECKING:
    from ..report.jobs import Setting
    from .editability import Judged

log = logging.getLogger("ganinv")


@dataclass
class JudgeSettings:
    """What conf/editability.yaml may set."""

    seed: int = 0
    device: Device = Device.auto
    attribute: str | None = None
    attributes: Any = None
    thresholds: Any = None
    edit: Any = None
    scores: Any = None
    encoder: Any = None
    editability: Any = None


def main(arguments: list[str] | None = None) -> int:
    """Judge edits of the photos that all runs have, a row a run and edit. The exit code is 2 after a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ganinv.metric", description=main.__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="of a run, of a sweep, or above several of them")
    parser.add_argument(
        "--names", help="of the folders' rows, by commas; those of one name are one (default: what differs)"
    )
    parser.add_argument("--prior", help="the prior that was tuned, where it has moved since")
    parser.add_argument("--out", default="editability", help="folder for the tables (default: %(default)s)")
    parser.epilog = "Settings as KEY=VALUE (conf/editability.yaml): edit=[smile,glasses] editability.samples=500"
    given = parser.parse_intermixed_args(arguments)
    folders = [Path(name).expanduser() for name in given.folders if "=" not in name or Path(name).exists()]
    overrides = [name for name in given.folders if "=" in name and not Path(name).exists()]
    return telling(lambda: judge(folders, overrides=overrides, names=given.names, prior=given.prior, out=given.out))


def judge(
    folders: Sequence[Path], *, overrides: list[str], names: str | None = None, prior: str | None = None, out: str
) -> "Judged":
    """Judge what `overrides` choose on the runs beneath `folders`; write the tables into `out`. Raises InputError."""
    if not folders:
        raise InputError("editability: names no folder; give the folder of a run or of several")
    cfg = read(overrides, name="editability")
    per_attribute = attributes(cfg)
    for each in per_attribute.values():
        check(each, schema=JudgeSettings, rooms=("edit", "scores", "editability"))
    from ..generator.checkpoint import load_prior
    from ..method import pick_device, to_device
    from ..report.jobs import gather, missing
    from ..report.tuned import prior_of
    from .editability_judge import judges_of
    from .editability_photos import common

    gathered = gather(folders)
    settings, notes = gathered.settings, gathered.notes
    if names is not None:
        notes = [note for note in notes if note not in missing(settings)]
        settings = rename(settings, folders, names.split(","))
        notes += missing(settings)
    common(settings)  # what cannot be compared shows before any network is trained
    photo = next(iter(settings[0].photos.values()))["folder"]
    tuned = load_prior(prior) if prior else prior_of(photo / "generator.safetensors")
    place, side = pick_device(plain(cfg)["device"]), tuned.generator.img_resolution
    metric, edits, encoder = build(cfg, "editability"), build(cfg, "edit"), build(cfg, "encoder") or None
    edits.steps(tuned)  # as above
    if encoder is not None:
        encoder.fits(tuned)
    judges = judges_of(scorers(per_attribute), resolution=side, thresholds=thresholds(cfg), device=place)
    parts = {"prior": to_device(tuned, place), "edits": edits, "judges": judges, "encoder": encoder}
    found = metric(settings=settings, **parts)
    print(write(found, Path(out).expanduser(), notes=notes))
    return found


def attributes(cfg: DictConfig) -> dict[str, DictConfig]:
    """Attribute -> the settings with its own scorer: `attributes`, or each edit with the labels of its name."""
    tree = plain(cfg)
    if not tree.get("edit"):
        raise InputError(MUST["edit"])
    chosen = tree["attributes"] or dict.fromkeys((tree["edit"] or {}).get("directions") or {}, {})
    node = tree["scores"] or {}
    expect_by_name("attributes", chosen, (dict, type(None)), "{smile: {column: smiling, at_least: 1}, hat: {}}")
    found = {}
    for name, parts in chosen.items():
        own = ({"column": name} if "column" in node else {}) | (parts or {})
        found[name] = OmegaConf.create(tree | {"scores": node | own})
    return found


def thresholds(cfg: DictConfig) -> dict[str, float]:
    """Attribute -> the score from which a picture shows it. Raises InputError."""
    found = plain(cfg)["thresholds"] or {}
    expect_by_name("thresholds", found, (int, float), "{smile: 0.5}")
    return found


def expect_by_name(key: str, found: Any, kinds: tuple[type, ...], example: str) -> None:
    """InputError unless `found` holds values of `kinds` by name, the numbers finite."""
    values = found.values() if isinstance(found, dict) else [found]
    right = [isinstance(value, kinds) and not isinstance(value, bool) for value in values]
    right += [math.isfinite(value) for value in values if isinstance(value, float)]
    if not isinstance(found, dict) or not all(right):
        raise InputError(f"{key}: must be values by attribute, as {key}={example!r}; got {found!r}")


def scorers(per_attribute: Mapping[str, DictConfig]) -> dict[str, Any]:
    """A scorer for each attribute; those on the same network share it, and what it has computed."""
    from .editability_judge import Remembered

    made: dict[str, Any] = {}
    networks: dict[str, Any] = {}
    for name, cfg in per_attribute.items():
        mark = repr((plain(cfg)["scores"] or {}).get("network"))
        made[name] = build(cfg, "scores", **({"network": networks[mark]} if mark in networks else {}))
        if hasattr(made[name], "network") and mark not in networks:
            made[name].network = networks[mark] = Remembered(made[name].network)
    return made


def rename(settings: "Sequence[Setting]", folders: Sequence[Path], names: Sequence[str]) -> "list[Setting]":
    """Each setting by the name of the folder that its photos lie in; those of one name are one. Raises InputError."""
    if len(names) != len(folders) or not all(names):
        raise InputError(
            f"--names: one for each of {len(folders)} folders, separated by commas; got {', '.join(names)}"
        )
    rows: dict[str, Setting] = {}
    taken: set[int] = set()
    for setting in settings:
        own = _folder_of(setting, folders)
        if own in taken:
            raise InputError("--names: a folder holds several settings, which one name cannot tell apart; leave it out")
        taken.add(own)
        row = rows.setdefault(names[own], replace(setting, name=names[own], photos={}))
        if row.photos.keys() & setting.photos.keys():
            raise InputError(f"--names: {names[own]} names runs that share photos; give each a name of its own")
        row.photos.update(setting.photos)
    if without := [name for name in names if name not in rows]:
        raise InputError(f"--names: {without[0]} has no row: its run has the settings of another; leave --names out")
    return list(rows.values())


def _folder_of(setting: "Setting", folders: Sequence[Path]) -> int:
    """Which of `folders` the photos lie in, links themselves or not. InputError: a sweep pointed to them elsewhere."""
    places = [record["folder"] for record in setting.photos.values()]
    own = [i for i, folder in enumerate(folders) if any(place.is_relative_to(folder.resolve()) for place in places)]
    if not own:
        raise InputError(
            f"--names: {places[0].parent} lies in none of the folders; name it itself, or leave --names out"
        )
    return own[0]


def write(found: "Judged", out: Path, *, notes: Sequence[str]) -> str:
    """editability.csv, .md and .json, and photos.csv, into `out`; -> the table for a terminal."""
    from ..files import write_csv, write_json, write_text
    from .editability_table import markdown

    text = markdown(found.table, [*notes, *found.notes])
    write_csv(out / "editability.csv", found.table)
    write_csv(out / "photos.csv", found.photos)
    write_json(out / "editability.json", found.record)
    write_text(out / "editability.md", text)
    return f"{text}\n{out}: editability.csv, editability.md, editability.json, photos.csv"


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.exit(heard(main))
