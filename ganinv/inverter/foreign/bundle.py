"""Encoders in the files of pSp, e4e, ReStyle and HyperStyle (its encoder into W): `state_dict`, `opts`, `latent_avg`.

Sizes are read from shapes. Only what no shape tells is taken from `opts`: `encoder_type` (pSp's and e4e's weights have
the same names), `start_from_latent_avg`, and from `dataset_type` whether photos are wide.
"""

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ...generator.foreign import rosinality
from ...generator.foreign.source import shown
from ...generator.foreign.torch_pickle import View, opened
from ...generator.foreign.unpickle import Node
from ..networks.build import COUNTED, expected, renamed
from ..networks.encoder import STRIDE, Architecture
from .found import Found

Views = dict[str, View]
SINGLE = {"BackboneEncoderUsingLastLayerIntoW", "SingleStyleCodeEncoder", "WEncoder"}
INDEPENDENT = {"GradualStyleEncoder", "ResNetGradualStyleEncoder", "BackboneEncoder", "ResNetBackboneEncoder"}
PROGRESSIVE = {"Encoder4Editing", "ProgressiveBackboneEncoder", "ResNetProgressiveBackboneEncoder"}
PUBLISHED_SIZE = 256  # pixels that every published encoder takes
WIDE = "cars_encode"  # the data set whose photos are 3 : 4
MAX_UNITS, MAX_WS, MAX_HALVINGS = 256, 64, 8


def read(file: Path) -> Found:
    """The encoder in `file`, of which nothing is executed. Raises InputError."""
    with opened(file) as content:
        try:
            return _read(content)
        except ValueError as error:
            raise InputError(f"{file}: {shown(error)}; give a file of pSp, e4e or ReStyle with its encoder") from error


def _read(content: Any) -> Found:
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise ValueError("has no state_dict, so it is no file of an encoder")
    views, opts = rosinality.state(content["state_dict"], "state_dict"), _options(content.get("opts"))
    encoder, decoder = _part(views, "encoder."), _part(views, "decoder.")
    if not encoder:
        raise ValueError("its state_dict has no encoder")
    generator = rosinality.read_generator(decoder, [])[1] if decoder else {}
    architecture = _architecture(encoder, opts, len(_layers(generator)))
    return Found(
        form=f"published encoder of {architecture.kind}",
        architecture=architecture,
        tensors=_tensors(encoder, architecture),
        start=_start(content.get("latent_avg"), architecture, opts),
        norms={name: tensor.norm().item() for name, tensor in generator.items() if not name.endswith("noise_const")},
    )


def _options(opts: Any) -> dict[str, Any]:
    return opts.state if isinstance(opts, Node) else opts if isinstance(opts, dict) else {}


def _part(views: Views, prefix: str) -> Views:
    return {name.removeprefix(prefix): view for name, view in views.items() if name.startswith(prefix)}


def _layers(generator: dict[str, Tensor]) -> list[str]:
    """A name for each w that the generator takes: its convolutions, and the last block's image."""
    convolutions = [name for name in generator if re.fullmatch(r"synthesis\.b\d+\.conv\d\.weight", name)]
    return [*convolutions, "torgb"] if convolutions else []


def _architecture(views: Views, opts: dict[str, Any], num_ws: int) -> Architecture:
    is_resnet = "conv1.weight" in views
    units, width = _units(views, "conv2.weight" if is_resnet else "res_layer.3.weight")
    channels = _size(views, "conv1.weight" if is_resnet else "input_layer.0.weight", 1)
    if channels not in (3, 6):
        raise ValueError(f"its encoder takes {channels} channels (segmentations or sketches), not photos")
    is_single = "linear.weight" in views
    if is_single and not num_ws:
        raise ValueError("has an encoder into one w and no decoder, which alone tells for how many layers")
    halvings = _count(views, r"styles\.0\.convs\.(\d+)\.weight", 2 * MAX_HALVINGS) // 2 + 1
    side = PUBLISHED_SIZE if is_single else STRIDE << halvings
    return Architecture(
        num_ws=num_ws if is_single else _count(views, r"styles\.(\d+)\.linear\.weight", MAX_WS),
        w_dim=_size(views, "linear.weight" if is_single else "styles.0.linear.weight", 0),
        trunk="resnet" if is_resnet else "ir_se",
        units=units,
        width=width,
        head="single" if is_single else "pyramid" if "latlayer1.weight" in views else "last",
        deltas=_has_deltas(opts.get("encoder_type")),
        style_width=0 if is_single else _size(views, "styles.0.convs.0.weight", 0),
        in_channels=channels,
        in_size=side,
        in_rows=side * 3 // 4 if opts.get("dataset_type") == WIDE else side,
    )


