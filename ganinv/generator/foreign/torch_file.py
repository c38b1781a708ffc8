"""Files of torch.save: the keys say which kind of checkpoint one holds, and so who reads it."""

from pathlib import Path
from typing import Any

from ...errors import InputError
from . import bundle, rosinality
from .found import Found
from .source import in_words, shown
from .torch_pickle import opened
from .unpickle import Node

OTHERS = {
    "params_ema": "a BasicSR or GFPGAN checkpoint",
    "generator_ema.style_mapping": "a checkpoint of MMGeneration, which has names of its own",
    "mapping.fc0.weight": "a bare state dict of NVIDIA's names; save the pickle with G_ema instead",
    "synthesis.b4.const": "a bare state dict of NVIDIA's names; save the pickle with G_ema instead",
    "GAN": "a checkpoint of lucidrains' stylegan2_pytorch, which is another network",
}


def read(file: Path) -> Found:
    """A checkpoint of rosinality's form, a bundle of an encoder with its decoder, or PTI's tuned generator.

    Raises InputError with one sentence for anything else; nothing in the file is executed.
    """
    with opened(file) as content:
        try:
            return _dispatch(content, file)
        except ValueError as error:
            raise InputError(f"{file}: {shown(error)}; give a StyleGAN2 checkpoint") from error


def _dispatch(content: Any, file: Path) -> Found:
    if isinstance(content, Node):
        return bundle.read_module(content, file)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"holds {in_words(content)}, not networks by name")
    if "g_ema" in content or "g" in content:
        return rosinality.read(content)
    if isinstance(content.get("state_dict"), dict):
        return bundle.read(content)
    if {"style.1.weight", "input.input"} <= content.keys():
        return rosinality.read({"g_ema": content})
    raise ValueError(_what(list(content)))


def _what(keys: list[str]) -> str:
    for start, name in OTHERS.items():
        if any(key.startswith(start) for key in keys):
            return f"is {name}"
    named = ", ".join(shown(key, 40) for key in keys[:4])
    return f"has no g_ema and no state_dict among its keys ({named or 'none'})"
