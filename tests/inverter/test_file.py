from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.inverter.file import File
from ganinv.inverter.latent import Latent

NUM_WS, W_DIM = 6, 8


def write(path: Path, content: Any) -> Path:
    """`content`, a tensor or a dictionary of them, in the format of the suffix."""
    if path.suffix == ".npy":
        np.save(path, content.numpy())
    elif path.suffix == ".npz":
        np.savez(path, **{key: value.numpy() for key, value in content.items()})
    elif path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


def read(path: Path, prior: Prior, *, count: int = 1, names: list[str] | None = None) -> Latent:
    return File(path=str(path))(prior=prior, images=torch.zeros(count, 3, 16, 16), seed=0, names=names)


def refusal(path: Path, prior: Prior, **arguments: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(path, prior, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("shape", "space"),
    [
        ([W_DIM], "w"),
        ([1, W_DIM], "w"),
        ([1, 1, W_DIM], "w"),
        ([NUM_WS, W_DIM], "w+"),
        ([1, NUM_WS, W_DIM], "w+"),
    ],
)
def test_one_latent_in_each_shape_serves_every_photo(
    prior: Prior, tmp_path: Path, shape: list[int], space: str
) -> None:
    values = torch.randn(shape)
    found = read(write(tmp_path / "mine.npy", values), prior, count=2)
    assert found.space == space and found.ws.shape == (2, NUM_WS, W_DIM) and found.ws.dtype == torch.float32
    assert torch.equal(found.ws, values.expand(2, NUM_WS, W_DIM))


@pytest.mark.parametrize("shape", [[3, W_DIM], [3, NUM_WS, W_DIM]])
def test_a_latent_for_each_photo(prior: Prior, tmp_path: Path, shape: list[int]) -> None:
    values = torch.randn(shape)
    found = read(write(tmp_path / "mine.pt", values), prior, count=3)
    assert torch.equal(found.ws, values.view(3, -1, W_DIM).expand(3, NUM_WS, W_DIM))


@pytest.mark.parametrize("key", ["w", "ws", "latent", "latents", "wplus", "anything"])
@pytest.mark.parametrize("suffix", [".npz", ".pt", ".pth", ".safetensors"])
def test_dictionaries(prior: Prior, tmp_path: Path, key: str, suffix: str) -> None:
    values = torch.randn(1, NUM_WS, W_DIM)
    found = read(write(tmp_path / f"projected_w{suffix}", {key: values}), prior)
    assert torch.equal(found.ws, values)


def test_usual_key_is_taken_among_others(prior: Prior, tmp_path: Path) -> None:
    values = torch.randn(W_DIM)
    path = write(tmp_path / "d.pt", {"image": torch.zeros(3, 16, 16), "latent": values})
    assert torch.equal(read(path, prior).ws[0, 3], values)
    assert "holds w, ws; keep one" in refusal(write(tmp_path / "two.pt", {"w": values, "ws": values}), prior)
    assert "holds a, b; keep one" in refusal(write(tmp_path / "none.pt", {"a": values, "b": values}), prior)


def test_numbers_of_other_precision(prior: Prior, tmp_path: Path) -> None:
    values = torch.randn(W_DIM, dtype=torch.float64)
    np.save(tmp_path / "big.npy", values.numpy().astype(">f8"))
    assert torch.equal(read(tmp_path / "big.npy", prior).ws[0, 0], values.float())
    half = write(tmp_path / "half.pt", values.bfloat16())
    assert torch.equal(read(half, prior).ws[0, 0], values.bfloat16().float())


def rosinality(count: int) -> dict[str, Any]:
    """What rosinality's projector.py leaves: path of the photo -> image, latent, noise maps."""
    sides = [4, 8, 8, 16, 16]
    return {
        f"photos/face {i}.png": {
            "img": torch.zeros(3, 16, 16),
            "latent": torch.full([W_DIM], float(i)),
            "noise": [torch.full([1, 1, side, side], float(10 * i + n)) for n, side in enumerate(sides)],
        }
        for i in range(count)
    }


def test_rosinality_projector_file(prior: Prior, tmp_path: Path) -> None:
    path = write(tmp_path / "faces.pt", rosinality(2))
    found = read(path, prior, count=2, names=["face 1", "face 0"])
    assert found.ws[:, 0, 0].tolist() == [1, 0] and found.space == "w"
    assert found.noise is not None and found.noise["b16.conv0.noise_const"].shape == (2, 16, 16)
    assert found.noise["b16.conv0.noise_const"][:, 0, 0].tolist() == [13, 3]
    assert "not one for the photo other" in refusal(path, prior, names=["other"])


def test_noise_maps_of_another_generator(prior: Prior, tmp_path: Path) -> None:
    content = rosinality(1)
    content["photos/face 0.png"]["noise"].pop()
    assert "holds 4 noise maps, but this generator takes 5" in refusal(write(tmp_path / "a.pt", content), prior)
    content["photos/face 0.png"]["noise"].append(torch.zeros(1, 1, 32, 32))
    message = refusal(write(tmp_path / "b.pt", content), prior)
    assert "noise map b16.conv1.noise_const of 32x32 pixels" in message


def test_our_own_latent(prior: Prior, tmp_path: Path) -> None:
    noise = {"b8.conv0.noise_const": torch.randn(1, 8, 8)}
    Latent(ws=torch.randn(1, NUM_WS, W_DIM), space="z", z=torch.randn(1, 8), noise=noise).save(
        path := tmp_path / "latent.safetensors"
    )
    found = read(path, prior)
    assert found.space == "z" and found.z is not None and found.noise is not None
    assert torch.equal(found.noise["b8.conv0.noise_const"], noise["b8.conv0.noise_const"])
    own = prior.generator.get_buffer("synthesis.b8.conv1.noise_const")
    assert torch.equal(found.noise["b8.conv1.noise_const"][0], own)


def test_a_latent_of_another_generator_is_refused(prior: Prior, tmp_path: Path) -> None:
    header = {"format": "ganinv-latent", "version": "1", "space": "w", "prior": "sha256:other"}
    save_file({"ws": torch.zeros(1, NUM_WS, W_DIM)}, tmp_path / "latent.safetensors", header)
    assert "found on another generator than tiny" in refusal(tmp_path / "latent.safetensors", prior)
    header["prior"] = prior.fingerprint
    save_file({"ws": torch.zeros(1, NUM_WS, W_DIM)}, tmp_path / "latent.safetensors", header)
    assert read(tmp_path / "latent.safetensors", prior).ws.shape == (1, NUM_WS, W_DIM)


def test_folder_with_a_file_per_photo(prior: Prior, tmp_path: Path) -> None:
    first, second, third = torch.randn(3, W_DIM)
    write(tmp_path / "my face.1.npy", first)
    write(tmp_path / "ünïcode.npz", {"w": second})
    (tmp_path / "run").mkdir()
    Latent(ws=third.expand(1, NUM_WS, W_DIM), space="w").save(tmp_path / "run" / "latent.safetensors")
    found = read(tmp_path, prior, count=3, names=["run", "my face.1", "ünïcode"])
    assert torch.equal(found.ws[:, 0], torch.stack([third, first, second])) and found.space == "w"


def test_folder_problems(prior: Prior, tmp_path: Path) -> None:
    assert "has no latent for the photo a; expected a.pt" in refusal(tmp_path, prior, names=["a"])
    assert "this photo has no name" in refusal(tmp_path, prior)
    for suffix in (".pt", ".npy"):
        write(tmp_path / f"a{suffix}", torch.zeros(W_DIM))
    assert "holds a.pt and a.npy for one photo" in refusal(tmp_path, prior, names=["a"])


@pytest.mark.parametrize(
    "shape", [[], [0], [W_DIM + 1], [0, W_DIM], [NUM_WS, 9], [18, 512], [1, 18, 512], [2, 3, W_DIM], [1, 1, 6, 8]]
)
def test_wrong_shape_is_named_with_what_is_needed(prior: Prior, tmp_path: Path, shape: list[int]) -> None:
    message = refusal(write(tmp_path / "w.pt", torch.zeros(shape)), prior)
    assert f"has shape {shape}, but this generator needs [8] or [6, 8]" in message


def test_wrong_number_of_latents(prior: Prior, tmp_path: Path) -> None:
    path = write(tmp_path / "w.pt", torch.zeros(3, NUM_WS, W_DIM))
    assert "holds 3 latents for 1 photo; give a folder" in refusal(path, prior)
    assert "holds 3 latents for 2 photos" in refusal(path, prior, count=2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e300])
