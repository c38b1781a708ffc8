"""Encoder bundles: the decoder is the generator; the encoder is left, and said. PTI's modules are generators."""

import io
import zipfile
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.foreign import nvidia_pickle, torch_file, write_nvidia
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


def _save_module(path: Path, network: nvidia_pickle.Network) -> None:
    """As torch.save puts a whole module into its zip: the values lie beside the pickle."""
    values: list[torch.Tensor] = []

    def outside(writer: nvidia_pickle.Writer, storage: nvidia_pickle.Storage) -> None:
        kind, key = nvidia_pickle.Class("torch", "FloatStorage"), str(len(values))
        writer.put(nvidia_pickle.Reference(("storage", kind, key, "cpu", storage.values.numel())))
        values.append(storage.values)

    with zipfile.ZipFile(path, "w") as archive, pytest.MonkeyPatch.context() as patch:
        patch.setitem(nvidia_pickle.FORMS, nvidia_pickle.Storage, outside)
        buffer = io.BytesIO()
        nvidia_pickle.Writer(buffer).dump(network)
        archive.writestr("model/data.pkl", buffer.getvalue())
        for key, tensor in enumerate(values):
            archive.writestr(f"model/data/{key}", tensor.numpy().tobytes())


def test_a_whole_module_is_a_generator(prior, tmp_path: Path) -> None:
    _save_module(tmp_path / "model.pt", write_nvidia.content(prior)["G_ema"])
    found = torch_file.read(tmp_path / "model.pt")
    assert found.form.startswith("module of torch.save (as PTI's)") and "The file has no discriminator." in found.notes
    for name, tensor in prior.generator.state_dict().items():
        assert torch.equal(found.tensors[f"G_ema.{name}"], tensor)
