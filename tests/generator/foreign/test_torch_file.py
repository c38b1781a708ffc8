"""Files of torch.save: both containers give the same, wrong files one sentence, and nothing is executed."""

import argparse
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.foreign import torch_file
from ganinv.generator.foreign.torch_pickle import opened
from ganinv.generator.foreign.write_rosinality import content


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def save(request, tmp_path: Path) -> Callable[[object], Path]:
    def write(value: object) -> Path:
        path = tmp_path / "file.pt"
        torch.save(value, path, _use_new_zipfile_serialization=request.param)
        return path

    return write


def _swap(path: Path, old: bytes, new: bytes) -> None:
    """Change the instructions of `path`, a zip as a whole new one."""
    if not zipfile.is_zipfile(path):
        assert path.read_bytes().count(old) == 1
        path.write_bytes(path.read_bytes().replace(old, new))
        return
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    assert sum(entry.count(old) for entry in entries.values()) == 1
    with zipfile.ZipFile(path, "w") as archive:
        for name, entry in entries.items():
            archive.writestr(name, entry.replace(old, new))


def test_values_are_those_that_were_saved(save) -> None:
    base = torch.arange(24.0)
    saved = {
        "whole": base,
        "part": base[3:9].view(2, 3),
        "turned": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "large steps": torch.randn(1, 1, 64, 1024),
        "half": torch.randn(5).half(),
        "double": torch.randn(5).double(),
        "counts": torch.tensor([1, 2**20]),
        "scalar": torch.tensor(3.5),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "empty": torch.zeros(0, 3),
    }
    with opened(save(saved)) as found:
        for name, value in saved.items():
            read = found[name].read()
            assert read.dtype == torch.float32 and read.is_contiguous() and found[name].shape == value.shape
            assert torch.equal(read, value.detach().float()), name


def test_what_a_training_run_keeps_beside_its_networks(save, prior) -> None:
    module = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(module.parameters())
    module(torch.randn(1, 2)).sum().backward()
    optimiser.step()
    args = argparse.Namespace(size=16, path=Path("/data"), betas=(0.0, 0.99), nothing=None)
    record = content(prior)[0] | {"g_optim": optimiser.state_dict(), "args": args, "module": module.state_dict()}
    with opened(save(record)) as found:
        assert found["args"].class_name == "Namespace" and found["args"].state["size"] == 16
        assert torch.equal(found["module"]["weight"].read(), module.weight.detach())
    assert torch_file.read(save(record)).architecture["img_resolution"] == 16


def test_a_bare_state_dict_is_a_generator(save, prior) -> None:
    found = torch_file.read(save(content(prior)[0]["g_ema"]))
    assert "The file has no latent_avg (the average w)." in found.notes
    assert torch.equal(found.tensors["G_ema.synthesis.b4.const"], prior.generator.synthesis.b4.const)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], "holds a list, not networks by name"),
        ({}, r"among its keys \(none\)"),
        ({"foo": 1, "bar\n": 2}, r"among its keys \(foo, bar\?\)"),
        ({"g_ema": 3}, "g_ema is no state dict"),
        ({"g_ema": {"a": 3}}, "g_ema is no state dict"),
        ({"g_ema": {"a": torch.zeros(1)}}, "0 mapping layers and 0 convolutions"),
        ({"g_ema": {"style.999999999999999.weight": torch.zeros(1)}}, "a part numbered 999999999"),
        ({"generator_ema.style_mapping.1.weight": torch.zeros(1)}, "a checkpoint of MMGeneration"),
        ({"params_ema": {}}, "a BasicSR or GFPGAN checkpoint"),
        ({"mapping.fc0.weight": torch.zeros(1)}, "a bare state dict of NVIDIA's names"),
        ({"state_dict": {"encoder.a": torch.zeros(1)}}, "has no decoder"),
    ],
)
def test_other_files(save, value: object, said: str) -> None:
    path = save(value)
    with pytest.raises(InputError, match=said) as error:
        torch_file.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


class Hostile:
    """Runs a command where it is unpickled plainly."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_nothing_is_executed(save, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = save({"g_ema": {"a": torch.zeros(1)}, "args": Hostile(marker)})
    with pytest.raises(InputError, match="names (posix|nt).system, which no network needs"):
        torch_file.read(path)
    assert not marker.exists()


# K: a number of one byte, J of four; offset 1 and shape [3], in a storage of 7 values.
SHAPE = b"K\x01K\x03\x85"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"K\x07", b"K\x08", "claims a storage of 8 values"),
        (b"K\x07", b"J\xff\xff\xff\x7f", "claims a storage of 2147483647 values"),
        (SHAPE, b"K\x01K\x07\x85", r"of shape \[7\] that lies outside its storage of 7 values"),
        (SHAPE, b"K\x05K\x03\x85", r"of shape \[3\] that lies outside its storage of 7 values"),
        (SHAPE, b"J\xfe\xff\xff\xffK\x03\x85", "at offset -2"),
        (SHAPE, b"K\x01J\xff\xff\xff\x7f\x85", r"of shape \[2147483647\] that lies outside"),
        (SHAPE, b"K\x01J\xff\xff\xff\xff\x85", r"impossible shape \[-1\]"),
        (b"FloatStorage", b"FloatGarbage", "names torch.FloatGarbage"),
        (b"argparse", b"argpurse", "names argpurse.Namespace"),
    ],
)
def test_claims_are_compared_with_what_is_there(save, old: bytes, new: bytes, said: str) -> None:
    path = save({"g_ema": {"latent_avg": torch.arange(7.0)[1:4]}, "args": argparse.Namespace()})
    _swap(path, old, new)
    with pytest.raises(InputError, match=said), opened(path) as found:
        found["g_ema"]["latent_avg"].read()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated(save, prior, share: float) -> None:
    path = save(content(prior)[0])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="its pickle (is cut off|cannot be found|ends in the middle)"):
        torch_file.read(path)


def test_a_compressed_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**7))
    with pytest.raises(InputError, match="with more bytes than it has"):
        torch_file.read(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", os.urandom(100))
    with pytest.raises(InputError, match="compressed, encrypted or doubled"):
        torch_file.read(path)


def test_other_zips_and_pickles(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    for names in (["photo.png"], ["script/data.pkl", "script/code/net.py"]):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"")
        with pytest.raises(InputError, match="no checkpoint of torch.save"):
            torch_file.read(path)
    path.write_bytes(pickle.dumps({"g_ema": 1}, protocol=2))
    with pytest.raises(InputError, match="not one of torch.save"):
        torch_file.read(path)
    with pytest.raises(InputError, match="cannot be read"):
        torch_file.read(tmp_path / "missing.pt")
