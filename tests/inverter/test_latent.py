from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganinv.errors import InputError
from ganinv.inverter.latent import Latent


@pytest.fixture
def latent() -> Latent:
    return Latent(
        ws=torch.randn(2, 6, 8), space="z", z=torch.randn(2, 8), noise={"b4.conv1.noise_const": torch.randn(2, 4, 4)}
    )


def test_round_trip_is_exact(latent: Latent, tmp_path: Path) -> None:
    path = tmp_path / "my latent.safetensors"
    latent.save(path)
    back = Latent.load(path)
    assert back.space == "z" and torch.equal(back.ws, latent.ws)
    assert back.z is not None and latent.z is not None and torch.equal(back.z, latent.z)
    assert back.noise is not None and latent.noise is not None
    assert torch.equal(back.noise["b4.conv1.noise_const"], latent.noise["b4.conv1.noise_const"])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_without_z_and_noise(tmp_path: Path) -> None:
    # A latent broadcast over its layers shares memory, which safetensors alone would refuse.
    Latent(ws=torch.randn(1, 1, 8).expand(1, 6, 8), space="w").save(tmp_path / "w.safetensors")
    back = Latent.load(tmp_path / "w.safetensors")
    assert back.z is None and back.noise is None and back.ws.shape == (1, 6, 8)


def test_moves_whole(latent: Latent) -> None:
    moved = latent.to("meta")
    assert moved.z is not None and moved.noise is not None
    assert {moved.ws.device.type, moved.z.device.type, moved.noise["b4.conv1.noise_const"].device.type} == {"meta"}


def test_wrong_files(tmp_path: Path, latent: Latent) -> None:
    stranger = tmp_path / "stranger.safetensors"
    save_file({"w": torch.zeros(8)}, stranger)
    with pytest.raises(InputError, match="not a latent that ganinv wrote; read other files with inverter=file"):
        Latent.load(stranger)
    latent.save(cut := tmp_path / "cut.safetensors")
    cut.write_bytes(cut.read_bytes()[:-5])
    for path in (cut, tmp_path / "nowhere.safetensors"):
        with pytest.raises(InputError, match="not a whole safetensors file"):
            Latent.load(path)


def test_unwritable_folder(latent: Latent, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        latent.save(tmp_path / "file" / "latent.safetensors")