def _has_deltas(kind: Any) -> bool:
    """Which no shape tells."""
    if isinstance(kind, str) and kind in INDEPENDENT | PROGRESSIVE | SINGLE:
        return kind in PROGRESSIVE
    known = ", ".join(sorted(INDEPENDENT | PROGRESSIVE | SINGLE))
    raise ValueError(f"its opts name the encoder_type {shown(kind, 60)}, which is none of {known}")


def _units(views: Views, last: str) -> tuple[tuple[int, int, int, int], int]:
    """Residual units in each stage, told from their widths, and the first stage's width."""
    count = _count(views, rf"body\.(\d+)\.{re.escape(last)}", MAX_UNITS)
    widths = [_size(views, f"body.{number}.{last}", 0) for number in range(count)]
    stages = [(width, len(list(run))) for width, run in groupby(widths)]
    if len(stages) != 4 or [width for width, _ in stages] != [stages[0][0] << stage for stage in range(4)]:
        raise ValueError(
            "its encoder's trunk has not four stages of doubling width, so it is none of pSp's or ReStyle's"
        )
    a, b, c, d = (length for _, length in stages)
    return (a, b, c, d), stages[0][0]


def _tensors(views: Views, architecture: Architecture) -> dict[str, Tensor]:
    """Every tensor under our name, of the shape that the architecture asks for."""
    shapes, named = expected(architecture), renamed(views)
    for name in sorted(shapes.keys() ^ named.keys()):
        if not name.endswith(COUNTED):
            raise ValueError(f"its encoder's {shown(name, 100)} is {'missing' if name in shapes else 'not expected'}")
    tensors: dict[str, Tensor] = {}
    for name, view in named.items():
        if name in shapes and view.shape != shapes[name]:
            raise ValueError(f"its encoder's {name} has shape {list(view.shape)}, expected {list(shapes[name])}")
        if not name.endswith(COUNTED):
            tensors[name] = view.read()
            if not torch.isfinite(tensors[name]).all():
                raise ValueError(f"its encoder's {name} holds values that are not finite")
    return tensors


def _start(value: Any, architecture: Architecture, opts: dict[str, Any]) -> Tensor | None:
    """latent_avg for every layer; zeros where the encoder was trained without it."""
    layers, dim = architecture.num_ws, architecture.w_dim
    if architecture.kind == "psp" and opts.get("start_from_latent_avg", True) is False:
        return torch.zeros(layers, dim)
    if value is None:
        return None
    if not isinstance(value, View) or value.shape not in ((dim,), (1, dim), (layers, dim), (1, layers, dim)):
        raise ValueError(f"latent_avg is not the average of {layers} times {dim} values")
    return value.read().reshape(-1, dim).expand(layers, dim).contiguous()


def _count(views: Views, pattern: str, most: int) -> int:
    """One more than the largest number that the names of `pattern` hold."""
    matches = [re.fullmatch(pattern, name) for name in views]
    numbers = [int(match[1][:9]) for match in matches if match]
    if max(numbers, default=0) >= most:
        raise ValueError(f"its encoder has a part numbered {max(numbers)}, more than {most - 1} allowed")
    return max(numbers, default=-1) + 1


def _size(views: Views, name: str, axis: int) -> int:
    if name not in views:
        raise ValueError(f"its encoder's {name} is missing")
    shape = views[name].shape
    if axis >= len(shape) or not shape[axis]:
        raise ValueError(f"its encoder's {name} has shape {list(shape)}")
    return shape[axis]
