"""Which form a checkpoint has, told from its bytes and never from its name; what is no checkpoint is named."""

import pickle
from pathlib import Path

from ...errors import InputError
from . import nvidia, tensorflow, unpickle
from .found import Found
from .unpickle import Node

START = 1024  # bytes that tell the form
CONFIG = "config.json"
FORMS = "a pickle of NVIDIA's tools, a .pt of rosinality's or of an encoder, a folder with config.json, or our own file"
PICTURES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture or a recording",
    b"\x89HDF": "an HDF5 file (Keras, MATLAB)",
    b"\x93NUMPY": "an array of NumPy",
    b"%PDF": "a PDF document",
    b"GGUF": "a GGUF model",
}
ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"7z\xbc\xaf": "7z",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"Rar!": "rar",
}


def read(path: Path) -> Found:
    """The networks in a foreign checkpoint: a file, or a folder with config.json. Raises InputError."""
    if path.is_dir():
        from . import folder

        return folder.read(path)
    start = beginning(path)
    if _is_torch(start):
        from . import torch_file

        return torch_file.read(path)
    if not is_pickle(start):
        raise InputError(f"{path}: {_what(start)}")
    tree = unpickle.load(path)
    # TensorFlow's networks come as a tuple, PyTorch's by name.
    if isinstance(tree, tuple) or (isinstance(tree, Node) and tree.class_name == "Network"):
        return tensorflow.read(tree, path)
    return nvidia.read(tree, path)


def beginning(path: Path) -> bytes:
    """The first bytes of a file. Raises InputError."""
    try:
        with open(path, "rb") as file:
            start = file.read(START)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path and its rights") from error
    if not start:
        raise InputError(f"{path}: the file is empty; fetch it again")
    return start


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins like this is one of safetensors: a length, then a JSON object."""
    return start[8:9] == b"{" and start[6:8] == b"\0\0"


def is_pickle(start: bytes) -> bool:
    """Whether a file that begins like this is a pickle of a protocol that can be read."""
    return start[:1] == pickle.PROTO and 2 <= start[1:2][:1][0] <= pickle.HIGHEST_PROTOCOL if len(start) > 1 else False


def _is_torch(start: bytes) -> bool:
    from .torch_pickle import is_torch

    return is_torch(start)


def _what(start: bytes) -> str:
    """What a file is that is no checkpoint, and what to do."""
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "this is a web page (HTML), as a download leaves when it was refused or asked to confirm; fetch it again"
    if text.startswith((b"<?xml", b"<error")):
        return "this is a server's message (XML), not the file that was asked for; fetch it again"
    if text.startswith(b"version https://git-lfs"):
        return "this is a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`"
    for magic, kind in ARCHIVES.items():
        if start.startswith(magic):
            return f"this is an archive ({kind}); unpack it and give the checkpoint inside"
    if start[257:262] == b"ustar":
        return "this is an archive (tar); unpack it and give the checkpoint inside"
    for magic, kind in PICTURES.items():
        if start.startswith(magic):
            return f"this is {kind}, no checkpoint; give {FORMS}"
    if len(start) < 16:
        return f"this file has {len(start)} bytes, too few for a checkpoint; fetch it again"
    return f"this is no checkpoint that is known here (its first bytes are {start[:8].hex(' ')}); give {FORMS}"
