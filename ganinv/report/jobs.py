"""Finished jobs on disk, of one sweep or of many machines and shards, brought together by their settings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ..config import OUTSIDE_HASH, metric_hash, plain, settings_hash
from ..errors import InputError
from ..files import read_json
from ..job import ELSEWHERE, JOBS, read, reason, tells
from ..schema import files, leaves
from .artefacts import finished_photos, read_record
from .naming import name_rows
from .summary import FAILED

CONFIG, OVERRIDES = "config.yaml", "overrides.yaml"
MOST_NAMES = 5
Settings = dict[str, Any]  # a run's settings by their dotted names


@dataclass
class Setting:
    """One row of a comparison: what was set, and each photo's record."""

    settings: Settings
    name: str = ""
    order: tuple[int, str] = (0, "")
    photos: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the digest of its pixels
    commands: list[list[str]] = field(default_factory=list)  # overrides of its runs
    files: dict[str, set[str]] = field(default_factory=dict)  # setting -> what its runs name, in full

    def values(self, column: str) -> dict[str, float]:
        """Photo -> figure, for those that have one."""
        found = {digest: record["metrics"].get(column) for digest, record in self.photos.items()}
        return {digest: value for digest, value in found.items() if isinstance(value, int | float)}


@dataclass(frozen=True)
class Gathered:
    """All settings of the folders, in order, and a sentence for each thing that is not in them."""

    settings: list[Setting]
    notes: list[str]


def gather(folders: Sequence[Path]) -> Gathered:
    """Every run beneath `folders`, shards and machines merged.

    Raises InputError: a folder without a run, no finished photo at all, photos of several priors.
    """
    notes: list[str] = []
    known = {folder: list(_asked(folder, notes)) for folder in folders}
    asked = [record for records in known.values() for record in records]
    notes += _undone(asked)
    runs = dict.fromkeys(run for folder, records in known.items() for run in _runs(folder, records))
    rows: dict[str, Setting] = {}
    for run in runs:
        _add(run, rows, notes)
    settings = [setting for setting in rows.values() if setting.photos]
    if not settings:
        said = f": {'; '.join(notes)}" if notes else ""
        raise InputError(f"{', '.join(map(str, folders))}: holds no finished photo{said}")
    _expect_one_prior(settings)
    name_rows(settings, asked)
    settings.sort(key=lambda setting: setting.order)
    return Gathered(settings, list(dict.fromkeys([*notes, *missing(settings), *_merged(settings)])))


def _asked(folder: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    """What the sweeps beneath `folder` know of their jobs."""
    for path in sorted(folder.rglob(f"{JOBS}/*.json")):
        try:
            yield read(path)
        except InputError as error:
            notes.append(str(error))


def _undone(asked: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A sentence for each job that neither its sweep nor another one, as a rerun in a folder of its own, has done."""
    done = {tuple(record["overrides"]) for record in asked if record["state"] == "done"}
    for record in asked:
        if tuple(record["overrides"]) not in done:
            yield f"job #{record['number']} {' '.join(record['overrides'])} is not done: {reason(record)}"


def _runs(folder: Path, asked: Sequence[dict[str, Any]]) -> list[Path]:
    """Folders of runs: those beneath `folder`, and those to which its sweeps point."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of a run, of a sweep or one above them")
    beneath = [path.parent for path in sorted(folder.rglob(CONFIG)) if "wandb" not in path.relative_to(folder).parts]
    pointed = [Path(record["folder"]) for record in asked if record["folder"]]
    found = [run.resolve() for run in [*beneath, *pointed] if (run / CONFIG).is_file()]
    if not found:
        raise InputError(f"{folder}: holds no run (a folder with {CONFIG}); name the folder of a run or of a sweep")
    return found


def _add(run: Path, rows: dict[str, Setting], notes: list[str]) -> None:
    """The run's photos, to the row of its settings."""
    try:
        cfg = read_settings(run / CONFIG)
    except InputError as error:
        notes.append(str(error))
        return
    settings, mark, measured = flat(plain(cfg)), settings_hash(cfg), metric_hash(cfg)
    row = rows.setdefault(repr(sorted(settings.items())), Setting(settings))
    row.commands += _command(run)
    for key, name in files(plain(cfg)):
        row.files.setdefault(key, set()).add(str(PurePath(name)))
    row.order = min(row.order, (0, str(run))) if row.order[1] else (0, str(run))
    found = list(_records(run, notes))
    marks, ways = ({record.get(key) for record in found} for key in ("settings_hash", "metric_hash"))
    for record in found:
        is_other = len(marks) > 1 and record["settings_hash"] != mark
        if is_other or (len(ways) > 1 and record.get("metric_hash") != measured):
            how = "made with other settings" if is_other else "measured otherwise"
            notes.append(f"{run}: {record['image']} was {how} than its {CONFIG} says, and is left out")
            continue
        _take(record, row, notes)
    notes += _failures(run, done={record["source"] for record in found})
    if not found:
        notes.append(f"{run}: no finished photo")


def _command(run: Path) -> list[list[str]]:
    """The overrides of the run's command, where they lie beside its settings."""
    try:
        found = OmegaConf.to_container(OmegaConf.load(run / OVERRIDES))
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):
        return []
    return [[str(each) for each in found]] if isinstance(found, list) else []