def test_what_is_not_finite_in_float32_is_refused(prior: Prior, tmp_path: Path, bad: float) -> None:
    values = torch.zeros(W_DIM, dtype=torch.float64)
    values[3] = bad
    for suffix in (".npy", ".pt"):
        assert "NaN or infinite" in refusal(write(tmp_path / f"w{suffix}", values), prior)


@pytest.mark.parametrize("values", [torch.zeros(W_DIM, dtype=torch.complex64), torch.zeros(W_DIM, dtype=torch.bool)])
def test_what_is_no_number_is_refused(prior: Prior, tmp_path: Path, values: Tensor) -> None:
    for suffix in (".npy", ".pt"):
        assert "no array of real numbers" in refusal(write(tmp_path / f"w{suffix}", values), prior)
    np.save(tmp_path / "text.npy", np.array(["a"]))
    assert "no array of real numbers" in refusal(tmp_path / "text.npy", prior)
    torch.save({"w": [1.0, 2.0]}, tmp_path / "list.pt")
    assert "no array of real numbers but list" in refusal(tmp_path / "list.pt", prior)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>quota</html>", b"PK\x03\x04cut", b"\x93NUMPY\x01\x00cut"])
def test_damaged_files(prior: Prior, tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    assert f"{path}: not a whole {suffix} file" in refusal(path, prior)


def test_code_in_a_file_is_not_run(prior: Prior, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"w": Evil()}, tmp_path / "evil.pt")
    np.save(tmp_path / "evil.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    for name in ("evil.pt", "evil.npy"):
        refusal(tmp_path / name, prior)
    assert not (tmp_path / "ran").exists()


def test_wrong_path(prior: Prior, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        File(path=str(tmp_path / "nowhere.pt"))
    (tmp_path / "w.txt").write_text("0 0 0")
    assert "latents are read from .pt, .pth, .npy, .npz, .safetensors" in refusal(tmp_path / "w.txt", prior)
