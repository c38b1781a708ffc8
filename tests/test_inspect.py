"""What a checkpoint and a photo's folder say of themselves; mistakes in one sentence, exit code 2."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.export import export
from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint, save_prior
from ganinv.inspect import describe, main

from .report.conftest import ARCHITECTURE, MOVED, Case, case  # noqa: F401


@pytest.fixture
def prior(case: Case) -> Prior:  # noqa: F811
    architecture = ARCHITECTURE | {"c_dim": 2, "conv_clamp": 256.0, "mbstd_group_size": 8}
    generator = build_generator(architecture).requires_grad_(False).eval()
    generator.mapping.w_avg.fill_(2)
    discriminator = build_discriminator(architecture).requires_grad_(False).eval()
    prior = Prior(generator, discriminator, fingerprint(generator), architecture, name="labelled")
    return replace(prior, training={"images": 7})


def test_a_prior(prior: Prior, tmp_path: Path) -> None:
    save_prior(tmp_path / "prior.safetensors", prior)
    facts = describe(tmp_path / "prior.safetensors")
    assert facts["family"] == "stylegan2, skip generator" and facts["form"] == "ganinv's own file"
    assert facts["resolution"] == "16 pixels, 3 channels" and facts["channels"] == "4: 8, 8: 8, 16: 4"
    assert facts["mapping"] == "2 layers" and facts["labels"] == "2" and facts["clamp"] == "256"
    assert facts["discriminator"].startswith("resnet, groups of 8 images, 2 labels")
    assert facts["w_avg"] == "root mean square 2" and facts["fingerprint"] == prior.fingerprint
    assert facts["training"] == "images 7" and facts["missing"] == "licence"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mbstd_group_size": None}, "resnet, the whole batch as one group, 2 labels"),
        ({"mbstd_num_channels": 0}, "resnet, no look at the batch, 2 labels"),
    ],
)
def test_how_a_discriminator_looks_at_its_batch(changes: dict, said: str, prior: Prior, tmp_path: Path) -> None:
    architecture = prior.architecture | changes
    discriminator = build_discriminator(architecture).requires_grad_(False).eval()
    save_prior(tmp_path / "prior.safetensors", replace(prior, discriminator=discriminator, architecture=architecture))
    assert describe(tmp_path / "prior.safetensors")["discriminator"].startswith(said)


def test_a_foreign_file_and_what_it_lacks(tmp_path: Path) -> None:
    architecture = ARCHITECTURE | {"family": "stylegan3", "num_layers": 4, "use_radial_filters": True}
    generator = build_generator(architecture).requires_grad_(False).eval()
    save_prior(tmp_path / "prior.safetensors", Prior(generator, None, "", architecture, name="r"))
    export(tmp_path / "prior.safetensors", tmp_path / "r.pkl", form="nvidia")
    facts = describe(tmp_path / "r.pkl")
    assert facts["family"] == "stylegan3, configuration R" and facts["form"] == "stylegan3 pickle"
    assert facts["channels"].split(", ") == generator.synthesis.layer_names
    assert facts["discriminator"] == "none" and facts["w_avg"] == "zero" and "discriminator" in facts["note 1"]
    assert facts["missing"] == "discriminator, w_avg, licence, training record"


def test_a_photos_folder(case: Case, tmp_path: Path) -> None:  # noqa: F811
    save_prior(tmp_path / "prior.safetensors", case.prior)
    case.save(tmp_path / "photo", prior=replace(case.prior, path=str(tmp_path / "prior.safetensors")))
    facts = describe(tmp_path / "photo")
    assert facts["photo"] == "face one, from photos/face one.png" and facts["latent"] == "w, [1, 6, 8]"
    assert facts["moved"].startswith("1 of ") and "psnr 40, lpips none" in facts["figures"]
    before, after = (g.get_parameter(MOVED) for g in (case.prior.generator, case.tuned.generator))
    ratio = torch.linalg.vector_norm(after - before) / torch.linalg.vector_norm(before)
    assert facts["  synthesis.b8"] == f"{ratio:.3g} in 1 tensors"
    with pytest.raises(InputError, match="is not the folder of a photo"):
        describe(tmp_path / "prior.safetensors", prior=tmp_path / "prior.safetensors")


def test_the_command(prior: Prior, tmp_path: Path, capsys) -> None:
    save_prior(tmp_path / "prior.safetensors", prior)
    assert main([str(tmp_path / "prior.safetensors")]) == 0
    assert "labels: 2\n" in capsys.readouterr().out
    (tmp_path / "page.pkl").write_text("<!DOCTYPE html>")
    assert main([str(tmp_path / "page.pkl")]) == 2
    error = capsys.readouterr().err
    assert "web page" in error and error.count("\n") == 1


def test_text_of_a_file_cannot_forge_a_line(prior: Prior, tmp_path: Path, capsys) -> None:
    training = {"by": "\x1b[2Jevil\nfingerprint: fake"}
    save_prior(tmp_path / "prior.safetensors", replace(prior, licence="a\nfingerprint: fake", training=training))
    assert main([str(tmp_path / "prior.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and sum(line.startswith("fingerprint: ") for line in out.splitlines()) == 1
    assert "licence: a?fingerprint: fake" in out


def test_a_run_and_an_unfinished_photo(case: Case, tmp_path: Path, capsys) -> None:  # noqa: F811
    case.save(tmp_path / "run/photo")
    assert main([str(tmp_path / "run")]) == 2
    (tmp_path / "run/photo/metrics.json").unlink()
    assert main([str(tmp_path / "run/photo")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "it holds the photos photo; name one of them" in first and second.endswith("run this photo again")
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 2
    assert "has no config.json" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["~nosuchuser/x.pkl", "n" * 300])
def test_paths_that_cannot_be_looked_up(path: str, capsys) -> None:
    assert main([path]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: ") and error.count("\n") == 1


@pytest.mark.parametrize("module", ["ganinv.export", "ganinv.inspect"])
def test_help_does_not_import_torch(module: str) -> None:
    code = f"import sys; sys.argv[1:] = ['--help']\ntry: from {module} import main; main()\nexcept SystemExit: pass\n"
    done = subprocess.run([sys.executable, "-c", f"{code}sys.exit('torch' in sys.modules)"], capture_output=True)
    assert done.returncode == 0 and b"usage" in done.stdout
