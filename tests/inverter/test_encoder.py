"""The inverters that run an encoder, and our own file of one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganinv.dataset.images import Images, Photo
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.inverter.encoder import Encode
from ganinv.inverter.encoder_file import FORMAT, load_encoder, save_encoder
from ganinv.inverter.networks.encoder import Architecture, Encoder

RESTYLE = Architecture(
    num_ws=6,
    w_dim=8,
    trunk="resnet",
    units=(1, 1, 1, 1),
    width=4,
    head="last",
    deltas=False,
    style_width=8,
    in_channels=6,
    in_size=16,
    in_rows=16,
)
PSP = replace(RESTYLE, in_channels=3, trunk="ir_se", head="pyramid")
E4E = replace(PSP, deltas=True)
IMAGES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def written(path: Path, prior: Prior, architecture: Architecture = RESTYLE, **settings: Any) -> Path:
    torch.manual_seed(0)
    save_encoder(path / "encoder.safetensors", Encoder(architecture=architecture), prior=prior, **settings)
    return path / "encoder.safetensors"


def test_restyle_adds_to_what_it_has_reached(prior: Prior, tmp_path: Path) -> None:
    inverter = Encode(path=str(written(tmp_path, prior)), steps=2, kind="restyle")
    found, encoder = inverter(prior=prior, images=IMAGES, seed=0), inverter.trained.encoder
    with torch.no_grad():
        ws = prior.generator.mapping.w_avg.expand(3, 6, 8)
        for _ in range(2):
            reached = prior.generator.synthesis(ws, noise_mode="const")
            ws = ws + encoder.head(encoder.trunk(torch.cat([IMAGES, reached], dim=1)))
    assert found.space == "w+" and found.ws.shape == (3, 6, 8) and found.noise is None
    assert torch.allclose(found.ws, ws, atol=1e-5)
    once = Encode(path=str(tmp_path / "encoder.safetensors"), steps=1)(prior=prior, images=IMAGES, seed=0)
    assert not torch.allclose(found.ws, once.ws, atol=1e-3)


@pytest.mark.parametrize(
    ("training", "passes"), [({"refinements": 2}, 2), ({}, 5), ({"refinements": "many"}, 5), ({"refinements": 0}, 5)]
)
def test_as_many_passes_as_it_was_trained_with(
    prior: Prior, tmp_path: Path, training: dict[str, Any], passes: int
) -> None:
    path = written(tmp_path, prior, training=training)
    assert Encode(path=str(path)).steps == passes and Encode(path=str(path), steps=3).steps == 3
    assert Encode(path=str(written(tmp_path, prior, PSP, training=training))).steps == 1


def test_the_embedded_one_is_that_of_the_embedded_prior() -> None:
    inverter = Encode(path="package:ffhq64b_restyle.safetensors", kind="restyle")
    prior, photo = load_prior("package:ffhq64b.safetensors"), next(iter(Images(resolution=64)))
    assert isinstance(photo, Photo)
    latent = inverter(prior=prior, images=photo.image[None], seed=0)
    with torch.no_grad():
        mean = prior.generator.synthesis(inverter.trained.starts(prior), noise_mode="const")
        found = prior.generator.synthesis(latent.ws, noise_mode="const")
    assert 3 * (found - photo.image).square().mean() < (mean - photo.image).square().mean()
    with pytest.raises(InputError):
        inverter(prior=load_prior("package:ffhq64.safetensors"), images=photo.image[None], seed=0)


@pytest.mark.parametrize(("kind", "architecture"), [("psp", PSP), ("e4e", E4E)])
def test_one_pass(prior: Prior, tmp_path: Path, kind: Any, architecture: Architecture) -> None:
    inverter = Encode(path=str(written(tmp_path, prior, architecture)), kind=kind)
    found = inverter(prior=prior, images=IMAGES, seed=0)
    with torch.no_grad():
        assert torch.allclose(found.ws, prior.generator.mapping.w_avg + inverter.trained.encoder(IMAGES), atol=1e-6)
    assert (found.ws.diff(dim=1).abs() > 0).any() and not found.ws.requires_grad


def test_one_w_for_all_layers(prior: Prior, tmp_path: Path) -> None:
    path = written(tmp_path, prior, replace(E4E, head="single", deltas=False))
    found = Encode(path=str(path), kind="e4e")(prior=prior, images=IMAGES, seed=0)
    assert found.space == "w" and (found.ws.diff(dim=1) == 0).all()


def test_a_photos_latent_does_not_depend_on_the_others(prior: Prior, tmp_path: Path) -> None:
    inverter = Encode(path=str(written(tmp_path, prior)), steps=3)
    together = inverter(prior=prior, images=IMAGES.flip(0), seed=0)
    assert torch.allclose(together.ws[2:], inverter(prior=prior, images=IMAGES[:1], seed=5).ws, atol=1e-5)


@pytest.mark.parametrize("half", [True, False])
def test_our_file_comes_back(prior: Prior, tmp_path: Path, half: bool) -> None:
    prior = replace(prior, licence="CC0")
    path = written(tmp_path, prior, half=half, training={"kimg": 3})
    torch.manual_seed(0)
    encoder, loaded = Encoder(architecture=RESTYLE), load_encoder(path)
    assert loaded.encoder.architecture == RESTYLE and loaded.prior == prior.fingerprint
    assert loaded.licence == "CC0" and loaded.training == {"kimg": 3} and not loaded.encoder.training
    for name, tensor in encoder.state_dict().items():
        expected = tensor.half().float() if half and tensor.ndim > 1 else tensor
        assert torch.equal(loaded.encoder.state_dict()[name], expected)
    assert path.stat().st_size < 2 * sum(value.numel() for value in encoder.parameters()) * (1.3 if half else 2.3)


def test_another_generator_is_refused(prior: Prior, tmp_path: Path) -> None:
    inverter = Encode(path=str(written(tmp_path, prior)))
    other = replace(prior, fingerprint="sha256:0", name="other")
    with pytest.raises(InputError, match="encoder.safetensors: was trained for another generator than other; load"):
        inverter(prior=other, images=IMAGES, seed=0)
    inverter = Encode(path=str(written(tmp_path, prior, replace(RESTYLE, num_ws=8))))
    with pytest.raises(InputError, match="gives 8 w of 8 values, but tiny takes 6 of 8"):
        inverter(prior=prior, images=IMAGES, seed=0)


def test_wrong_settings(prior: Prior, tmp_path: Path) -> None:
    path = str(written(tmp_path, prior, E4E))
    with pytest.raises(InputError, match="holds an encoder of e4e, not of psp; choose inverter=e4e"):
        Encode(path=path, kind="psp")
    with pytest.raises(InputError, match="steps: an encoder of e4e does not see what it has reached, so set steps=1"):
        Encode(path=path, steps=5)
    with pytest.raises(InputError, match=r"expected \[N, 3, 16, 16\].*got \[1, 3, 32, 32\]"):
        Encode(path=path)(prior=prior, images=torch.zeros(1, 3, 32, 32), seed=0)


def test_wrong_files(prior: Prior, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no encoder at all, and long enough")
    with pytest.raises(InputError, match="text.pt: is no encoder; give ganinv's own file"):
        load_encoder(tmp_path / "text.pt")
    with pytest.raises(InputError, match="not an encoder of ganinv \\(format 'ganinv-first-prior' in its header"):
        load_encoder("package:ffhq64.safetensors")
    path = written(tmp_path, prior)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="encoder.safetensors: not a whole safetensors file"):
        load_encoder(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_ws": 7}, "Missing key"),
        ({"style_width": 9}, "head.styles.0.convs.0.bias has shape"),
        ({"units": [1, 1, 1]}, "units"),
        ({"trunk": "vgg"}, "trunk"),
        ({"width": 0}, "width"),
        ({"num_ws": 10**9}, "num_ws"),
    ],
)
def test_a_header_that_is_another_encoders(prior: Prior, tmp_path: Path, changes: dict, said: str) -> None:
    path = written(tmp_path, prior)
    header = {"format": FORMAT, "architecture": json.dumps(RESTYLE.record() | changes)}
    save_file(load_file(path), path, header)
    with pytest.raises(InputError, match=f"its header does not describe its encoder .*{said}"):
        load_encoder(path)


def test_values_that_are_not_finite(prior: Prior, tmp_path: Path) -> None:
    path = written(tmp_path, prior)
    tensors = load_file(path)
    tensors["encoder.trunk.conv1.weight"][0, 0, 0, 0] = torch.nan
    save_file(tensors, path, {"format": FORMAT, "architecture": json.dumps(RESTYLE.record())})
    with pytest.raises(InputError, match="trunk.conv1.weight holds values that are not finite"):
        load_encoder(path)