def read_settings(path: Path) -> DictConfig:
    """config.yaml of a run; InputError where it is none."""
    try:
        cfg = OmegaConf.load(path)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise InputError(f"{path}: not the settings of a run ({str(error).splitlines()[0]})") from error
    if not isinstance(cfg, DictConfig) or not isinstance(cfg.get("tuner"), DictConfig):
        raise InputError(f"{path}: not the settings of a run")
    return cfg


def expect_same(folder: Path, cfg: DictConfig) -> None:
    """InputError where `folder` holds photos of other settings, which a run of these would replace or leave out."""
    if not (folder / CONFIG).is_file() or not finished_photos(folder):
        return
    before = read_settings(folder / CONFIG)
    if settings_hash(before) == settings_hash(cfg):
        return _expect_this_version(folder, settings_hash(cfg))
    old, new = (dict(leaves(plain(each))) for each in (before, cfg))
    keys = [k for k in dict.fromkeys([*new, *old]) if old.get(k) != new.get(k) and tells(k, among=OUTSIDE_HASH)]
    which = f" ({', '.join(keys[:MOST_NAMES])} differ)" if keys else ""
    raise InputError(f"folder: {folder} holds photos of other settings{which}; name another folder, or delete it first")


def _expect_this_version(folder: Path, mark: str) -> None:
    """InputError where the photos' hashes were taken otherwise, so that each would be tuned again."""
    records = _records(folder, notes=[])
    if any("metric_hash" not in record or record["settings_hash"] != mark for record in records):
        raise InputError(
            f"folder: {folder} holds photos of an earlier version, which would be tuned again; name another folder, or"
            " delete it first"
        )


def _records(run: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    for photo in finished_photos(run):
        try:
            yield read_record(photo) | {"folder": photo}
        except InputError as error:
            notes.append(str(error))


def _take(record: dict[str, Any], row: Setting, notes: list[str]) -> None:
    """A photo counts once in a row: of two, the one that was finished last."""
    digest, before = record["photo_digest"], row.photos.get(record["photo_digest"])
    if before is not None:
        places = sorted(f"{each['folder'].parent.name}/{each['folder'].name}" for each in (before, record))
        notes.append(f"{record['image']}: stands twice ({', '.join(places)}), and counts once")
    if before is None or str(before["finished"]) <= str(record["finished"]):
        row.photos[digest] = record


def _failures(run: Path, *, done: set[str]) -> list[str]:
    """The photos that the run could not invert."""
    try:
        failed = read_json(run / FAILED) if (run / FAILED).is_file() else {}
    except InputError as error:
        return [str(error)]
    return [f"{run.name}: not inverted: {source}: {why}" for source, why in failed.items() if source not in done]


def flat(tree: Any) -> Settings:
    """Settings by their dotted names; of files and folders the last part alone, since machines differ above it."""
    settings = dict(leaves(tree)) | {key: PurePath(name).name for key, name in files(tree)}
    return {k: _number(v) for k, v in settings.items() if not any(k == e or k.startswith(f"{e}.") for e in ELSEWHERE)}


def _number(value: Any) -> Any:
    """1.0 and 1 set the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _expect_one_prior(settings: Sequence[Setting]) -> None:
    """Figures on different priors say nothing about the settings."""
    priors = {r["prior"]["fingerprint"]: r for setting in settings for r in setting.photos.values()}
    if len(priors) > 1:
        named = ", ".join(f"{r['prior']['name']} in {r['folder'].parent}" for r in priors.values())
        raise InputError(f"photos of {len(priors)} priors ({named}) do not compare; name the runs of one")


def missing(settings: Sequence[Setting]) -> list[str]:
    """A sentence for each setting that lacks photos which another one has that has some of its photos, if any has."""
    said = []
    for setting in settings:
        beside = [other for other in settings if other is not setting and other.photos.keys() & setting.photos.keys()]
        every = {digest: record["image"] for other in beside or settings for digest, record in other.photos.items()}
        names = sorted(name for digest, name in every.items() if digest not in setting.photos)
        if names:
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            said.append(f"{setting.name}: lacks {', '.join(names[:MOST_NAMES])}{more}")
    return said


def _merged(settings: Sequence[Setting]) -> Iterator[str]:
    """A sentence where files or folders of one name in several places count as the same."""
    for setting in settings:
        for key, names in setting.files.items():
            if len(names) > 1:
                yield f"{key}: {', '.join(sorted(names))} count as one; where they differ, give them different names"
