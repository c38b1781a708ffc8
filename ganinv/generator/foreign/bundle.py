"""Generators inside the files of inversion tools: encoder bundles (pSp, e4e, ReStyle, HyperStyle) and PTI's modules."""

from collections import Counter
from typing import Any

from . import rosinality
from .found import Found
from .unpickle import Node

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


def read_module(node: Node) -> Found:
    """A whole pickled module, as PTI saves its tuned generator. Raises ValueError."""
    raise ValueError(f"holds a pickled module of the class {node.class_name}")
