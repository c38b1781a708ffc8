"""Foreign -> ours -> foreign: every tensor and every image comes back to the bit, for each fixture."""

import argparse
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganinv.export import export
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.generator.foreign import unpickle

NVIDIA = ("ada_g32_skip_map2", "ada_g64_skip_map8_mixed", "ada_g32_resnet_cond4", "sg3repo_sg2_g32_skip_map8")
STYLEGAN3 = ("sg3repo_sg2_g32_np2", "sg3_t_g32", "sg3_r_g64_l14")
ROSINALITY = ("ros_g64_s64_mlp8_converted", "ros_g32_s64_mlp4_training")
TENSORFLOW = ("tf_g32_stylegan2_configf",)


def _source(shared, case: str) -> Path:
    """The checkpoint of a case: the one file beside its record that is no array of ours."""
    folder = shared(f"fixtures/checkpoints/{case}/case.json").parent
    return next(path for path in sorted(folder.iterdir()) if path.suffix in (".pkl", ".pt"))


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


@pytest.mark.parametrize("case", NVIDIA + STYLEGAN3 + ROSINALITY + TENSORFLOW)
def test_through_ours_to_nvidia(shared, tmp_path: Path, case: str) -> None:
    prior = load_prior(_source(shared, case))
    export(_source(shared, case), tmp_path / "ours", form="ganinv")
    _same(prior, load_prior(tmp_path / "ours"))
    export(tmp_path / "ours", tmp_path / "again", form="nvidia")
    _same(prior, load_prior(tmp_path / "again"))


@pytest.mark.parametrize("case", NVIDIA + STYLEGAN3)
def test_tensors_of_nvidias_pickles(shared, tmp_path: Path, case: str) -> None:
    export(_source(shared, case), tmp_path / "again", form="nvidia")
    before, after = unpickle.load(_source(shared, case)), unpickle.load(tmp_path / "again")
    for name in ("G_ema", "D"):
        if before.get(name) is not None:
            _equal(unpickle.tensors(before[name]), unpickle.tensors(after[name]))


@pytest.mark.parametrize("case", ROSINALITY)
def test_tensors_of_rosinalitys_files(shared, tmp_path: Path, case: str) -> None:
    source = _source(shared, case)
    export(source, tmp_path / "ours", form="folder")
    export(tmp_path / "ours", tmp_path / "again", form="rosinality")
    before, after = _load(source), _load(tmp_path / "again")
    for name in ("g_ema", "d"):
        _equal(before[name], after[name])
    if "latent_avg" in before:
        assert torch.equal(before["latent_avg"], after["latent_avg"])


@pytest.mark.parametrize("case", ["tf_g32_stylegan2_configf", "ada_g32_skip_map2"])
def test_through_rosinalitys_form(shared, tmp_path: Path, case: str) -> None:
    prior = load_prior(_source(shared, case))
    notes = export(_source(shared, case), tmp_path / "file.pt", form="rosinality")
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
