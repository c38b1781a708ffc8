"""NVIDIA's PyTorch pickles: the record out of attributes and shapes, what does not fit said in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, load_prior
from ganinv.generator.foreign import nvidia, write_nvidia
from ganinv.generator.foreign.unpickle import Node, load, tensors

ARCHITECTURE = {
    "z_dim": 6,
    "w_dim": 8,
    "c_dim": 2,
    "img_resolution": 16,
    "img_channels": 3,
    "mapping_layers": 3,
    "mapping_lr_multiplier": 0.02,
    "channel_base": 64,
    "channel_max": 8,
    "g_architecture": "skip",
    "d_architecture": "resnet",
    "conv_clamp": 2.5,
    "resample_filter": [1, 3, 3, 1],
    "mbstd_group_size": 2,
    "mbstd_num_channels": 2,
}


def make(**changes) -> Prior:
    architecture = ARCHITECTURE | changes
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    return Prior(generator, discriminator, fingerprint(generator), architecture, name="made")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.pkl"


@pytest.fixture
def tree(path: Path) -> dict[str, Node]:
    write_nvidia.write(path, make())
    return load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"g_architecture": "resnet", "d_architecture": "orig"},
        {"g_architecture": "orig", "d_architecture": "skip"},
        {"c_dim": 0, "conv_clamp": None, "mbstd_num_channels": 0},
        {"mbstd_group_size": None, "d_channel_base": 32, "d_mapping_layers": 1, "d_mapping_lr_multiplier": 0.05},
        {"resample_filter": [1, 1], "d_conv_clamp": None},
        {"resample_filter": [1, 5, 10, 10, 5, 1], "img_channels": 1, "channel_max": 1000},
    ],
)
def test_record_and_networks(path: Path, changes: dict) -> None:
    prior = make(**changes)
    write_nvidia.write(path, prior)
    again = load_prior(path)
    assert again.fingerprint == prior.fingerprint and again.notes == []
    c = torch.eye(2) if prior.generator.c_dim else None
    z = torch.randn(2, 6)
    image = prior.generator(z, c)
    assert torch.equal(again.generator(z, c), image)
    assert prior.discriminator is not None and again.discriminator is not None
    assert torch.equal(again.discriminator(image, c), prior.discriminator(image, c))


def test_loaded_networks_are_frozen_and_apart(path: Path) -> None:
    write_nvidia.write(path, make())
    prior, state = load_prior(path), torch.random.get_rng_state()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert prior.discriminator is not None
    parameters = [*prior.generator.parameters(), *prior.discriminator.parameters()]
    assert not any(parameter.requires_grad for parameter in parameters) and not prior.generator.training
    assert all(parameter.dtype == torch.float32 and not parameter.is_meta for parameter in parameters)
    assert len({parameter.untyped_storage().data_ptr() for parameter in parameters}) == len(parameters)
    parameters[0].requires_grad_(True)
    prior.generator(torch.randn(1, 6), torch.eye(2)[:1]).sum().backward()
    assert parameters[0].grad is not None and parameters[0].grad.abs().sum() > 0


def test_a_generator_alone(tree: dict[str, Node], path: Path) -> None:
    found = nvidia.read(tree["G_ema"], path)
    assert found.notes == ["The file has no discriminator."] and "mbstd_group_size" not in found.architecture
    found = nvidia.read(tree | {"D": Node("ProjectedDiscriminator", {})}, path)
    assert found.notes == ["The file has no discriminator that can be read: its D is a ProjectedDiscriminator."]
    assert {"G.mapping.w_avg", "G_ema.mapping.w_avg"} <= found.tensors.keys()


def test_half_precision_is_noted(tree: dict[str, Node], path: Path) -> None:
    for network, name in ((nvidia.child(tree["G_ema"], "synthesis"), "b16"), (tree["D"], "b16")):
        nvidia.child(network, name).state["use_fp16"] = True
    notes = nvidia.read(tree, path).notes
    assert len(notes) == 2 and all("from 16 pixels on were trained in float16" in note for note in notes)


def test_layers_without_noise(tree: dict[str, Node], path: Path) -> None:
    layer = nvidia.child(nvidia.child(nvidia.child(tree["G_ema"], "synthesis"), "b8"), "conv1")
    layer.state["use_noise"] = False
    del layer.state["_parameters"]["noise_strength"], layer.state["_buffers"]["noise_const"]
    found = nvidia.read(tree, path)
    assert found.notes == ["1 layers have no noise input; here they have one of strength 0."]
    assert found.tensors["G_ema.synthesis.b8.conv1.noise_strength"] == 0


def test_no_average_w(path: Path, monkeypatch, caplog) -> None:
    prior = make(c_dim=0)
    prior.generator.mapping.get_parameter("fc2.bias").data += 40
    write_nvidia.write(path, prior)
    content = load(path)
    del nvidia.child(content["G_ema"], "mapping").state["_buffers"]["w_avg"]
    monkeypatch.setattr("ganinv.generator.foreign.sniff.unpickle.load", lambda file: content)
    found = load_prior(path)
    assert found.notes == ["The average w is the mean of 10,000 mapped z (seed 0), as the file has none."]
    assert caplog.messages == [f"network.pkl: {found.notes[0]}"]
    expected = prior.generator.mapping(torch.randn(20_000, 6))[:, 0]
    assert torch.allclose(found.generator.mapping.w_avg, expected.mean(dim=0), atol=5 * 2 / 100)
    again = load_prior(path).generator.mapping.w_avg
    assert torch.equal(found.generator.mapping.w_avg, again) and again.abs().sum() > 0


def _set(place: str, key: str, value: object):
    """Change an attribute of a module, or (with a dotted key) a tensor of it."""

    def change(tree: dict[str, Node]) -> None:
        node = tree[place.split("/")[0]]
        for name in place.split("/")[1:]:
            node = nvidia.child(node, name)
        kind, _, leaf = key.partition(".")
        if leaf:
            node.state[kind][leaf] = value
        else:
            node.state[key] = value

    return change


SYNTHESIS = "G_ema/synthesis"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("G_ema"), "holds no network G_ema, but training_set_kwargs"),
        (lambda t: t.clear(), "holds no network G_ema, nor anything else"),
        (lambda t: t["G_ema"].state["_modules"].update({7: None}), "its 'Generator' has _modules without a name"),
        (lambda t: t.update(G_ema=t["D"]), "its G_ema is a Discriminator, which is neither"),
        (lambda t: t.update(G_ema=Node("TriPlane\nGenerator", {})), r"its G_ema is a TriPlane\?Generator"),
        (_set("G_ema", "z_dim", "6"), "has z_dim 6; 0 to"),
        (_set("G_ema", "w_dim", 2**40), "has w_dim"),
        (lambda t: (t.pop("D"), _set("G_ema", "img_resolution", 12)(t)), "power of two"),
        (lambda t: (t.pop("D"), _set("G_ema", "img_resolution", 32)(t)), "b32.*missing"),
        (_set("G_ema", "img_resolution", 32), "its discriminator has img_resolution 16, its generator 32"),
        (_set("G_ema/mapping", "num_layers", 1000), "has num_layers 1000; 0 to 64"),
        (_set("G_ema/mapping", "num_layers", 4), "has no module fc3"),
        (_set("G_ema/mapping/fc0", "bias_gain", 0.5), "different learning rates"),
        (_set("G_ema/mapping/fc0", "bias_gain", float("nan")), "a finite number is needed"),
        (_set("G_ema/mapping/fc0", "activation", "relu"), "activation relu; lrelu is supported"),
        (_set("G_ema/mapping/fc0", "activation", "linear"), "fc0 has the activation linear; lrelu is"),
        (_set(f"{SYNTHESIS}/b8/conv0", "activation", "linear"), "conv0 has the activation linear; lrelu is"),
        (_set("D/b4/fc", "activation", "linear"), "fc has the activation linear; lrelu is"),
        (_set("D/b4/out", "activation", "lrelu"), "out has the activation lrelu; linear is"),
        (_set(f"{SYNTHESIS}/b8/conv1", "act_gain", 1.0), "conv1 has the act_gain 1.0, where StyleGAN2's is 1.41421"),
        (_set(f"{SYNTHESIS}/b8/torgb", "weight_gain", 1), "torgb has the weight_gain 1, where StyleGAN2's is 0.35"),
        (_set("D/b16/conv0", "weight_gain", 1), "conv0 has the weight_gain 1, where StyleGAN2's is 0.16"),
        (_set("D/b4/out", "bias_gain", 2), "out has the bias_gain 2, where StyleGAN2's is 1"),
        (_set(f"{SYNTHESIS}/b8", "architecture", "resnet"), "architectures resnet, skip"),
        (_set(f"{SYNTHESIS}/b8/conv1", "conv_clamp", 3), "one for all is supported"),
        (_set(f"{SYNTHESIS}/b8/conv1", "_parameters.weight", torch.ones(8, 7, 3, 3)), r"shape \[8, 7, 3, 3\]"),
        (_set(f"{SYNTHESIS}/b8/conv1", "_parameters.weight", None), "conv1.weight is missing"),
        (_set(f"{SYNTHESIS}/b8/conv1", "_parameters.more", torch.ones(1)), "conv1.more is not expected"),
        (_set(f"{SYNTHESIS}/b8/conv1", "_parameters.bias", torch.full([8], torch.nan)), "not finite"),
        (_set(f"{SYNTHESIS}/b8/conv1", "_parameters.bias", torch.full([8], 1e300, dtype=torch.float64)), "not finite"),
        (_set(SYNTHESIS, "_modules.b8", None), "conv1.bias is missing|b8"),
        (_set(SYNTHESIS, "_modules.b4", Node("SynthesisBlock", {})), "_parameters"),
        (_set(f"{SYNTHESIS}/b4", "_buffers.resample_filter", torch.zeros(4)), "resample_filter"),
        (_set(f"{SYNTHESIS}/b4", "_buffers.resample_filter", torch.ones(3, 3)), "3 taps, an odd number"),
        (_set("D", "c_dim", 3), "its discriminator has c_dim 3, its generator 2"),
        (_set("D/b4/mbstd", "group_size", "all"), "group_size all"),
        (_set("D/b4", "_parameters.extra", torch.ones(1)), "D.b4.extra is not expected"),
    ],
)
def test_what_does_not_fit(tree: dict[str, Node], path: Path, monkeypatch, change, said: str) -> None:
    change(tree)
    monkeypatch.setattr("ganinv.generator.foreign.sniff.unpickle.load", lambda file: tree)
    with pytest.raises(InputError, match=said) as error:
        load_prior(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_module_inside_itself(tree: dict[str, Node]) -> None:
    synthesis = nvidia.child(tree["G_ema"], "synthesis")
    synthesis.state["_modules"]["b8"].state["_modules"]["conv1"] = synthesis
    with pytest.raises(ValueError, match="not a module of its own"):
        tensors(tree["G_ema"])


def test_a_module_of_stylegan3_inside_itself(path: Path) -> None:
    geometry = {"family": "stylegan3", "num_layers": 3, "margin_size": 2, "conv_clamp": 256}
    write_nvidia.write(path, make(c_dim=0, **geometry))
    tree = load(path)
    mapping = nvidia.child(tree["G_ema"], "mapping")
    nvidia.child(mapping, "fc0").state["_modules"]["again"] = mapping
    with pytest.raises(InputError, match="not a module of its own"):
        nvidia.read(tree, path)


MEASURED = """
import resource, sys
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.foreign import torch_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
load_prior(sys.argv[1])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux does")
def test_a_large_file_is_not_held_twice(path: Path) -> None:
    """140 MB, D and G of 64 pixels."""
    wide = {"img_resolution": 64, "z_dim": 512, "w_dim": 512, "channel_base": 2**15, "channel_max": 512}
    write_nvidia.write(path, make(**wide, c_dim=0))
    size = path.stat().st_size
    assert size > 100 * 2**20
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5 * size
