"""Foreign -> ours -> foreign: every tensor and every image comes back to the bit, for each fixture."""

import argparse
import json
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganinv.export import export
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.generator.foreign import unpickle

SHARED = Path(os.environ.get("GANINV_SHARED", Path(__file__).parents[4] / "shared"))
FIXTURES = Path(os.environ.get("GANINV_FIXTURES") or SHARED / "fixtures/checkpoints")
RECORDS = {path.parent.name: json.loads(path.read_text()) for path in sorted(FIXTURES.glob("*/case.json"))}


def _cases(*forms: str) -> list[str]:
    """Those whose file a reader takes for one of `forms`."""
    found = [name for name, record in RECORDS.items() if any(form in record["family"] for form in forms)]
    return found or ["none"]


NVIDIA, ROSINALITY = _cases("stylegan2-ada-pytorch", "stylegan3"), _cases("rosinality")
PLAIN = [name for name in ("tf_g32_stylegan2_configf", "ada_g32_skip_map2") if name in RECORDS] or ["none"]


@pytest.fixture
def source(request) -> Path:
    """The checkpoint of a case."""
    if request.param == "none":
        pytest.skip(f"no such case in {FIXTURES}; set GANINV_FIXTURES to a folder of them, or GANINV_SHARED")
    return FIXTURES / request.param / RECORDS[request.param]["file"]["name"]


@torch.no_grad()
def _same(first: Prior, second: Prior) -> None:
    assert first.fingerprint == second.fingerprint
    z, labels = torch.randn(4, first.generator.z_dim), first.generator.c_dim
    c = torch.eye(labels)[torch.arange(4) % labels] if labels else None
    images = first.generator(z, c, psi=0.7)
    assert torch.equal(images, second.generator(z, c, psi=0.7))
    assert (first.discriminator is None) == (second.discriminator is None)
    if first.discriminator and second.discriminator:
        assert torch.equal(first.discriminator(images, c), second.discriminator(images, c))


@pytest.mark.parametrize("source", list(RECORDS) or ["none"], indirect=True)
def test_through_ours_to_nvidia(source: Path, tmp_path: Path) -> None:
    prior = load_prior(source)
    export(source, tmp_path / "ours", form="ganinv")
    _same(prior, load_prior(tmp_path / "ours"))
    export(tmp_path / "ours", tmp_path / "again", form="nvidia")
    _same(prior, load_prior(tmp_path / "again"))


@pytest.mark.parametrize("source", NVIDIA, indirect=True)
def test_tensors_of_nvidias_pickles(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "again", form="nvidia")
    before, after = unpickle.load(source), unpickle.load(tmp_path / "again")
    for name in ("G_ema", "D"):
        if before.get(name) is not None:
            _equal(unpickle.tensors(before[name]), unpickle.tensors(after[name]))


@pytest.mark.parametrize("source", ROSINALITY, indirect=True)
def test_tensors_of_rosinalitys_files(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "ours", form="folder")
    export(tmp_path / "ours", tmp_path / "again", form="rosinality")
    before, after = _load(source), _load(tmp_path / "again")
    for name in ("g_ema", "d"):
        _equal(before[name], after[name])
    if "latent_avg" in before:
        assert torch.equal(before["latent_avg"], after["latent_avg"])


@pytest.mark.parametrize("source", PLAIN, indirect=True)
def test_through_rosinalitys_form(source: Path, tmp_path: Path) -> None:
    prior = load_prior(source)
    notes = export(source, tmp_path / "file.pt", form="rosinality")
    again = load_prior(tmp_path / "file.pt")
    assert again.fingerprint == prior.fingerprint
    assert (again.discriminator is None) == any(note.startswith("No discriminator") for note in notes)


def _load(path: Path) -> dict:
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(path, weights_only=True)


def _equal(before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor.float(), after[name]), name
