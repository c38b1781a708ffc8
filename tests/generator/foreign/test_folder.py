"""A folder with config.json and safetensors: what is written comes back, and what is not whole is said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganinv.errors import InputError
from ganinv.generator.foreign.folder import read, write

from .conftest import build


@pytest.fixture
def folder(prior, tmp_path: Path) -> Path:
    write(tmp_path / "prior", prior)
    return tmp_path / "prior"


def test_round_trip(prior, folder: Path) -> None:
    found = read(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert found.architecture == prior.architecture and found.notes == [] and found.family == "stylegan2"
    for prefix, module in (("G_ema.", prior.generator), ("D.", prior.discriminator)):
        for name, tensor in module.state_dict().items():
            assert torch.equal(found.tensors[prefix + name], tensor)


def test_licence_and_training_go_along(tmp_path: Path) -> None:
    prior = replace(build(), licence="CC0", training={"images": 7}, discriminator=None)
    assert "No discriminator was written" in write(tmp_path, prior)[0]
    found = read(tmp_path)
    assert found.licence == "CC0" and found.training == {"images": 7}
    assert found.notes == ["The folder has no discriminator."]


def test_several_files_and_bare_names(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("G_ema."): tensor for name, tensor in tensors.items() if name.startswith("G_ema.")}
    save_file(bare, folder / "model.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if name.startswith("D.")}, folder / "d.safetensors")
    found = read(folder)
    assert found.tensors.keys() == tensors.keys()
    save_file(bare, folder / "again.safetensors")
    with pytest.raises(InputError, match="is in again.safetensors and in model.safetensors"):
        read(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a whole JSON file"),
        ("[" * 10**5, "not a whole JSON file"),
        ("[]", "not a JSON object"),
        ("{}", "has no architecture"),
        (json.dumps({"architecture": 3}), "has no architecture"),
        (" " * 2**21, "more than 1048576 bytes"),
    ],
)
def test_wrong_records(folder: Path, text: str, said: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match=said) as error:
        read(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_what_is_missing(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        read(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no tensor G_ema"):
        read(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="this folder has no config.json"):
        read(tmp_path / "empty")
