"""Photos of finished runs, beside the samples on which a direction is learned."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from ganinv.edit.bases import Bases, at_photo
from ganinv.edit.gradient import Gradient
from ganinv.edit.scores import Own
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.report.artefacts import read_record

from .test_gradient import Redness


def learned(prior: Prior, **settings):
    settings = {"samples": 200, "steps": 20, "picture": 1.0, "realism": 0.0} | settings
    (found,) = Gradient(**settings)(prior=prior, name="red", scorer=Own(score=Redness()))
    return found


def test_each_photo_is_drawn_on_its_own_generator(prior: Prior, run: Path) -> None:
    bases = Bases([str(run)], prior)
    assert [folder.name for folder in bases.folders] == ["a", "b"]
    drawn = bases.draw(20, torch.Generator().manual_seed(0))
    assert {photo.name for photo in drawn} == {"a", "b"}
    photo, step = drawn[0], torch.randn(8)
    assert_close(at_photo(photo, torch.zeros(8)), photo.render())
    assert_close(at_photo(photo, step), photo.render(photo.latent.ws + step))
    assert not torch.allclose(at_photo(photo, step), prior.generator.synthesis(photo.latent.ws + step))


def test_learned_on_photos_alone_it_raises_the_score_there(prior: Prior, run: Path) -> None:
    found = learned(prior, runs=[str(run / "a")], share=1.0)
    (photo,) = Bases([str(run / "a")], prior).draw(1, torch.Generator())
    before, after = (at_photo(photo, k * found.strength * found.values["w"]) * 127.5 + 127.5 for k in (0, 1))
    assert float(Redness()(after) - Redness()(before)) > 0
    assert found.made["photos"] == 8 and found.made["bases"] == [read_record(run / "a")["photo_digest"]]


def test_without_runs_there_are_no_photos(prior: Prior, run: Path) -> None:
    alone, half = learned(prior), learned(prior, runs=[str(run)])
    assert "photos" not in alone.made and half.made["photos"] == 4
    assert not torch.equal(alone.values["w"], half.values["w"])
    with pytest.raises(InputError, match="^finder.share: 0.05 of a batch of 8 is no photo"):
        learned(prior, runs=[str(run)], share=0.05)


def test_runs_that_hold_nothing_or_lie_on_another_prior(prior: Prior, other: Prior, run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^finder.runs: .*none: no such folder"):
        Bases([str(tmp_path / "none")], prior)
    with pytest.raises(InputError, match="^finder.runs: .* lies on the prior tiny0, not on tiny1"):
        Bases([str(run)], other)
    (run / "b" / "latent.safetensors").unlink()
    with pytest.raises(InputError, match="^finder.runs: .*latent.safetensors"):
        Bases([str(run / "b")], prior).draw(1, torch.Generator())
