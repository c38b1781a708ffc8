"""What a photo leaves: back bit for bit, refused where it is cut, foreign or of another prior."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ganinv.dataset.pixels import to_uint8
from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior, save_prior
from ganinv.inverter.file import File
from ganinv.inverter.latent import Latent
from ganinv.report.artefacts import FILES, load, read_record

MOVED = "synthesis.b8.conv1.weight"
TENSOR_FILES = ["generator.safetensors", "latent.safetensors"]


def test_every_file_is_there_and_nothing_else(case, tmp_path: Path) -> None:
    case.save(tmp_path / "face one")
    assert sorted(os.listdir(tmp_path / "face one")) == sorted(FILES)


def test_the_tuned_generator_comes_back_bit_for_bit(case, tmp_path: Path) -> None:
    case.save(tmp_path)
    back = load(tmp_path, prior=case.prior)
    state = back.generator.state_dict()
    for name, tensor in case.tuned.generator.state_dict().items():
        assert torch.equal(state[name].view(torch.int32), tensor.view(torch.int32)), name
    assert torch.equal(back.render(), case.tuned.generator.synthesis(case.latent.ws))
    assert torch.equal(to_uint8(back.render()[0]), to_uint8(back.image))
    assert back.moved == [MOVED] and back.name == "face one"


def test_a_negative_zero_and_a_denormal_survive(case, tmp_path: Path) -> None:
    case.tuned.moved[MOVED].view(-1)[:2] = torch.tensor([-0.0, 1e-42])
    case.tuned.generator.get_parameter(MOVED).copy_(case.tuned.moved[MOVED])
    case.save(tmp_path)
    back = load(tmp_path, prior=case.prior).generator.get_parameter(MOVED)
    assert torch.equal(back.view(torch.int32), case.tuned.moved[MOVED].view(torch.int32))


def test_the_file_holds_what_moved_alone(case, tmp_path: Path) -> None:
    case.save(tmp_path)
    assert list(load_file(tmp_path / "generator.safetensors")) == [MOVED]
    with safe_open(tmp_path / "generator.safetensors", framework="pt") as file:
        header = file.metadata()
    assert header["prior"] == case.prior.fingerprint and header["format"] == "ganinv-tuned" and header["version"] == "1"
    assert json.loads(header["architecture"]) == case.prior.architecture


def test_moved_must_hold_all_that_changed(case, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="all that changed"):
        case.save(tmp_path, tuned=replace(case.tuned, moved={}))
    assert not (tmp_path / "metrics.json").exists()


def test_pictures_and_figures_come_back(case, tmp_path: Path) -> None:
    case.save(tmp_path, metrics={"psnr": float("inf"), "lpips": None, "mse": 1 / 3})
    back = load(tmp_path, prior=case.prior)
    assert torch.equal(back.target, case.photo.image)
    assert torch.equal(to_uint8(back.initial), to_uint8(case.initial))
    expected = {"psnr": float("inf"), "lpips": None, "mse": 1 / 3, "steps": 10, "seconds": 1.5, "stopped": "budget"}
    assert back.metrics == expected


def test_pictures_are_rounded_not_truncated(case, tmp_path: Path) -> None:
    third = torch.full([3, 16, 16], (100.7 / 127.5) - 1)
    case.save(tmp_path, tuned_image=third)
    assert (to_uint8(load(tmp_path, prior=case.prior).image) == 101).all()


def test_latents_come_back_with_z_and_noise(case, tmp_path: Path) -> None:
    noise = {"b8.conv1.noise_const": torch.randn(1, 8, 8)}
    latent = Latent(ws=case.latent.ws, space="z", z=torch.randn(1, 8), noise=noise)
    case.save(tmp_path, latent=latent)
    back = load(tmp_path, prior=case.prior).latent
    assert back.space == "z" and torch.equal(back.ws, latent.ws)
    assert back.z is not None and latent.z is not None and torch.equal(back.z, latent.z)
    assert back.noise is not None and torch.equal(back.noise["b8.conv1.noise_const"], noise["b8.conv1.noise_const"])


def test_the_inverters_noise_is_rendered(case, tmp_path: Path) -> None:
    strong = "synthesis.b8.conv1.noise_strength"
    case.tuned.generator.get_parameter(strong).fill_(1.0)
    moved = case.tuned.moved | {strong: torch.tensor(1.0)}
    noise = torch.randn(1, 8, 8)
    latent = replace(case.latent, noise={"b8.conv1.noise_const": noise})
    case.save(tmp_path, latent=latent, tuned=replace(case.tuned, moved=moved))
    back = load(tmp_path, prior=case.prior)
    case.tuned.generator.get_buffer("synthesis.b8.conv1.noise_const").copy_(noise[0])
    assert torch.equal(back.render(), case.tuned.generator.synthesis(case.latent.ws))


def test_noise_that_the_tuning_moved_on_is_rendered_as_moved(case, tmp_path: Path) -> None:
    strong, map_name = "synthesis.b8.conv1.noise_strength", "synthesis.b8.conv1.noise_const"
    case.tuned.generator.get_parameter(strong).fill_(1.0)
    case.tuned.generator.get_buffer(map_name).fill_(0.5)
    moved = case.tuned.moved | {strong: torch.tensor(1.0), map_name: torch.full([8, 8], 0.5)}
    latent = replace(case.latent, noise={"b8.conv1.noise_const": torch.randn(1, 8, 8)})
    case.save(tmp_path, latent=latent, tuned=replace(case.tuned, moved=moved))
    back = load(tmp_path, prior=case.prior)
    assert torch.equal(back.render(), case.tuned.generator.synthesis(case.latent.ws))


def test_without_a_prior_the_one_it_was_tuned_from_is_found(case, tmp_path: Path, monkeypatch) -> None:
    save_prior(tmp_path / "prior.safetensors", case.prior)
    monkeypatch.chdir(tmp_path)
    case.save(tmp_path / "out", prior=load_prior("prior.safetensors"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert torch.equal(load(tmp_path / "out").render(), case.tuned.generator.synthesis(case.latent.ws))
    (tmp_path / "prior.safetensors").unlink()
    with pytest.raises(InputError, match="its prior prior cannot be read.*give it as prior="):
        load(tmp_path / "out")


def test_a_prior_that_was_no_file_must_be_given(case, tmp_path: Path) -> None:
    case.save(tmp_path)
    with pytest.raises(InputError, match="needs the prior tiny.*prior="):
        load(tmp_path)


def test_another_prior_is_refused(case, other_prior, tmp_path: Path) -> None:
    case.save(tmp_path)
    with pytest.raises(InputError, match="tuned from the prior tiny .* which is not other") as caught:
        load(tmp_path, prior=other_prior)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TENSOR_FILES)
@pytest.mark.parametrize("keep", [0, 4, 8, 40, 0.5, -4, -1])
def test_a_truncated_file_is_refused(name: str, keep: float, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(keep * len(data)) if keep == 0.5 else int(keep)])
    with pytest.raises(InputError, match=f"{name}: not a whole safetensors file"):
        load(tmp_path, prior=case.prior)


def test_a_flipped_bit_is_noticed(case, tmp_path: Path) -> None:
    case.save(tmp_path)
    data = bytearray((tmp_path / "generator.safetensors").read_bytes())
    data[-4] ^= 1
    (tmp_path / "generator.safetensors").write_bytes(data)
    with pytest.raises(InputError, match="differ from those that were saved"):
        load(tmp_path, prior=case.prior)


@pytest.mark.parametrize("name", TENSOR_FILES)
def test_a_foreign_file_is_refused(name: str, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    save_file({"x": torch.zeros(2)}, tmp_path / name)
    with pytest.raises(InputError, match="not a (tuned generator|latent)"):
        load(tmp_path, prior=case.prior)


@pytest.mark.parametrize("name", [MOVED, "synthesis.b8.conv9.weight"])
def test_a_tensor_that_does_not_fit_is_refused(name: str, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    path = tmp_path / "generator.safetensors"
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    save_file({name: torch.zeros(2)}, path, header)
    with pytest.raises(InputError, match=f"{name} does not fit the prior's generator"):
        load(tmp_path, prior=case.prior)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": "2"}, "format version 2, this ganinv reads 1; update ganinv"),
        ({"prior": None}, "its header lacks prior"),
    ],
)
def test_a_header_that_says_something_else_is_refused(change, sentence: str, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    path = tmp_path / "generator.safetensors"
    with safe_open(path, framework="pt") as file:
        header = {key: value for key, value in (file.metadata() | change).items() if value is not None}
    save_file(load_file(path), path, header)
    with pytest.raises(InputError, match=sentence):
        load(tmp_path, prior=case.prior)


def test_a_folder_that_is_no_photo_is_refused_with_a_hint(saved: Callable[..., Path], tmp_path: Path) -> None:
    run = saved("b").parent
    saved("a")
    with pytest.raises(InputError, match="it holds the photos a, b; name one of them"):
        load(run)
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_one_sentence(case, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(InputError, match="out: target.png cannot be written in this folder"):
        case.save(tmp_path / "out")


@pytest.mark.parametrize("prior", [None, "tiny", {"name": "tiny"}])
def test_a_record_that_does_not_say_which_prior_is_refused(prior, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    back = load(tmp_path, prior=case.prior)
    assert (back.prior, back.fingerprint) == (case.prior.name, case.prior.fingerprint)
    record = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps(record | {"prior": prior}))
    with pytest.raises(InputError, match="metrics.json: not a complete record; run this photo again"):
        load(tmp_path, prior=case.prior)


def test_the_record_says_where_the_photo_came_from(case, tmp_path: Path) -> None:
    case.save(tmp_path)
    record = read_record(tmp_path)
    assert record["source"] == "photos/face one.png" and record["prior"]["licence"] == "public domain"
    assert "torch" in record["environment"]["versions"] and "cores" in record["environment"]["hardware"]
    assert record["environment"]["threads"] == str(torch.get_num_threads())


def test_a_saved_latent_is_refused_on_another_prior(case, other_prior, tmp_path: Path) -> None:
    case.save(tmp_path / "me")
    inverter = File(path=str(tmp_path / "me" / "latent.safetensors"))
    images = torch.zeros(1, 3, 16, 16)
    assert torch.equal(inverter(prior=case.prior, images=images, seed=0).ws, case.latent.ws)
    with pytest.raises(InputError, match="found on another generator than other"):
        inverter(prior=other_prior, images=images, seed=0)


def test_a_folder_in_the_home_is_loaded(case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    case.save(tmp_path / "me")
    assert load("~/me", prior=case.prior).name == case.photo.name
