"""The generator of NVIDIA's stylegan3, configurations T and R, out of a module's inert attributes."""

import math
from typing import Any

from torch import Tensor

from ..stylegan3_geometry import Geometry, layers
from . import modules
from .modules import MAX_LAYERS, child, number, whole
from .unpickle import Node, attribute, tensors

FIRST_STOPBAND = 2**2.1  # of every published configuration
CLOSE = 1e-6  # relative, of frequencies


def read_generator(node: Node, *, prefix: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Architecture record, and float32 tensors with `prefix` ("G_ema."), of a `Generator` whose synthesis has layers.

    Taken from what the modules hold, and compared with every layer's own sizes, bands and padding. Raises ValueError.
    """
    mapping, synthesis = child(node, "mapping"), child(node, "synthesis")
    stages = [child(synthesis, name) for name in _names(synthesis)]
    state = tensors(node)  # first, as it refuses a module inside itself
    geometry, depth = _geometry(synthesis, stages), whole(mapping, "num_layers", most=MAX_LAYERS)
    record = {
        "family": "stylegan3",
        **{name: whole(node, name) for name in ("z_dim", "w_dim", "c_dim")},
        "mapping_layers": depth,
        "mapping_lr_multiplier": modules.lr_multiplier(mapping, depth),
        **geometry,
        "output_scale": number(synthesis, "output_scale"),
        "use_radial_filters": any(attribute(stage, "down_radial", bool) for stage in stages),
        "conv_clamp": _clamp(stages[0]),
    }
    modules.check_layers(node)
    for stage, expected in zip(stages, layers(**geometry), strict=True):
        _compare(stage, expected, is_radial=record["use_radial_filters"], clamp=record["conv_clamp"])
    return record, modules.prefixed(prefix, state)


def half_precision(node: Node) -> list[str]:
    """A note where layers of the generator's synthesis were trained in half precision."""
    synthesis = child(node, "synthesis")
    names = [name for name in _names(synthesis) if child(synthesis, name).state.get("use_fp16") is True]
    if not names:
        return []
    return [f"The generator's layers from {modules.said(names[0])} on were trained in float16; float32 is used here."]


def _geometry(synthesis: Node, stages: list[Node]) -> dict[str, Any]:
    """Arguments of `stylegan3_geometry.layers`."""
    first, last, resolution = stages[0], stages[-1], whole(synthesis, "img_resolution")
    if resolution < 1:
        raise ValueError("SynthesisNetwork has the img_resolution 0")
    stopband = number(last, "out_half_width") + number(last, "out_cutoff")
    return {
        "img_resolution": resolution,
        "img_channels": whole(last, "out_channels"),
        **_widths(stages),
        "num_layers": len(stages) - 1,
        "num_critical": whole(synthesis, "num_critical"),
        "first_cutoff": number(first, "in_cutoff"),
        "first_stopband": _stated(synthesis, "first_stopband", FIRST_STOPBAND),
        "last_stopband_rel": stopband / (resolution / 2),
        "margin_size": whole(synthesis, "margin_size"),
        "conv_kernel": whole(first, "conv_kernel"),
        "filter_size": whole(first, "up_taps") // max(whole(first, "up_factor"), 1),
        "lrelu_upsampling": whole(first, "up_factor"),
    }


# width = round(min(base / 2 f_c, max))
def _widths(stages: list[Node]) -> dict[str, int]:
    """The roundest base that gives every width."""
    widths = [whole(stage, "out_channels") for stage in stages[:-1]]
    cutoffs = [number(stage, "out_cutoff") for stage in stages[:-1]]
    low = max(2 * f * (width - 0.5) for width, f in zip(widths, cutoffs, strict=True))
    below = [2 * f * (width + 0.5) for width, f in zip(widths, cutoffs, strict=True) if width < max(widths)]
    high = min(below, default=2 * low)
    if not 0 < low <= high < math.inf:
        raise ValueError(f"SynthesisNetwork has the widths {widths}, which are not those of StyleGAN3")
    steps = (2**k for k in reversed(range(int(high).bit_length())))
    base = next((math.ceil(low / step) * step for step in steps if math.ceil(low / step) * step <= high), None)
    if base is None:
        raise ValueError(f"SynthesisNetwork has the widths {widths}, which no whole channel_base gives")
    return {"channel_base": base, "channel_max": max(widths)}


def _compare(stage: Node, expected: Geometry, *, is_radial: bool, clamp: float | None) -> None:
    """Refuse a layer that is not what the record makes of it."""
    source, target, (low, high) = expected.source, expected.target, expected.padding
    exact = {
        "is_torgb": expected.is_rgb,
        "is_critically_sampled": expected.is_critical,
        "in_channels": source.channels,
        "out_channels": target.channels,
        "in_size": [source.size] * 2,
        "out_size": [target.size] * 2,
        "in_sampling_rate": source.rate,
        "out_sampling_rate": target.rate,
        "tmp_sampling_rate": expected.rate,
        "conv_kernel": expected.kernel,
        "conv_clamp": clamp,
        "up_taps": expected.up_taps,
        "down_taps": expected.down_taps,
        "down_radial": is_radial and not expected.is_critical,
        "padding": [low, high] * 2,
    }
    frequencies = {
        "in_cutoff": source.cutoff,
        "out_cutoff": target.cutoff,
        "in_half_width": source.half_width,
        "out_half_width": target.half_width,
    }
    wrong = [name for name, value in exact.items() if _plain(stage.state.get(name)) != value]
    wrong += [name for name, f in frequencies.items() if not math.isclose(number(stage, name), f, rel_tol=CLOSE)]
    if wrong:
        found = _plain(stage.state.get(wrong[0]))
        raise ValueError(
            f"its layer {expected.name} has {wrong[0]} {modules.said(found)}, which does not fit its other layers"
        )


def _names(synthesis: Node) -> list[str]:
    names = attribute(synthesis, "layer_names", list)
    if len(names) < 3 or not all(isinstance(name, str) for name in names):
        raise ValueError("SynthesisNetwork has no layer_names that can be used")
    return names


def _clamp(stage: Node) -> float | None:
    return None if stage.state.get("conv_clamp") is None else number(stage, "conv_clamp")


def _stated(node: Node, name: str, default: float) -> float:
    """A number that no attribute keeps, as the constructor got it."""
    stated = attribute(node, "_init_kwargs", dict)
    return number(Node(node.class_name, stated), name) if name in stated else default


def _plain(value: Any) -> Any:
    """An array of NumPy as a list."""
    return value.tolist() if hasattr(value, "tolist") else value
