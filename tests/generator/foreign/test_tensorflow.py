"""TensorFlow's pickles as data: names, axes and settings; what is older or another network is named."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.foreign import sniff, tensorflow
from ganinv.generator.foreign.unpickle import Node, load

FILE = Path("network.pkl")


def network(settings: dict, variables: Mapping[str, np.ndarray | float], **components: Node) -> Node:
    state = {"name": "N", "static_kwargs": settings, "variables": list(variables.items()), "components": components}
    return Node("Network", state)


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def modulated(name: str, size: int, inner: int, outer: int) -> dict[str, np.ndarray]:
    shapes = {"weight": (size, size, inner, outer), "mod_weight": (5, inner), "mod_bias": (inner,), "bias": (outer,)}
    return {f"{name}/{key}": values(*shape) for key, shape in shapes.items()}


def convolutional(name: str, size: int, inner: int, outer: int) -> dict[str, np.ndarray]:
    return {f"{name}/weight": values(size, size, inner, outer), f"{name}/bias": values(outer)}


def generator(*, has_noise: bool = True, **settings) -> Node:
    """8 pixels, z of 3, w of 5, four labels, 6 channels at 4 pixels and 4 at 8."""
    variables = {"4x4/Const/const": values(1, 6, 4, 4), **modulated("4x4/Conv", 3, 6, 6)}
    variables |= modulated("8x8/Conv0_up", 3, 6, 4) | modulated("8x8/Conv1", 3, 4, 4)
    layers = ["4x4/Conv", "8x8/Conv0_up", "8x8/Conv1"]
    variables |= modulated("4x4/ToRGB", 1, 6, 3) | modulated("8x8/ToRGB", 1, 4, 3)
    if has_noise:
        variables |= {f"{name}/noise_strength": np.array(0.5) for name in layers}
        variables |= {f"noise{i}": values(1, 1, r, r) for i, r in enumerate((4, 8, 8))}
    mapping = {"LabelEmbed/weight": values(4, 5), "LabelEmbed/bias": values(5)}
    mapping |= {"Dense0/weight": values(8, 5), "Dense0/bias": values(5)}
    parts = {"synthesis": network({}, variables), "mapping": network({}, mapping)}
    return network(settings, {"lod": 0.0, "dlatent_avg": values(5)}, **parts)


def discriminator(**settings) -> Node:
    variables = {**convolutional("8x8/FromRGB", 1, 3, 4), **convolutional("8x8/Conv0", 3, 4, 4)}
    variables |= convolutional("8x8/Conv1_down", 3, 4, 6) | convolutional("4x4/Conv", 3, 8, 6)
    variables |= {
        "8x8/Skip/weight": values(1, 1, 4, 6),
        "4x4/Dense0/weight": values(96, 6),
        "4x4/Dense0/bias": values(6),
    }
    variables |= {"LabelEmbed/weight": values(4, 6), "LabelEmbed/bias": values(6)}
    return network(settings, variables | {"Output/weight": values(6, 6), "Output/bias": values(6)})


def tree() -> tuple[Node, Node, Node]:
    return generator(), discriminator(mbstd_group_size=4), generator()


@pytest.fixture
def read(monkeypatch, tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"\x80\x04N.")

    def load_tree(content: object):
        monkeypatch.setattr(sniff.unpickle, "load", lambda file: content)
        return load_prior(tmp_path / FILE)

    return load_tree


def test_record(read) -> None:
    prior = read(tree())
    assert prior.architecture == {
        "z_dim": 3,
        "w_dim": 5,
        "c_dim": 4,
        "img_resolution": 8,
        "img_channels": 3,
        "mapping_layers": 1,
        "mapping_lr_multiplier": 0.01,
        "channel_base": 32,
        "channel_max": 6,
        "g_architecture": "skip",
        "conv_clamp": None,
        "resample_filter": [1, 3, 3, 1],
        "d_mapping_layers": 0,
        "d_mapping_lr_multiplier": 0.1,
        "d_architecture": "resnet",
        "mbstd_group_size": 4,
        "mbstd_num_channels": 2,
    }
    assert prior.form == "TensorFlow StyleGAN2 pickle" and prior.notes == []
    image = prior.generator(torch.randn(4, 3), torch.eye(4))
    assert prior.discriminator is not None and prior.discriminator(image, torch.eye(4)).shape == (4,)


def test_values(read) -> None:
    """By hand: axes, the mirrored kernel of the doubling convolution, and 1 more in the style's bias."""
    prior, average = read(tree()), generator().state["components"]["synthesis"].state["variables"]
    theirs, ours = {name: torch.as_tensor(value) for name, value in average}, prior.generator.synthesis.state_dict()
    up, plain = theirs["8x8/Conv0_up/weight"], theirs["8x8/Conv1/weight"]
    assert ours["b8.conv0.weight"][1, 2, 0, 2] == up[2, 0, 2, 1]
    assert ours["b8.conv1.weight"][1, 2, 0, 2] == plain[0, 2, 2, 1]
    assert torch.equal(ours["b8.conv0.affine.weight"], theirs["8x8/Conv0_up/mod_weight"].t())
    assert torch.equal(ours["b8.conv0.affine.bias"], theirs["8x8/Conv0_up/mod_bias"] + 1)
    assert torch.equal(ours["b8.conv0.noise_const"], theirs["noise1"][0, 0]) and ours["b4.conv1.noise_strength"] == 0.5


