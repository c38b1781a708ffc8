"""Pickles of NVIDIA's stylegan2-ada-pytorch and stylegan3: G, D and G_ema as objects of torch_utils.persistence.

Hyper-parameters are read from the modules' attributes and shapes; what a file says about its arguments is left, since
the two repositories name and default them differently.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import InputError
from . import modules, stylegan3
from .found import Found
from .modules import MAX_LAYERS, child, said, whole
from .source import in_words, shown
from .unpickle import Node, attribute, tensors
from .widths import width_record

SHARED = ("c_dim", "img_resolution", "img_channels")


def read(tree: Any, file: Path) -> Found:
    """The networks in `tree`, which `unpickle.load` made of `file`. Raises InputError."""
    try:
        return _read({"G_ema": tree} if isinstance(tree, Node) else tree)
    except ValueError as error:
        reason = shown(error)
        raise InputError(
            f"{file}: {reason}; give a StyleGAN2 or StyleGAN3 pickle as NVIDIA's tools write it"
        ) from error


def _read(tree: Any) -> Found:
    if not isinstance(tree, dict) or not isinstance(tree.get("G_ema"), Node):
        raise ValueError(f"holds no network G_ema, {_content(tree)}")
    node, raw, notes = tree["G_ema"], tree.get("G"), []
    architecture, found = _generator(node, notes)
    record, discriminator = _discriminator(tree.get("D"), architecture, notes)
    if isinstance(raw, Node) and raw.class_name == node.class_name:
        found |= modules.prefixed("G.", tensors(raw))
    return Found(
        family=architecture.get("family", "stylegan2"),
        form=f"{_project(node, raw)} pickle",
        architecture=architecture | record,
        tensors=found | discriminator,
        notes=notes,
    )


def _content(tree: Any) -> str:
    """What stands there instead, in words."""
    if not isinstance(tree, dict):
        return f"but {in_words(tree)}"
    kinds = [f"{said(key)} ({in_words(value)})" for key, value in list(tree.items())[:6]]
    return f"but {', '.join(kinds)}" if kinds else "nor anything else"


def _project(node: Node, raw: Any) -> str:
    """Linear layers know their sizes since stylegan3's repository; neither training makes a G that is G_ema itself.

    `ganinv.export` writes such a one, with the attributes of both repositories.
    """
    if raw is node and "layer_names" not in child(node, "synthesis").state:
        return "NVIDIA"
    linear = (layer for _, layer in modules.layers(node) if layer.class_name == "FullyConnectedLayer")
    return "stylegan3" if any("in_features" in layer.state for layer in linear) else "stylegan2-ada-pytorch"


def _generator(node: Node, notes: list[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    synthesis = attribute(node, "_modules", dict).get("synthesis") if node.class_name == "Generator" else None
    if not isinstance(synthesis, Node) or synthesis.class_name != "SynthesisNetwork":
        raise ValueError(f"its G_ema is a {said(node.class_name)}, which is neither StyleGAN2's nor StyleGAN3's")
    if "layer_names" in synthesis.state:
        notes += stylegan3.half_precision(node)
        return stylegan3.read_generator(node, prefix="G_ema.")
    state, blocks, mapping = tensors(node), modules.blocks(synthesis), child(node, "mapping")
    layers, silent = whole(mapping, "num_layers", most=MAX_LAYERS), modules.silent(blocks)
    record = {
        **{name: whole(node, name) for name in ("z_dim", "w_dim", *SHARED)},
        "mapping_layers": layers,
        "mapping_lr_multiplier": modules.lr_multiplier(mapping, layers),
        **width_record({r: modules.size(state, f"synthesis.b{r}.conv1.bias") for r in blocks}),
        "g_architecture": modules.architecture(blocks),
        "conv_clamp": modules.conv_clamp(blocks),
        "resample_filter": modules.taps(state, "synthesis.b4.resample_filter"),
    }
    modules.check_layers(node)
    notes += modules.half_precision(blocks, "generator")
    if silent:
        notes.append(f"{len(silent) // 2} layers have no noise input; here they have one of strength 0.")
    return record, modules.prefixed("G_ema.", silent | state)


def _discriminator(
    node: Any, architecture: dict[str, Any], notes: list[str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What its record has beside the generator's ("d_…" where the two differ), and its tensors."""
    if not isinstance(node, Node) or node.class_name != "Discriminator":
        what = f" that can be read: its D is a {said(node.class_name)}" if isinstance(node, Node) else ""
        notes.append(f"The file has no discriminator{what}.")
        return {}, {}
    state, blocks = tensors(node), modules.blocks(node)
    record = _shared(node, architecture) | {
        **width_record({r: modules.size(state, f"b{r}.conv{'0' if r > 4 else ''}.bias") for r in blocks}),
        "conv_clamp": modules.conv_clamp(blocks),
        "resample_filter": modules.taps(state, f"b{max(blocks)}.resample_filter"),
        **_label_mapping(node),
    }
    modules.check_layers(node)
    notes += modules.half_precision(blocks, "discriminator")
    own = {f"d_{key}": value for key, value in record.items() if key not in architecture or architecture[key] != value}
    # The last block has an architecture too, in all published versions.
    own["d_architecture"] = modules.architecture(blocks)
    return own | _grouping(child(node, "b4")), modules.prefixed("D.", state)


def _shared(node: Node, architecture: dict[str, Any]) -> dict[str, int]:
    found = {name: whole(node, name) for name in SHARED}
    for name, value in found.items():
        if value != architecture[name]:
            raise ValueError(f"its discriminator has {name} {value}, its generator {architecture[name]}")
    return found


def _label_mapping(node: Node) -> dict[str, Any]:
    """Of the network that embeds labels, where there is one."""
    if not whole(node, "c_dim"):
        return {}
    mapping = child(node, "mapping")
    layers = whole(mapping, "num_layers", most=MAX_LAYERS)
    return {"mapping_layers": layers, "mapping_lr_multiplier": modules.lr_multiplier(mapping, layers)}


def _grouping(epilogue: Node) -> dict[str, int | None]:
    """Of the minibatch standard deviation; group_size None: the whole batch."""
    layer = attribute(epilogue, "_modules", dict).get("mbstd")
    if not isinstance(layer, Node):
        return {"mbstd_group_size": None, "mbstd_num_channels": 0}
    is_whole_batch = "group_size" in layer.state and layer.state["group_size"] is None
    size = None if is_whole_batch else whole(layer, "group_size")
    return {"mbstd_group_size": size, "mbstd_num_channels": whole(layer, "num_channels")}
