"""Encoder bundles: the decoder is the generator; the encoder is left, and said. PTI's modules are generators."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.foreign import torch_file, write_nvidia
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


def test_a_whole_module_is_a_generator(prior, tmp_path: Path) -> None:
    writer = SimpleNamespace(Pickler=write_nvidia._Writer, __name__="pickle")
    network = write_nvidia.content(prior)["G_ema"]
    torch.save(network, tmp_path / "model.pt", pickle_module=writer, pickle_protocol=3)
    found = torch_file.read(tmp_path / "model.pt")
    assert found.form.startswith("module of torch.save (as PTI's)") and "The file has no discriminator." in found.notes
    for name, tensor in prior.generator.state_dict().items():
        assert torch.equal(found.tensors[f"G_ema.{name}"], tensor)
