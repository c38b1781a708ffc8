"""Variables of NVIDIA's TensorFlow StyleGAN2 and their places in our networks.

Variables are named by paths like "synthesis/8x8/Conv0_up/weight"; convolutions are stored as [k, k, I, O] and dense
layers as [I, O].
"""

from collections.abc import Callable

from torch import Tensor

Change = Callable[[Tensor], Tensor]
Rules = dict[str, tuple[str, Change]]  # their name -> our name, and what is done to the values


def _same(x: Tensor) -> Tensor:
    return x


def _dense(x: Tensor) -> Tensor:  # [I, O] -> [O, I]
    return x.t()


def _convolution(x: Tensor) -> Tensor:  # [k, k, I, O] -> [O, I, k, k]
    return x.permute(3, 2, 0, 1)


def _flipped(x: Tensor) -> Tensor:
    """Convolutions that double the size are stored as correlation with the mirrored kernel."""
    return x.permute(3, 2, 0, 1).flip([2, 3])


def _plane(x: Tensor) -> Tensor:  # [1, 1, R, R] -> [R, R]
    return x[0, 0]


def _layer(theirs: str, ours: str, weight: Change) -> Rules:
    return {f"{theirs}/weight": (f"{ours}.weight", weight), f"{theirs}/bias": (f"{ours}.bias", _same)}


def _modulated(theirs: str, ours: str, weight: Change = _convolution) -> Rules:
    return _layer(theirs, ours, weight) | {
        f"{theirs}/mod_weight": (f"{ours}.affine.weight", _dense),
        # Style s = A w + b + 1 there, A w + b here.
        f"{theirs}/mod_bias": (f"{ours}.affine.bias", lambda x: x + 1),
        f"{theirs}/noise_strength": (f"{ours}.noise_strength", lambda x: x.reshape([])),
    }


def generator_rules(resolution: int, layers: int) -> Rules:
    """Every variable that a generator with `layers` mapping layers may have."""
    rules: Rules = {
        "dlatent_avg": ("mapping.w_avg", _same),
        "synthesis/4x4/Const/const": ("synthesis.b4.const", lambda x: x[0]),
        "synthesis/noise0": ("synthesis.b4.conv1.noise_const", _plane),
        **_layer("mapping/LabelEmbed", "mapping.embed", _dense),
        **_modulated("synthesis/4x4/Conv", "synthesis.b4.conv1"),
    }
    for i in range(layers):
        rules |= _layer(f"mapping/Dense{i}", f"mapping.fc{i}", _dense)
    for i in range(2, resolution.bit_length()):
        rules |= _block(i, f"synthesis/{2**i}x{2**i}", f"synthesis.b{2**i}")
    return rules


def _block(i: int, theirs: str, ours: str) -> Rules:
    return {
        **_modulated(f"{theirs}/ToRGB", f"{ours}.torgb"),
        **_modulated(f"{theirs}/Conv0_up", f"{ours}.conv0", _flipped),
        **_modulated(f"{theirs}/Conv1", f"{ours}.conv1"),
        f"{theirs}/Skip/weight": (f"{ours}.skip.weight", _flipped),
        f"synthesis/noise{2 * i - 5}": (f"{ours}.conv0.noise_const", _plane),
        f"synthesis/noise{2 * i - 4}": (f"{ours}.conv1.noise_const", _plane),
    }


def discriminator_rules(resolution: int, layers: int) -> Rules:
    """Every variable that a discriminator with `layers` layers for its labels may have."""
    rules = {
        **_layer("LabelEmbed", "mapping.embed", _dense),
        **_layer("4x4/Conv", "b4.conv", _convolution),
        **_layer("4x4/Dense0", "b4.fc", _dense),
        **_layer("Output", "b4.out", _dense),
    }
    for i in range(layers):
        rules |= _layer(f"Mapping{i}", f"mapping.fc{i}", _dense)
    for i in range(2, resolution.bit_length()):
        theirs, ours = f"{2**i}x{2**i}", f"b{2**i}"
        for name, own in (("FromRGB", "fromrgb"), ("Conv0", "conv0"), ("Conv1_down", "conv1"), ("Skip", "skip")):
            rules |= _layer(f"{theirs}/{name}", f"{ours}.{own}", _convolution)
    return rules
