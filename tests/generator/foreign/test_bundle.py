"""Encoder bundles: the decoder is the generator; the encoder is left, and said."""

from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.foreign import torch_file
from ganinv.generator.foreign.write_rosinality import content


@pytest.fixture
def bundle(prior) -> dict:
    record = content(prior)[0]
    state = {f"decoder.{name}": tensor for name, tensor in record["g_ema"].items()}
    state |= {"encoder.input_layer.0.weight": torch.zeros(2, 3), "encoder.body.0.weight": torch.zeros(2)}
    opts = {"encoder_type": "Encoder4Editing", "output_size": 16, "device": "cuda:0"}
    return {"state_dict": state, "opts": opts, "latent_avg": record["latent_avg"].repeat(6, 1)}


def test_the_decoder_is_read(prior, bundle: dict, tmp_path: Path) -> None:
    torch.save(bundle, tmp_path / "e4e.pt")
    found = torch_file.read(tmp_path / "e4e.pt")
    assert "encoder bundle" in found.form and found.architecture["img_resolution"] == 16
    assert found.notes == [
        "2 tensors of its encoder were left: the generator alone was read.",
        "The file has no discriminator.",
    ]
    for name, tensor in prior.generator.state_dict().items():
        if not name.endswith("resample_filter"):
            assert torch.equal(found.tensors[f"G_ema.{name}"], tensor)


def test_wrong_bundles(bundle: dict, tmp_path: Path) -> None:
    del bundle["state_dict"]["decoder.style.1.weight"]
    torch.save(bundle, tmp_path / "e4e.pt")
    with pytest.raises(InputError, match="e4e.pt: style.1.weight is missing"):
        torch_file.read(tmp_path / "e4e.pt")
