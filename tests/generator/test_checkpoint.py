"""The prior file: round trip, and every broken file said in one sentence."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, load_prior, save_prior

ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "c_dim": 0,
    "img_resolution": 8,
    "img_channels": 3,
    "mapping_layers": 2,
    "channel_base": 64,
    "channel_max": 8,
    "mbstd_group_size": 2,
}


@pytest.fixture
def prior() -> Prior:
    generator = build_generator(ARCHITECTURE)
    return Prior(
        generator=generator,
        discriminator=build_discriminator(ARCHITECTURE),
        fingerprint=fingerprint(generator),
        architecture=ARCHITECTURE,
        name="tiny",
        licence="CC0",
        training={"images": 0},
    )


def test_round_trip(prior: Prior, tmp_path: Path) -> None:
    save_prior(tmp_path / "tiny.safetensors", prior)
    again = load_prior(tmp_path / "tiny.safetensors")
    assert again.fingerprint == prior.fingerprint and again.licence == "CC0" and again.name == "tiny"
    assert again.training == {"images": 0} and again.architecture == ARCHITECTURE
    z = torch.randn(2, 8)
    assert torch.equal(prior.generator(z), again.generator(z))
    assert prior.discriminator is not None and again.discriminator is not None
    image = torch.randn(2, 3, 8, 8)
    assert torch.equal(prior.discriminator(image), again.discriminator(image))
    assert not any(p.requires_grad for p in again.generator.parameters())
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_embedded_prior() -> None:
    prior = load_prior("package:ffhq64.safetensors")
    assert prior.generator.img_resolution == 64 and prior.discriminator is not None
    assert prior.licence == "CC BY-NC-SA 4.0" and prior.training["images"] == 101600
    image = prior.generator(torch.randn(2, 128))
    assert image.std() > 0.2 and image.abs().max() < 3


def test_fingerprint_sees_every_weight(prior: Prior) -> None:
    with torch.no_grad():
        prior.generator.synthesis.get_parameter("b8.conv1.weight")[0, 0, 0, 0] += 1e-6
    assert fingerprint(prior.generator) != prior.fingerprint


def _rewrite(path: Path, change) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
    tensors = load_file(path)
    change(tensors, metadata)
    save_file(tensors, path, metadata)


def _fill(value: float):
    return lambda t, m: t.update({"G_ema.mapping.w_avg": torch.full([8], value)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t, m: m.update(format="other"), "not a prior of ganinv"),
        (lambda t, m: m.update(format="ganinv-tuned"), "name the photo's folder"),
        (lambda t, m: m.pop("format"), r"not a prior of ganinv \(no format in its header\); give a checkpoint$"),
        (lambda t, m: m.update(architecture="{"), "architecture record is not JSON"),
        (lambda t, m: m.update(architecture="[]"), "architecture record is not a JSON object"),
        (lambda t, m: m.update(architecture="{}"), "lacks img_resolution, w_dim, z_dim"),
        (lambda t, m: m.update(architecture=json.dumps(ARCHITECTURE | {"img_resolution": 12})), "power of two"),
        (lambda t, m: m.update(architecture=json.dumps(ARCHITECTURE | {"z_dim": "x"})), "architecture record"),
        (lambda t, m: m.update(architecture=json.dumps(ARCHITECTURE | {"w_dim": 2**40})), "more than 131072 allowed"),
        (lambda t, m: t.pop("G_ema.mapping.w_avg"), "G_ema.mapping.w_avg is missing"),
        (lambda t, m: t.update({"D.extra": torch.zeros(1)}), "D.extra is not expected"),
        (lambda t, m: t.update({"G_ema.mapping.w_avg": torch.zeros(9)}), r"has shape \[9\], expected \[8\]"),
        (_fill(float("nan")), "not finite"),
        (_fill(0.5), "do not match the file's fingerprint"),
    ],
)
def test_wrong_files(prior: Prior, tmp_path: Path, change, said: str) -> None:
    path = tmp_path / "tiny.safetensors"
    save_prior(path, prior)
    _rewrite(path, change)
    with pytest.raises(InputError, match=said) as error:
        load_prior(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        *[("conv_clamp", value, "null or a number above 0") for value in ("x", [1], float("nan"), -1, 0, True)],
        *[("d_conv_clamp", value, "null or a number above 0") for value in ({}, float("inf"))],
        *[("mbstd_group_size", value, "a whole number from 1 on") for value in (0, -3, "x", 2.0)],
        *[("mbstd_num_channels", value, "a whole number from 0 on") for value in (-1, 1.0, None)],
        *[("mapping_lr_multiplier", value, "a number above 0") for value in (0, float("nan"), "x", None)],
        *[("channel_base", value, "a whole number, or widths") for value in (1e300, "x", None)],
        *[("g_architecture", value, "one of skip, resnet, orig") for value in ("foo", [1], None)],
        ("d_architecture", "foo", "one of skip, resnet, orig"),
        ("output_scale", float("nan"), "a number above 0"),
        ("anything", float("inf"), "a finite number"),
    ],
)
def test_values_of_no_network(prior: Prior, tmp_path: Path, name: str, value: object, said: str) -> None:
    path = tmp_path / "tiny.safetensors"
    save_prior(path, prior)
    _rewrite(path, lambda t, m: m.update(architecture=json.dumps(ARCHITECTURE | {name: value})))
    with pytest.raises(InputError, match=f"its architecture record has {name} .*; .*{said}"):
        load_prior(path)


@pytest.mark.filterwarnings("ignore:Casting complex")
def test_complex_numbers(prior: Prior, tmp_path: Path) -> None:
    path, name = tmp_path / "tiny.safetensors", "G_ema.synthesis.b4.const"
    save_prior(path, prior)
    _rewrite(path, lambda t, m: (t.update({name: t[name].to(torch.complex64)}), m.pop("fingerprint")))
    with pytest.raises(InputError, match="b4.const holds complex numbers"):
        load_prior(path)
    (tmp_path / "config.json").write_text(json.dumps(ARCHITECTURE))
    with pytest.raises(InputError, match="b4.const holds complex numbers"):
        load_prior(tmp_path)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "is empty"),
        (7, "has 7 bytes"),
        (100, "not a whole safetensors file"),
        (5000, "not a whole safetensors file"),
    ],
)
def test_truncated(prior: Prior, tmp_path: Path, length: int, said: str) -> None:
    path = tmp_path / "tiny.safetensors"
    save_prior(path, prior)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=said):
        load_prior(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no.safetensors"):
        load_prior(tmp_path / "no.safetensors")


def test_without_discriminator(prior: Prior, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_prior(path, prior)
    _rewrite(path, lambda t, m: [t.pop(name) for name in list(t) if name.startswith("D.")])
    assert load_prior(path).discriminator is None
