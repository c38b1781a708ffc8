"""Priors and tuned generators in every format, read back; what cannot be is refused in one sentence, exit code 2."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ganinv
from ganinv.errors import InputError
from ganinv.export import FORMATS, export, main
from ganinv.generator.checkpoint import Prior, build_discriminator, load_prior, save_prior
from ganinv.inverter.latent import Latent

from .report.conftest import ARCHITECTURE, Case, case  # noqa: F401

PRIORS = [form for form in FORMATS if form != "difference"]


@pytest.fixture
def prior(case: Case) -> Prior:  # noqa: F811
    return replace(case.prior, discriminator=build_discriminator(ARCHITECTURE).requires_grad_(False).eval())


@pytest.fixture
def source(prior: Prior, tmp_path: Path) -> Path:
    save_prior(tmp_path / "prior.safetensors", prior)
    return tmp_path / "prior.safetensors"


@pytest.fixture
def photo(case: Case, source: Path, tmp_path: Path) -> Path:  # noqa: F811
    """The folder of a photo whose inverter found noise maps of its own."""
    noise = {"b8.conv1.noise_const": torch.randn(1, 8, 8)}
    latent = Latent(ws=case.latent.ws, space="w", noise=noise)
    case.save(tmp_path / "photo", prior=replace(case.prior, path=str(source)), latent=latent)
    return tmp_path / "photo"


@pytest.mark.parametrize("form", PRIORS)
def test_a_prior_comes_back(prior: Prior, source: Path, tmp_path: Path, form: str) -> None:
    notes = export(source, tmp_path / "out", form=form)
    again = load_prior(tmp_path / "out")
    assert again.fingerprint == prior.fingerprint
    assert prior.discriminator is not None and again.discriminator is not None
    image = torch.randn(4, 3, 16, 16)
    assert torch.equal(again.discriminator(image), prior.discriminator(image))
    kept = form in ("ganinv", "folder")
    assert again.licence == ("public domain" if kept else "not stated")
    assert any("the weights' licence is public domain" in note for note in notes) is not kept


@pytest.mark.parametrize("form", PRIORS)
def test_a_tuned_generator_gives_its_photo(photo: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / "out"
    notes = export(photo, target, form=form)
    w = target / "projected_w.npz" if form == "folder" else tmp_path / "out.projected_w.npz"
    assert notes[-1] == f"The photo's w is in {w}."
    ws, tuned = torch.from_numpy(np.load(w)["w"]), load_prior(target)
    assert torch.equal(tuned.generator.synthesis(ws), ganinv.load(photo).render())
    assert tuned.discriminator is not None


def test_the_difference_alone(photo: Path, tmp_path: Path) -> None:
    export(photo, tmp_path / "difference.safetensors", form="difference")
    content = (tmp_path / "difference.safetensors").read_bytes()
    assert content == (photo / "generator.safetensors").read_bytes()


def test_a_prior_that_has_moved(photo: Path, source: Path, tmp_path: Path) -> None:
    source.rename(tmp_path / "elsewhere.safetensors")
    with pytest.raises(InputError, match="its prior tiny cannot be read"):
        export(photo, tmp_path / "out", form="ganinv")
    export(photo, tmp_path / "out", form="ganinv", prior=tmp_path / "elsewhere.safetensors")
    assert load_prior(tmp_path / "out").training["tuned_on"] == "face one"


def test_mistakes(source: Path, photo: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a prior has no difference"):
        export(source, tmp_path / "out", form="difference")
    with pytest.raises(InputError, match="exists already"):
        export(source, source, form="ganinv")
    with pytest.raises(InputError, match="exists already"):
        export(source, photo, form="folder")
    with pytest.raises(InputError, match="there are nvidia, rosinality"):
        export(source, tmp_path / "out", form="onnx")
    with pytest.raises(InputError, match="is not the folder of a photo"):
        export(source, tmp_path / "out", form="ganinv", prior=source)
    with pytest.raises(InputError, match="no such file or folder; give a checkpoint, or the folder of one photo"):
        export(tmp_path / "none", tmp_path / "out", form="ganinv")
    assert not (tmp_path / "out").exists()


def test_the_command(source: Path, tmp_path: Path, capsys) -> None:
    assert main([str(source), str(tmp_path / "out.pt"), "--format", "rosinality"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "out.pt")
    assert main([str(source), str(tmp_path / "out.pt"), "--format", "rosinality"]) == 2
    error = capsys.readouterr().err
    assert "exists already" in error and error.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        main([str(source), "out", "--format", "onnx"])


def test_nothing_of_anybody_is_overwritten_and_a_failure_leaves_nothing(photo: Path, tmp_path: Path) -> None:
    mine = tmp_path / "out.projected_w.npz"
    mine.write_text("mine")
    with pytest.raises(InputError, match=r"out.projected_w.npz: exists already"):
        export(photo, tmp_path / "out", form="ganinv")
    assert mine.read_text() == "mine" and not (tmp_path / "out").exists()
    mine.unlink()
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file/out", tmp_path / ("n" * 240)):  # of the second, the name of its w is too long
        with pytest.raises(InputError) as error:
            export(photo, target, form="ganinv")
        assert "folder=" not in str(error.value)
    assert not (tmp_path / ("n" * 240)).exists()


def test_a_network_that_cannot_be_written_takes_its_w_along(photo: Path, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise InputError("does not fit")

    monkeypatch.setattr("ganinv.generator.foreign.write_rosinality.write", refuse)
    with pytest.raises(InputError, match="does not fit"):
        export(photo, tmp_path / "out", form="rosinality")
    assert not list(tmp_path.glob("out*"))


def test_a_run_and_an_unfinished_photo_are_told_apart_from_priors(photo: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    photo = photo.rename(run / "photo")
    with pytest.raises(InputError, match="it holds the photos photo; name one of them"):
        export(run, tmp_path / "out", form="ganinv")
    (photo / "metrics.json").unlink()
    with pytest.raises(InputError, match="not the folder of a finished photo; run this photo again"):
        export(photo, tmp_path / "out", form="ganinv")


def test_a_licence_cannot_forge_a_line(prior: Prior, tmp_path: Path, capsys) -> None:
    save_prior(tmp_path / "prior.safetensors", replace(prior, licence="\x1b[2Jevil\nThe photo's w is in x."))
    assert main([str(tmp_path / "prior.safetensors"), str(tmp_path / "out"), "--format", "nvidia"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "licence is ?[2Jevil?The photo's" in lines[1]


@pytest.mark.parametrize("path", ["~nosuchuser/x.pkl", "n" * 300])
def test_paths_that_cannot_be_looked_up(path: str, source: Path, capsys) -> None:
    assert main([path, "out", "--format", "nvidia"]) == main([str(source), path, "--format", "nvidia"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == second and first.startswith(f"{path}: ") and "give " in first
