"""Generators inside the files of inversion tools: encoder bundles (pSp, e4e, ReStyle, HyperStyle) and PTI's modules."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import nvidia, rosinality
from .found import Found
from .torch_pickle import View
from .unpickle import Node, attribute

MAX_MODULES = 500  # of a network in one file; a generator of 1024 pixels has about 130
DECODER = "decoder."


def read(content: dict[str, Any]) -> Found:
    """`state_dict` with `decoder.…` (rosinality's names) beside the encoder, and `latent_avg`. Raises ValueError."""
    views = rosinality.state(content["state_dict"], "state_dict")
    decoder = {name.removeprefix(DECODER): view for name, view in views.items() if name.startswith(DECODER)}
    if not decoder:
        raise ValueError("its state_dict has no decoder, so that it holds no generator")
    notes: list[str] = []
    architecture, tensors = rosinality.read_generator(decoder, notes)
    found = {f"G_ema.{name}": tensor for name, tensor in tensors.items()}
    found |= rosinality.w_avg(content.get("latent_avg"), architecture["w_dim"], notes)
    others = Counter(name.split(".")[0] for name in views if not name.startswith(DECODER))
    notes += [
        f"{count} tensors of its {part} were left: the generator alone was read." for part, count in others.items()
    ]
    notes.append("The file has no discriminator.")
    form = "encoder bundle (pSp, e4e, ReStyle or HyperStyle), its decoder"
    return Found(family="stylegan2", form=form, architecture=architecture, tensors=found, notes=notes)


def read_module(node: Node, file: Path) -> Found:
    """A whole module of NVIDIA's classes, as PTI saves its tuned generator. Raises InputError or ValueError."""
    _settle(node, set())
    found = nvidia.read(node, file)
    return replace(found, form=f"module of torch.save (as PTI's), {found.form}")


def _settle(node: Node, seen: set[int]) -> None:
    """Read the values of `node` and of the modules in it."""
    if len(seen) > MAX_MODULES:
        raise ValueError(f"it has more than {MAX_MODULES} modules")
    seen.add(id(node))
    for kind in ("_parameters", "_buffers"):
        values = attribute(node, kind, dict)
        values.update({name: value.read() for name, value in values.items() if isinstance(value, View)})
    for part in attribute(node, "_modules", dict).values():
        if isinstance(part, Node) and id(part) not in seen:
            _settle(part, seen)
