"""The whole method on a tiny StyleGAN3 prior: found, tuned, saved and loaded bit for bit; noise maps are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open

import ganinv
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, load_prior, save_prior
from ganinv.generator.family import has_noise_maps
from ganinv.generator.stylegan3 import Generator
from ganinv.tuner.parameters import moving

ARCHITECTURE: dict[str, Any] = {
    "family": "stylegan3",
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "channel_base": 128,
    "channel_max": 8,
    "mapping_layers": 1,
    "num_layers": 4,
    "margin_size": 2,
}
RADIAL = {"conv_kernel": 1, "use_radial_filters": True}
TINY = [
    "inverter.steps=2",
    "inverter.num_samples=100",
    "tuner.steps=3",
    "tuner.interval=2",
    "metric.reconstruction.lpips=null",
    "metric.drift.samples=2",
]


def tiny_prior(**settings: Any) -> Prior:
    architecture = ARCHITECTURE | settings
    generator, discriminator = build_generator(architecture), build_discriminator(architecture)
    return Prior(generator, discriminator, fingerprint(generator), architecture, name="tiny")


@pytest.fixture(params=[{}, RADIAL], ids="TR")
def prior(request, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_prior(path, tiny_prior(**request.param))
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "anna.png"
    Image.fromarray(torch.randint(256, (16, 16, 3), dtype=torch.uint8).numpy()).save(path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *overrides: str) -> None:
    from ganinv.run import main

    monkeypatch.setattr("sys.argv", ["ganinv", *TINY, *overrides])
    main()


def test_a_prior_file_comes_back_as_it_was(prior: Path) -> None:
    read = load_prior(prior)
    assert isinstance(read.generator, Generator) and read.architecture["family"] == "stylegan3"
    again = prior.with_name("again.safetensors")
    save_prior(again, read)
    with safe_open(again, framework="pt") as file:
        assert file.metadata()["family"] == "stylegan3"
    twice = load_prior(again)
    assert twice.fingerprint == read.fingerprint and twice.architecture == read.architecture
    assert read.discriminator and twice.discriminator
    assert fingerprint(twice.discriminator) == fingerprint(read.discriminator)


@pytest.mark.parametrize("inverter", ["w", "w_plus", "pn_plus", "z"])
def test_a_photo_is_inverted_and_loads_bit_for_bit(prior, photo, tmp_path: Path, monkeypatch, inverter: str) -> None:
    monkeypatch.chdir(tmp_path)
    run(monkeypatch, f"generator.path={prior}", f"dataset.path={photo}", f"inverter={inverter}", "folder=out")
    inversion, untouched = ganinv.load(tmp_path / "out" / "anna"), load_prior(prior)
    assert isinstance(inversion.generator, Generator) and inversion.moved
    record = inversion.generator.state_dict()
    changed = {name for name, value in untouched.generator.state_dict().items() if not torch.equal(value, record[name])}
    assert changed == set(inversion.moved)
    # Neither a filter nor a training average nor a frequency of the input is ever tuned.
    assert changed <= {name for name, _ in untouched.generator.named_parameters() if name.startswith("synthesis.")}
    assert (inversion.render()[0].clamp(-1, 1) - inversion.image).abs().max() <= 1.01 / 255
    assert inversion.metrics["mse"] < inversion.metrics["initial_mse"]
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_tuned_generator_is_the_same_to_the_bit(prior, photo, tmp_path: Path) -> None:
    overrides = [*TINY, f"generator.path={prior}", "tuner.progress=false"]
    first, second = (ganinv.invert(photo, overrides=overrides) for _ in range(2))
    assert fingerprint(first.generator) == fingerprint(second.generator) != load_prior(prior).fingerprint
    assert torch.equal(first.image, second.image)


def test_which_weights_move() -> None:
    generator = tiny_prior().generator
    assert isinstance(generator, Generator)
    names = {moves: set(moving(generator, moves=moves)) for moves in ("synthesis", "convolutions", "all")}
    assert all(name.startswith("synthesis.") for name in names["synthesis"])
    assert names["convolutions"] == {name for name in names["synthesis"] if ".affine." not in name}
    assert names["all"] == {name for name, _ in generator.named_parameters()}
    layer = f"synthesis.{generator.synthesis.layer_names[0]}"
    assert {"synthesis.input.weight", f"{layer}.weight", f"{layer}.bias"} <= names["convolutions"]
    assert {"synthesis.input.affine.bias", f"{layer}.affine.weight"} <= names["synthesis"]


@pytest.mark.parametrize("setting", ["tuner.noise_maps=true", "inverter.optimise_noise=true"])
def test_noise_maps_are_refused(prior, photo, setting: str) -> None:
    assert not has_noise_maps(load_prior(prior).generator)
    with pytest.raises(InputError, match=f"{setting.split('=')[0]}: .*has no noise maps"):
        ganinv.invert(photo, overrides=[*TINY, f"generator.path={prior}", setting])


def test_a_broken_architecture_is_named(prior: Path) -> None:
    read = load_prior(prior)
    broken = Prior(read.generator, None, read.fingerprint, read.architecture | {"num_layers": 1}, name="broken")
    save_prior(prior, broken)
    with pytest.raises(InputError, match="num_layers"):
        load_prior(prior)
