"""The pickle of NVIDIA's form: inert when we read it, the host's own classes when a host does."""

import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ganinv.generator.checkpoint import Prior, build_generator
from ganinv.generator.foreign import unpickle
from ganinv.generator.foreign.write_nvidia import write

from .conftest import build


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.pkl"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"g_architecture": "resnet", "d_architecture": "skip", "c_dim": 2},
        {"g_architecture": "orig", "d_architecture": "orig", "conv_clamp": 1.5, "mbstd_num_channels": 0},
    ],
)
def test_every_tensor_is_there(path: Path, changes: dict) -> None:
    prior = build(**changes)
    assert write(path, prior) == []
    record = unpickle.load(path)
    assert list(record) == ["training_set_kwargs", "G", "D", "G_ema", "augment_pipe"]
    assert record["G"] is record["G_ema"]
    assert prior.discriminator is not None
    for node, module in ((record["G_ema"], prior.generator), (record["D"], prior.discriminator)):
        found, expected = unpickle.tensors(node), module.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_weights_stand_in_the_file_once(path: Path, prior: Prior) -> None:
    write(path, prior)
    count = sum(t.numel() for m in (prior.generator, prior.discriminator) if m for t in m.state_dict().values())
    assert path.stat().st_size < 4 * count + 90_000


def _stylegan3() -> Prior:
    sizes = {"img_resolution": 16, "num_layers": 4, "channel_base": 64, "channel_max": 8, "mapping_layers": 1}
    architecture = {"z_dim": 8, "w_dim": 8, "c_dim": 0, **sizes}
    generator = build_generator(architecture | {"family": "stylegan3"}).requires_grad_(False).eval()
    return Prior(generator=generator, discriminator=None, fingerprint="", architecture=architecture, name="tiny")  # pyright: ignore[reportArgumentType]


def test_stylegan3_without_a_discriminator(path: Path) -> None:
    prior = _stylegan3()
    assert "No discriminator was written" in write(path, prior)[0]
    record = unpickle.load(path)
    found, expected = unpickle.tensors(record["G_ema"]), prior.generator.state_dict()
    assert found.keys() == expected.keys() and record["D"].class_name == "Absent"
    layer = record["G_ema"].state["_modules"]["synthesis"].state["_modules"]["L0_36_8"].state
    assert layer["in_size"] == [36, 36] and layer["padding"] == [9, 8, 9, 8] and layer["down_radial"] is False


@pytest.fixture
def host(monkeypatch) -> Iterator[list[types.ModuleType]]:
    """A host's modules: persistence as a loader of source text, networks in `training`."""
    persistence, loaded = types.ModuleType("torch_utils.persistence"), []

    def reconstruct(record: dict) -> object:
        if not loaded:
            loaded.append(types.ModuleType("loaded"))
            sys.modules["loaded"] = loaded[0]
        exec(record["module_src"], loaded[0].__dict__)
        kind = loaded[0].__dict__[record["class_name"]]
        made = kind.__new__(kind)
        made.__setstate__(record["state"])
        return made

    persistence.__dict__["_reconstruct_persistent_obj"] = reconstruct
    for name, module in (("torch_utils", types.ModuleType("torch_utils")), ("torch_utils.persistence", persistence)):
        monkeypatch.setitem(sys.modules, name, module)
    yield loaded
    sys.modules.pop("loaded", None)


def _training(folder: Path, name: str, monkeypatch) -> None:
    classes = [
        *("Generator", "Discriminator", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer", "ToRGBLayer"),
        *("MappingNetwork", "FullyConnectedLayer", "Conv2dLayer", "DiscriminatorBlock", "DiscriminatorEpilogue"),
        "MinibatchStdLayer",
    ]
    text = "import torch\n" + "".join(f"class {name}(torch.nn.Module): pass\n" for name in classes)
    (folder / "training").mkdir()
    (folder / "training/__init__.py").write_text("")
    (folder / f"training/{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    for module in [module for module in sys.modules if module.split(".")[0] == "training"]:
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize(("name", "is_flat"), [("networks", False), ("networks_stylegan2", True)])
def test_a_host_gets_its_own_classes(path, prior, host, tmp_path, monkeypatch, name: str, is_flat: bool) -> None:
    write(path, prior)
    _training(tmp_path, name, monkeypatch)
    with open(path, "rb") as file:
        record = pickle.load(file)
    generator = record["G_ema"]
    assert type(generator).__module__ == f"training.{name}" and not generator.training
    assert ("channel_base" in generator._init_kwargs) is is_flat
    assert ("synthesis_kwargs" in generator._init_kwargs) is not is_flat
    assert all(torch.equal(generator.state_dict()[key], value) for key, value in prior.generator.state_dict().items())
    assert not any(parameter.requires_grad for parameter in record["D"].parameters())
    for key in [key for key in sys.modules if key.split(".")[0] == "training"]:
        del sys.modules[key]


def test_a_host_without_networks_is_told(path, prior, host, tmp_path, monkeypatch) -> None:
    write(path, prior)
    _training(tmp_path, "coaches", monkeypatch)
    with pytest.raises(ImportError, match="needs one of training.networks_stylegan2, training.networks"):
        pickle.loads(path.read_bytes())
