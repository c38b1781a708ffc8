"""A direction's file, and each way in which one can be wrong."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ganinv.edit.direction import Direction
from ganinv.edit.known import find
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior

from .conftest import make_prior


@pytest.mark.parametrize("space", ["z", "w", "w+", "s"])
def test_round_trip_is_exact(direction: Direction, space: str, tmp_path: Path) -> None:
    values = {
        "z": {"z": torch.randn(8)},
        "w": {"w": torch.randn(8)},
        "w+": {"w+": torch.randn(6, 8)},
        "s": {"b4.conv1": torch.randn(8), "b8.torgb": torch.randn(8)},
    }[space]
    layers = (1, 3) if space in ("w", "w+") else None
    written = replace(direction, space=space, values=values, layers=layers, strength=2.5)
    written.save(tmp_path / "x.safetensors")
    back = Direction.load(tmp_path / "x.safetensors")
    assert back.values.keys() == values.keys()
    assert all(torch.equal(back.values[name], value) for name, value in values.items())
    for field in ("name", "space", "unit", "fingerprint", "prior", "layers", "origin", "strength", "licence", "made"):
        assert getattr(back, field) == getattr(written, field), field


def test_what_is_found_on_a_generator_carries_its_marks(prior: Prior) -> None:
    parts = {"name": "smile", "space": "w", "values": {"w": torch.ones(8)}, "unit": "as it is"}
    found = Direction.found_on(prior, **parts)
    assert (found.fingerprint, found.prior, found.licence) == (prior.fingerprint, "tiny0", "public domain")
    assert Direction.found_on(prior, **parts, licence="MIT").licence == "MIT"
    found.fits(prior)


def test_another_generator_is_refused(direction: Direction, prior: Prior, other: Prior) -> None:
    direction.fits(prior)
    with pytest.raises(
        InputError, match="^smile: found on the generator tiny0 .* which is not tiny1 .*; find it there"
    ):
        direction.fits(other)


def test_an_unknown_generator_is_warned_of(
    direction: Direction, other: Prior, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replace(direction, fingerprint=None).save(tmp_path / "x.safetensors")
    with caplog.at_level(logging.WARNING):
        Direction.load(tmp_path / "x.safetensors").fits(other)
    assert "smile: does not say which generator it was found on" in caplog.text


@pytest.mark.parametrize(
    ("space", "values", "said"),
    [
        ("w", {"w": torch.ones(7)}, r"smile: has shape \[7\] at w, but this generator needs \[8\]"),
        ("w+", {"w+": torch.ones(18, 8)}, r"smile: has shape \[18, 8\] at w\+, but this generator needs \[6, 8\]"),
        ("s", {"b64.conv1": torch.ones(8)}, "smile: moves the layer b64.conv1, which this generator has not"),
    ],
)
def test_a_wrong_shape_is_refused(direction: Direction, prior: Prior, space, values, said) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        replace(direction, space=space, values=values).fits(prior)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": {"w": torch.full([8], torch.nan)}}, "smile: holds NaN or infinite numbers"),
        ({"values": {"w": torch.zeros(8)}}, "smile: is zero everywhere"),
        ({"values": {"w": torch.ones(8, dtype=torch.int64)}}, "smile: holds no array of real numbers"),
        ({"values": {"z": torch.ones(8)}}, r"smile: in w it needs one array, named so, and has \['z'\]"),
        ({"space": "p"}, r"smile: its space is 'p'; there are z, w, w\+, s"),
        ({"strength": 31}, "smile: a strength must lie in -30 to 30 units of its direction, got 31"),
        ({"strength": float("nan")}, "smile: a strength must lie in -30 to 30"),
        ({"space": "z", "values": {"z": torch.ones(8)}, "layers": (0, 1)}, "smile: has layers"),
    ],
)
def test_an_unsound_direction_is_refused(direction: Direction, changes, said) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        replace(direction, **changes)


def test_nan_in_a_file_is_told_with_its_path(direction: Direction, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    direction.values["w"][3] = torch.nan
    direction.save(path)
    with pytest.raises(InputError, match="x.safetensors: smile: holds NaN"):
        Direction.load(path)


def test_layers_outside_the_generator_are_refused(direction: Direction, prior: Prior) -> None:
    for layers in ((0, 7), (3, 3), (-1, 2)):
        with pytest.raises(InputError, match="are not in this generator, which has 6"):
            replace(direction, layers=layers).fits(prior)


def test_wrong_files(direction: Direction, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(InputError, match="x.safetensors: no such file"):
        Direction.load(path)
    path.write_bytes(b"cut")
    with pytest.raises(InputError, match="not a whole safetensors file"):
        Direction.load(path)
    save_file({"w": torch.ones(8)}, path)
    with pytest.raises(InputError, match="not a direction of ganinv; read a published one with finder=published"):
        Direction.load(path)
    save_file({"w": torch.ones(8)}, path, {"format": "ganinv-direction", "version": "2"})
    with pytest.raises(InputError, match="format version 2, this ganinv reads 1"):
        Direction.load(path)
    save_file({"w": torch.ones(8)}, path, {"format": "ganinv-direction", "version": "1", "name": "x"})
    with pytest.raises(InputError, match="its header lacks space, unit, prior"):
        Direction.load(path)
    header = dict.fromkeys(("name", "space", "unit", "prior", "prior_name", "licence"), "w")
    save_file(
        {"w": torch.ones(8)},
        path,
        header | {"format": "ganinv-direction", "version": "1", "strength": "x"} | {"made": "{}"},
    )
    with pytest.raises(InputError, match="its header is not one of a direction"):
        Direction.load(path)


@pytest.mark.parametrize("end", [".pt", ".pth", ".npy", ".NPZ", ".txt"])
def test_a_published_file_is_to_be_tied_to_a_generator_first(end: str, prior: Prior, tmp_path: Path) -> None:
    path = tmp_path / f"age{end}"
    with pytest.raises(InputError, match=f"age{end}: no such file; name a direction's file"):
        find(str(path), prior)
    path.write_bytes(b"published")
    tied = f"`python -m ganinv.directions finder=published finder.path={path} finder.form=FORM name=age generator="
    with pytest.raises(InputError, match=f"age{end}: a published file, which does not say .*{re.escape(tied)}"):
        find(str(path), prior)
    spaced = path.rename(tmp_path / f"my age{end}")
    with pytest.raises(
        InputError, match=re.escape(f"finder=published 'finder.path={spaced}' finder.form=FORM 'name=my age'")
    ):
        find(str(spaced), prior)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("layers", "[1]", "its header is not one of a direction"),
        ("layers", "{}", "its header is not one of a direction"),
        ("layers", "[0, 1e400]", "its header is not one of a direction"),
        ("origin", "NaN", "its origin is nan"),
    ],
)
def test_a_crafted_header_is_told(key: str, text: str, said: str, direction: Direction, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    direction.save(path)
    with safe_open(path, framework="pt") as file:
        header, values = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(values, path, header | {key: text})
    with pytest.raises(InputError, match=said):
        Direction.load(path)


def test_names(direction: Direction, prior: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    direction.save("directions/smile.safetensors")
    assert find("smile", prior).values["w"].equal(direction.values["w"])
    assert find("directions/smile.safetensors", prior).name == "smile"
    with pytest.raises(InputError, match="^smil: no direction .* no file; did you mean smile. Known are .*glasses"):
        find("smil", prior)
    with pytest.raises(InputError, match="^zzzzzz: no direction of that name, and no file; known are .*smile"):
        find("zzzzzz", prior)


def test_of_one_name_the_one_that_belongs_to_the_generator_is_taken(
    direction: Direction, other: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganinv.edit.known.PACKAGED", tmp_path / "found")
    direction.save("directions/smile.safetensors")
    replace(direction, fingerprint=other.fingerprint).save("found/tiny/smile.safetensors")
    assert find("smile", other).fingerprint == other.fingerprint
    assert find("smile", make_prior(2)).fingerprint == direction.fingerprint
