"""What the rows of a comparison are called: by what their commands set, or by the settings that differ."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..job import tells
from ..schema import CHECKPOINTS, PATHS

if TYPE_CHECKING:
    from .jobs import Setting, Settings

Overrides = tuple[str, ...]  # of a command
ABSENT = object()
DEFAULT = "default"  # a row whose command sets nothing that others do not


def name_rows(settings: Sequence["Setting"], asked: Sequence[dict[str, Any]]) -> None:
    """Give each row its name and its place: the order of the jobs, where one sweep knows all rows.

    asked: the sweeps' records of their jobs; a run that no sweep began has the overrides that lie beside its settings.
    """
    records = [_of(setting, asked) for setting in settings]
    commands = [
        [short(record["overrides"]) for record in own] or list(map(short, setting.commands))
        for setting, own in zip(settings, records, strict=True)
    ]
    names = next(_told_apart(settings, commands))
    for setting, own, name in zip(settings, records, names, strict=True):
        setting.name = name
        if all(records):
            setting.order = (own[0]["number"], "")


def _of(setting: "Setting", asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The jobs whose photos are in the row, by their number."""
    marks = {record["settings_hash"] for record in setting.photos.values()}
    return sorted((record for record in asked if record["settings_hash"] in marks), key=lambda each: each["number"])


def _told_apart(settings: Sequence["Setting"], commands: Sequence[Sequence[Overrides]]) -> Iterator[list[str]]:
    """Names, the best first, of which each is another one."""
    by_settings = differing([setting.settings for setting in settings])
    for pick in (_shared, _first):
        names = [name or other for name, other in zip(by_commands(commands, pick), by_settings, strict=True)]
        if len(names) == len(set(names)) > 1:
            yield names
    yield by_settings


def by_commands(commands: Sequence[Sequence[Overrides]], pick: Callable) -> list[str]:
    """What `pick` takes of each row's commands, without what all rows have; "" where no command is known."""
    known = [set(pick(own)) for own in commands if own]
    common = set.intersection(*known) if known else set()
    return [", ".join(_word(o) for o in pick(own) if o not in common) or DEFAULT if own else "" for own in commands]


def _shared(commands: Sequence[Overrides]) -> Overrides:
    """What every command of a row set; of commands that set the same in other words, the first."""
    found = tuple(override for override in commands[0] if all(override in other for other in commands))
    return found or commands[0]


def _first(commands: Sequence[Overrides]) -> Overrides:
    return commands[0]


def short(overrides: Sequence[str]) -> Overrides:
    """Those that can make another row; of files and folders the last part alone, since machines differ above it."""
    return tuple(_last_part(override) for override in overrides if tells(override))


def named(overrides: Sequence[str], *, most: int) -> str:
    """A name of a run by what its command set, of `most` letters at most, the last ones where there are more."""
    name = ",".join(map(_last_part, overrides))
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _last_part(override: str) -> str:
    key, _, value = override.partition("=")
    is_path = key.lstrip("+") in ("folder", *PATHS, *CHECKPOINTS) or key.endswith(".weights")
    bare = value[1:-1] if value[:1] in ("'", '"') and value[:1] == value[-1:] else value
    return f"{key}={PurePath(bare).name or bare}" if is_path and bare else override


def _word(override: str) -> str:
    """`row=full` is called "full": the files in conf/row are named for this."""
    return override.removeprefix("row=").replace("_", " ") if override.startswith("row=") else override.lstrip("+")


def differing(rows: Sequence["Settings"]) -> list[str]:
    """A name for each row of settings, of those alone that differ between rows."""
    if len(rows) == 1:
        return ["all"]
    keys = dict.fromkeys(key for row in rows for key in row)
    differ = [key for key in keys if len({repr(row.get(key, ABSENT)) for row in rows}) > 1]
    return [", ".join(f"{key}={_value(row[key])}" for key in differ if key in row) for row in rows]


def _value(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
