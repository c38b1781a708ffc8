"""Our StyleGAN3 generator as the objects of NVIDIA's stylegan3: classes, attributes, keywords."""

from ..layers import FullyConnected
from ..mapping import Mapping
from ..stylegan3 import Generator, Synthesis
from ..stylegan3_layers import SynthesisInput, SynthesisLayer
from .nvidia_layout import Attributes, Classes, Parts, fully_connected, layout, mapping
from .unpickle import Node

MAGNITUDE_BETA = 0.999
GEOMETRY = (
    "channel_base",
    "channel_max",
    "num_layers",
    "num_critical",
    "first_cutoff",
    "first_stopband",
    "last_stopband_rel",
    "margin_size",
    "output_scale",
    "conv_kernel",
    "filter_size",
    "lrelu_upsampling",
    "use_radial_filters",
    "conv_clamp",
)


def keywords(generator: Generator, architecture: Attributes) -> Attributes:
    """Arguments of stylegan3's Generator that make the same network."""
    names = ("z_dim", "c_dim", "w_dim", "img_resolution")
    return {
        **{name: getattr(generator, name) for name in names},
        "img_channels": generator.synthesis.img_channels,
        "mapping_kwargs": {
            "num_layers": generator.mapping.num_layers,
            "lr_multiplier": architecture.get("mapping_lr_multiplier", 0.01),
        },
        **{name: architecture[name] for name in GEOMETRY if name in architecture},
        "num_fp16_res": 0,
    }


def _input(layer: SynthesisInput, _: Parts) -> Attributes:
    signal = layer.signal
    return {
        "w_dim": layer.affine.weight.shape[1],
        "channels": signal.channels,
        "size": [signal.size] * 2,
        "sampling_rate": signal.rate,
        "bandwidth": signal.cutoff,
    }


def _layer(layer: SynthesisLayer, _: Parts) -> Attributes:
    geometry, source, target = layer.geometry, layer.geometry.source, layer.geometry.target
    return {
        "w_dim": layer.affine.weight.shape[1],
        "is_torgb": geometry.is_rgb,
        "is_critically_sampled": geometry.is_critical,
        "use_fp16": False,
        "in_channels": source.channels,
        "out_channels": target.channels,
        "in_size": [source.size] * 2,
        "out_size": [target.size] * 2,
        "in_sampling_rate": source.rate,
        "out_sampling_rate": target.rate,
        "tmp_sampling_rate": geometry.rate,
        "in_cutoff": source.cutoff,
        "out_cutoff": target.cutoff,
        "in_half_width": source.half_width,
        "out_half_width": target.half_width,
        "conv_kernel": geometry.kernel,
        "conv_clamp": layer.clamp,
        "magnitude_ema_beta": MAGNITUDE_BETA,
        "up_factor": geometry.up,
        "up_taps": geometry.up_taps,
        "down_factor": geometry.down,
        "down_taps": geometry.down_taps,
        "padding": [*geometry.padding] * 2,
    }


def _synthesis(network: Synthesis, _: Parts) -> Attributes:
    names = ("w_dim", "num_ws", "img_resolution", "img_channels", "output_scale", "layer_names")
    own = {name: getattr(network, name) for name in names}
    return own | {"num_layers": len(network.layer_names) - 1, "num_fp16_res": 0}


def _generator(network: Generator, _: Parts) -> Attributes:
    names = ("z_dim", "c_dim", "w_dim", "img_resolution", "num_ws")
    return {name: getattr(network, name) for name in names} | {"img_channels": network.synthesis.img_channels}


def _mapping(network: Mapping, parts: Parts) -> Attributes:
    return mapping(network, parts) | ({} if network.c_dim else {"embed": None})


def node(generator: Generator, architecture: Attributes) -> Node:
    """The generator and its parts; `architecture` holds what none of our modules keeps."""
    found = layout(generator, CLASSES)
    state = found.state["_modules"]["synthesis"].state
    for name in generator.synthesis.layer_names:
        layer = state["_modules"][name].state
        layer["down_radial"] = bool(architecture.get("use_radial_filters")) and not layer["is_critically_sampled"]
    state["num_critical"] = architecture.get("num_critical", 2)
    state["margin_size"] = architecture.get("margin_size", 10)
    found.state["_init_kwargs"] = keywords(generator, architecture)
    return found


CLASSES: Classes = {
    FullyConnected: ("FullyConnectedLayer", fully_connected),
    SynthesisInput: ("SynthesisInput", _input),
    SynthesisLayer: ("SynthesisLayer", _layer),
    Synthesis: ("SynthesisNetwork", _synthesis),
    Mapping: ("MappingNetwork", _mapping),
    Generator: ("Generator", _generator),
}
