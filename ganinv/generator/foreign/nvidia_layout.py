"""Our StyleGAN2 networks as the objects of stylegan2-ada-pytorch and of stylegan3: classes, attributes, keywords.

Both repositories have the same classes; the attributes here are those of both together, so that either can take them.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ..discriminator import Discriminator, DiscriminatorBlock, DiscriminatorEpilogue
from ..layers import SQRT2, Conv, FullyConnected
from ..mapping import Mapping
from ..stylegan2 import Generator
from ..synthesis import Synthesis, SynthesisBlock, SynthesisLayer, ToRGB
from .unpickle import Node

HOOKS = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks")
Attributes = dict[str, Any]
Parts = dict[str, Node]
Classes = dict[type[nn.Module], tuple[str, Callable[[Any, Parts], Attributes]]]


def node(network: Generator | Discriminator, keywords: Attributes) -> Node:
    """`network` and its parts; `keywords`: the arguments of the host's class that make the same one."""
    found = layout(network, CLASSES)
    found.state["_init_kwargs"] = keywords
    return found


def layout(module: nn.Module, classes: Classes) -> Node:
    """`module` and those in it, as what `classes` says of each."""
    name, attributes = classes[type(module)]
    parts = {part: layout(child, classes) for part, child in module.named_children()}
    return persistent(name, attributes(module, parts), module=module, parts=parts)


def persistent(
    name: str, attributes: Attributes, *, module: nn.Module | None = None, parts: dict[str, Node] | None = None
) -> Node:
    """An object of the class `name`: the `__dict__` of a module in evaluation mode."""
    state = {
        "training": False,
        "_parameters": dict(module._parameters) if module else {},
        "_buffers": dict(module._buffers) if module else {},
        "_non_persistent_buffers_set": set(),
        **{hook: {} for hook in HOOKS},
        "_modules": parts or {},
        **attributes,
        "_init_args": (),
        "_init_kwargs": {},
    }
    return Node(name, state)


def fully_connected(layer: FullyConnected, _: Parts) -> Attributes:
    """Of both families."""
    out_features, in_features = layer.weight.shape
    return {
        "in_features": in_features,
        "out_features": out_features,
        "activation": layer.activation,
        "weight_gain": layer.weight_gain,
        "bias_gain": layer.bias_gain,
    }


def _conv(layer: Conv, _: Parts) -> Attributes:
    out_channels, in_channels, size, _size = layer.weight.shape
    own = {
        "in_channels": in_channels,
        "out_channels": out_channels,
        "activation": layer.activation,
        "up": layer.up,
        "down": layer.down,
        "conv_clamp": layer.clamp,
        "padding": size // 2,
        "weight_gain": layer.weight_gain,
        "act_gain": SQRT2 if layer.activation == "lrelu" else 1,
    }
    return own if layer.bias is not None else own | {"bias": None}


def _to_rgb(layer: ToRGB, _: Parts) -> Attributes:
    return _modulated(layer) | {"weight_gain": layer.weight_gain}


def _synthesis_layer(layer: SynthesisLayer, _: Parts) -> Attributes:
    own = {"resolution": layer.resolution, "up": layer.up, "use_noise": True}
    return _modulated(layer) | own | {"activation": "lrelu", "padding": 1, "act_gain": SQRT2}


def _modulated(layer: SynthesisLayer | ToRGB) -> Attributes:
    out_channels, in_channels, *_ = layer.weight.shape
    w_dim = layer.affine.weight.shape[1]
    return {"in_channels": in_channels, "out_channels": out_channels, "w_dim": w_dim, "conv_clamp": layer.clamp}


def _synthesis_block(block: SynthesisBlock, parts: Parts) -> Attributes:
    return {
        "in_channels": block.conv0.weight.shape[1] if "conv0" in parts else 0,
        "w_dim": block.conv1.affine.weight.shape[1],
        "resolution": block.conv1.resolution,
        "architecture": block.architecture,
        "use_fp16": False,
        "channels_last": False,
        "fused_modconv_default": True,
        "num_conv": 1 + ("conv0" in parts),
        "num_torgb": int("torgb" in parts),
    }


def _synthesis(network: Synthesis, parts: Parts) -> Attributes:
    for resolution in network.resolutions:
        is_last = resolution == network.img_resolution
        parts[f"b{resolution}"].state.update(img_channels=network.img_channels, is_last=is_last)
    return {
        "w_dim": network.w_dim,
        **_image(network),
        "block_resolutions": network.resolutions,
        "num_ws": network.num_ws,
        "num_fp16_res": 0,
    }


def mapping(network: Mapping, _: Parts) -> Attributes:
    """Of both families."""
    names = ("z_dim", "c_dim", "w_dim", "num_ws", "num_layers")
    beta = network.w_avg_beta if network.num_ws is not None else None
    return {name: getattr(network, name) for name in names} | {"w_avg_beta": beta}


def _generator(network: Generator, _: Parts) -> Attributes:
    names = ("z_dim", "c_dim", "w_dim", "img_resolution", "num_ws")
    return {name: getattr(network, name) for name in names} | {"img_channels": network.synthesis.img_channels}


def _discriminator_block(block: DiscriminatorBlock, parts: Parts) -> Attributes:
    own = {"use_fp16": False, "channels_last": False, "num_layers": len(parts)}
    return own | {"architecture": block.architecture}


def _epilogue(block: DiscriminatorEpilogue, parts: Parts) -> Attributes:
    group, maps = block.mbstd_group_size, block.mbstd_num_channels
    own = {"in_channels": block.fc.weight.shape[0], "resolution": 4}
    if not maps:
        return own | {"mbstd": None}
    parts["mbstd"] = persistent("MinibatchStdLayer", {"group_size": group, "num_channels": maps})
    return own


def _discriminator(network: Discriminator, parts: Parts) -> Attributes:
    first = 0
    for resolution in network.resolutions:
        state = parts[f"b{resolution}"].state
        is_first = resolution == network.img_resolution
        width = network.get_parameter(f"b{resolution}.conv0.weight").shape[1]
        state.update(in_channels=0 if is_first else width, resolution=resolution, first_layer_idx=first)
        state["img_channels"] = network.img_channels
        first += state["num_layers"]
    kind, labels = network.get_submodule(f"b{network.img_resolution}").architecture, network.c_dim
    cmap_dim = network.mapping.w_dim if labels else 0
    parts["b4"].state.update(architecture=kind, img_channels=network.img_channels, cmap_dim=cmap_dim)
    return {"c_dim": network.c_dim, **_image(network), "block_resolutions": network.resolutions}


def _image(network: Synthesis | Discriminator) -> Attributes:
    log2 = network.img_resolution.bit_length() - 1
    channels = network.img_channels
    return {"img_resolution": network.img_resolution, "img_resolution_log2": log2, "img_channels": channels}


CLASSES: Classes = {
    FullyConnected: ("FullyConnectedLayer", fully_connected),
    Conv: ("Conv2dLayer", _conv),
    ToRGB: ("ToRGBLayer", _to_rgb),
    SynthesisLayer: ("SynthesisLayer", _synthesis_layer),
    SynthesisBlock: ("SynthesisBlock", _synthesis_block),
    Synthesis: ("SynthesisNetwork", _synthesis),
    Mapping: ("MappingNetwork", mapping),
    Generator: ("Generator", _generator),
    DiscriminatorBlock: ("DiscriminatorBlock", _discriminator_block),
    DiscriminatorEpilogue: ("DiscriminatorEpilogue", _epilogue),
    Discriminator: ("Discriminator", _discriminator),
}
