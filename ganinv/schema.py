"""Settings against what they name, the code by its signatures and the files; and those that must go together."""

import inspect
import json
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from .errors import InputError
from .mistakes import unknown
from .weights import TABLE, find, has_name

# What run.py hands to a node beyond its YAML.
PARTS = {"dataset": ["resolution"], "tuner": ["objective"]}

# Settings that name a file or folder of the user's.
PATHS = {
    "dataset.path": "a photo, a folder of photos or a zip of photos",
    "inverter.path": "a latent or a folder with one for each photo, or an encoder",
    "inverter.start.path": "an encoder",
    "tuner.reals": "a folder or zip of real images",
    "metric.frechet.real": "a folder or zip of real images",
}

# What a setting without a default of its own is to name, beside PATHS.
ASKED = {"edit.directions.own.direction": "a direction's file, or one in ./directions by its name"}

# Settings that name a network in any form of a checkpoint. Every other one called `weights` names a file of tensors, or
# has a name of `ganinv.weights`.
CHECKPOINTS = ("generator.path", "training.start")


def against_signature(node: dict[str, Any], key: str) -> Iterator[str]:
    """A line for each mistake: in names for every target, in values for our own, whose annotations are the schema."""
    try:
        target = pkgutil.resolve_name(node["_target_"])
        known = dict(inspect.signature(target).parameters)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        yield f"{key}._target_: {error}, got {node['_target_']!r}"
        return
    for name in PARTS.get(key, []):
        known.pop(name, None)
    given = {name: value for name, value in node.items() if name not in ("_target_", "_partial_", "_convert_")}
    if all(p.kind is not p.VAR_KEYWORD for p in known.values()):
        yield from (unknown(f"{key}.{name}", known) for name in given if name not in known)
    if not node.get("_partial_"):
        required = [name for name, p in known.items() if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
        yield from (f"{key}.{name}: must be set" for name in required if name not in given)
    if node["_target_"].startswith("ganinv."):
        hints = get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
        for name in (name for name in given if name in known and name in hints):
            yield from _against_type(given[name], hints[name], f"{key}.{name}")


def _against_type(value: Any, hint: Any, key: str) -> Iterator[str]:
    """Strict, and as JSON: YAML has no tuples and no paths either, and "no" must not pass for a bool."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    text = json.dumps(value)
    if value == "???" or '"_target_"' in text:
        return
    try:
        TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)).validate_json(
            text, strict=True
        )
    except ValidationError as error:
        if any(e["type"] == "needs_python_object" for e in error.errors()):
            yield f"{key}: is a group of settings, got {value!r}; set one of them, as {key}.NAME=VALUE"
            return
        places: dict[tuple[int | str, ...], list[str]] = {}
        for e in error.errors():
            places.setdefault(_entry(e["loc"], value), []).append(_said(e["msg"]))
        said = [f"{_named(place)} {' or '.join(dict.fromkeys(found))}" for place, found in places.items()]
        # Of a value and of an entry of it: two forms that a setting may have.
        word = " or " if any(b[: len(a)] == a for a in places for b in places if a != b) else " and "
        yield f"{key}: {word.join(said)}, got {value!r}"


def _entry(place: Sequence[int | str], value: Any) -> tuple[int | str, ...]:
    """Of pydantic's `place` in `value` the entries alone, without the names that it gives to a union's members."""
    found: list[int | str] = []
    for part in place:
        if isinstance(value, dict) and part in value:
            found, value = [*found, part], value[part]
        elif isinstance(value, list) and isinstance(part, int):
            found, value = [*found, part + 1], value[part] if part < len(value) else None
    return tuple(found)


def _named(place: Sequence[int | str]) -> str:
    """What a sentence on a value begins with."""
    return f"entry {'.'.join(map(str, place))}" if place else "input"


def _said(message: str) -> str:
    """Pydantic's message as what is said of the value."""
    said = message.removeprefix("Input ").replace("a valid array", "a list").replace(" after validation", "")
    said = re.sub("^(List|Tuple) should", "should", said)
    return {"Field required": "is missing"}.get(said, said[0].lower() + said[1:])


def together(tree: dict[str, Any]) -> Iterator[str]:
    """A line for each thing that settings which are right one by one do not allow together, or on this machine."""
    for expect in (_shard, _terms, _device):
        try:
            expect(tree)
        except InputError as error:
            yield str(error)


def _shard(tree: dict[str, Any]) -> None:
    from .dataset.images import expect_shard

    node = tree.get("dataset") or {}
    shard, num_shards = node.get("shard", 0), node.get("num_shards", 1)
    if type(shard) is type(num_shards) is int and num_shards > 0:
        expect_shard(shard, num_shards)


def _terms(tree: dict[str, Any]) -> None:
    """Of our own objective; another may read its weights otherwise."""
    from .loss.objective import Objective, expect_terms

    node = tree.get("loss") or {}
    if node.get("_target_") != f"{Objective.__module__}.{Objective.__name__}":
        return
    known = inspect.signature(Objective).parameters
    weights = {name: node.get(name, known[name].default) for name in Objective.TERMS}
    try:
        expect_terms(weights, has_lpips=node.get("lpips") is not None)
    except ValueError as error:
        raise InputError(f"loss: {error}") from error


def _device(tree: dict[str, Any]) -> None:
    if tree.get("device") == "cuda":
        from .method import pick_device

        pick_device("cuda")


def leaves(tree: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting by its dotted name, with its value."""
    if not isinstance(tree, dict) or not tree:
        yield key, tree
        return
    for name, child in tree.items():
        yield from leaves(child, f"{key}.{name}" if key else str(name))


def files(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings that name a file, a folder or published weights, with what they name; not those that are not set."""
    for key, value in leaves(tree):
        is_one = key in PATHS or key in CHECKPOINTS or key.endswith(".weights")
        if is_one and isinstance(value, str) and value != "???":
            yield key, value


def missing_files(tree: dict[str, Any]) -> Iterator[str]:
    """Every file that the run starts from, so that a mistake in a path stands beside the others."""
    for key, name in files(tree):
        try:
            if key in PATHS:
                if not (Path(name).expanduser().exists() or has_name(name)):
                    yield f"{key}: {name!r} does not exist; name {PATHS[key]}"
            elif not _is_network_folder(key, name):
                find(name)
        except InputError as error:
            yield f"{key}: {error}"


def _is_network_folder(key: str, name: str) -> bool:
    """Whether a network is asked for and a folder named that may hold one; InputError where it cannot."""
    folder = Path(name).expanduser()
    if key not in CHECKPOINTS or name in TABLE or not folder.is_dir():
        return False
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: this folder has no config.json; give a checkpoint's file or folder")
    return True