def test_settings(read) -> None:
    settings = {"conv_clamp": 256, "num_fp16_res": 4, "resample_kernel": [1, 1], "mapping_lrmul": 0.02}
    prior = read(
        (generator(**settings), discriminator(conv_clamp=128), generator(has_noise=False, use_noise=False, **settings))
    )
    record = prior.architecture
    assert (record["conv_clamp"], record["d_conv_clamp"]) == (256, 128)
    assert (record["resample_filter"], record["d_resample_filter"]) == ([1, 1], [1, 3, 3, 1])
    assert record["mapping_lr_multiplier"] == 0.02 and record["mbstd_group_size"] is None
    said = " ".join(prior.notes)
    assert "float16" in said and "no noise inputs" in said and "all images of a batch are compared" in said


def test_one_network_twice(read) -> None:
    average = generator()
    assert read((average, discriminator(), average)).discriminator is not None


def change(name: str, value: object, part: str | None = None, which: int = 2):
    """A variable of one of the three networks becomes another, or (None) goes."""

    def apply(networks: tuple[Node, Node, Node]) -> None:
        node = networks[which].state["components"][part] if part else networks[which]
        items = node.state["variables"]
        items[:] = [item for item in items if item[0] != name] + ([] if value is None else [(name, value)])

    return apply


@pytest.mark.parametrize(
    ("apply", "said"),
    [
        (change("4x4/Const/StyleMod/weight", values(2), "synthesis"), "StyleGAN network of 2018"),
        (change("ToRGB_lod0/weight", values(2), "synthesis"), "progressively grown"),
        (change("LabelConcat/weight", values(2), "mapping"), "labels in the way of the first StyleGAN2"),
        (change("8x8/More/weight", values(2), "synthesis"), "8x8/More/weight, which StyleGAN2 does not have"),
        (change("8x8/Conv1/weight", None, "synthesis"), "b8.conv1.weight is missing"),
        (change("8x8/Conv1/bias", None, "synthesis"), "no variable synthesis/8x8/Conv1/bias with 1 axes"),
        (change("8x8/Conv1/noise_strength", None, "synthesis"), "b8.conv1.noise_strength is missing"),
        (change("8x8/Conv1/weight", values(3, 3, 4), "synthesis"), r"8x8/Conv1/weight of shape \[3, 3, 4\]"),
        (change("8x8/Conv1/weight", values(3, 3, 4, 5), "synthesis"), r"shape \[5, 4, 3, 3\], expected \[4, 4, 3, 3\]"),
        (change("8x8/Conv1/weight", "text", "synthesis"), "of no numbers"),
        (change("dlatent_avg", np.float32(1)), "no variable dlatent_avg"),
        (change("Dense77/weight", values(5, 5), "mapping"), "has 78 mapping layers"),
        (change("16x16/Conv0/bias", values(4), which=1), "discriminator of 16"),
        (lambda t: t[2].state.update(static_kwargs=None), "no static_kwargs"),
        (lambda t: t[2].state.update(variables=[("a",)]), "not names with values"),
        (lambda t: t[2].state.update(components={"synthesis": 3}), "component synthesis that is no network"),
        (lambda t: t[2].state["components"].update(again=t[2]), "StyleGAN2|names with values"),
        (lambda t: t[2].state["static_kwargs"].update(nonlinearity="relu"), "nonlinearity relu; lrelu is supported"),
        (lambda t: t[2].state["static_kwargs"].update(conv_clamp=-1), "conv_clamp -1, which is no number above 0"),
        (lambda t: t[2].state["static_kwargs"].update(resample_kernel=[]), "no short list"),
        (lambda t: t[1].state["static_kwargs"].update(mbstd_group_size="x"), "mbstd_group_size x"),
    ],
)
def test_what_does_not_fit(read, apply, said: str) -> None:
    networks = tree()
    apply(networks)
    with pytest.raises(InputError, match=said) as error:
        read(networks)
    assert "\n" not in str(error.value) and str(FILE) in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [((), "holds nothing"), ((1, 2, 3), "an int, an int, an int"), (network({}, {}), "a TensorFlow network 'N'")],
)
def test_other_contents(content: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tensorflow.read(content, FILE)


def test_every_variable_of_the_fixture_is_used(shared) -> None:
    path = shared("fixtures/checkpoints/tf_g32_stylegan2_configf/network.pkl")
    networks = load(path)
    count = sum(len(node.state["variables"]) for n in networks for node in (n, *n.state["components"].values()))
    assert len(tensorflow.read(networks, path).tensors) == count - 2  # lod of G and of Gs
