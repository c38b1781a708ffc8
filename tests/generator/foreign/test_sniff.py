"""The form is told from the bytes; what is no checkpoint is named."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior, save_prior
from ganinv.generator.foreign import folder, sniff, write_nvidia, write_rosinality

FORMS = {
    "NVIDIA pickle": write_nvidia.write,  # which is neither repository's
    "rosinality stylegan2-pytorch .pt": write_rosinality.write,
    "folder with config.json and safetensors": lambda path, prior: (path.mkdir(), folder.write(path, prior)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_under_a_name_that_says_nothing(prior, tmp_path: Path, form: str) -> None:
    FORMS[form](tmp_path / "prior", prior)
    again = load_prior(tmp_path / "prior")
    assert again.form == form and again.fingerprint == prior.fingerprint
    assert again.name == "prior" and again.path == str(tmp_path / "prior")
    image = prior.generator(torch.randn(1, 8))
    assert again.discriminator is not None and torch.equal(again.discriminator(image), prior.discriminator(image))


def test_our_own_file_under_any_name(prior, tmp_path: Path) -> None:
    save_prior(tmp_path / "prior.pkl", prior)
    again = load_prior(tmp_path / "prior.pkl")
    assert again.fingerprint == prior.fingerprint and again.notes == []


@pytest.mark.parametrize(
    ("end", "said"),
    [(b".", "a name that is not used"), (b")\x81.", "an object without its state"), (b"0K\x01.", "an int")],
)
def test_what_stands_there_instead_is_said_in_plain_words(end: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "file.pkl").write_bytes(b"\x80\x02cdnnlib.tflib.network\nNetwork\n" + end)
    with pytest.raises(InputError, match=said):
        load_prior(tmp_path / "file.pkl")


@pytest.mark.parametrize("path", ["~nosuchuser/x.pkl", "n" * 300])
def test_a_path_that_cannot_be_looked_up(path: str) -> None:
    with pytest.raises(InputError, match=f"^{path}: "):
        load_prior(path)


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("network.pkl"))
    return buffer.getvalue()


def _array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


OTHERS = {
    "empty": (b"", "is empty"),
    "short": (b"abc", "3 bytes, too few"),
    "page": (b"\n<!DOCTYPE html><html><head>Virus scan warning</head>", "web page"),
    "page in capitals": (b"<HTML><BODY>404</BODY></HTML>", "web page"),
    "server": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "server's message"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "png": (_picture("PNG"), "PNG picture"),
    "jpeg": (_picture("JPEG"), "JPEG picture"),
    "webp": (_picture("WEBP"), "WebP"),
    "gzip": (gzip.compress(b"x" * 100), "archive .gzip.; unpack"),
    "tar": (_tar(), "archive .tar.; unpack"),
    "numpy": (_array(), "array of NumPy"),
    "protocol 0": (b"(dp0\nVG_ema\np1\nNs.", "no checkpoint that is known here"),
    "protocol 1": (b"}q\x00X\x05\x00\x00\x00G_emaq\x01Ns.", "no checkpoint that is known here"),
    "json": (b'{"G_ema": null}', "too few|no checkpoint that is known here"),
    "nothing known": (bytes(range(100, 200)), "first bytes are 64 65 66"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files(tmp_path: Path, name: str) -> None:
    content, said = OTHERS[name]
    (tmp_path / "network.pkl").write_bytes(content)
    for reader in (sniff.read, load_prior):
        with pytest.raises(InputError, match="network.pkl") as error:
            reader(tmp_path / "network.pkl")
        assert "\n" not in str(error.value)
        if reader is sniff.read:
            error.match(said)


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no config.json"):
        load_prior(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        sniff.read(tmp_path / "none.pkl")
