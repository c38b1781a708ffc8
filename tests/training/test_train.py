"""A whole training: what it leaves, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from ganinv.errors import InputError
from ganinv.files import read_csv
from ganinv.generator.checkpoint import load_prior, save_prior
from ganinv.training.architecture import Network
from ganinv.training.judge import Judge
from ganinv.training.prior_watch import PriorWatch
from ganinv.training.train import TrainPrior

Make = Callable[..., TrainPrior]
Train = Callable[..., Path]


class Means(nn.Module):
    """Stands in for a feature network: mean and deviation of red."""

    title, num_features = "Fréchet distance (means)", 2

    def forward(self, pixels: Tensor) -> Tensor:
        red = pixels[:, 0].float()
        return torch.stack([red.mean(dim=[1, 2]), red.std(dim=[1, 2])], dim=1)


def judge() -> Judge:
    return Judge(network=Means, samples=6, kimg=0.016, batch_size=5)


def test_it_leaves_a_prior_with_its_card_its_log_and_what_goes_on_from_it(make: Make, train: Train) -> None:
    folder = train(make(frechet=judge(), licence="CC0"))
    left = {path.name for path in folder.iterdir()}
    assert left == {
        "best.png", "best.safetensors", "card.md", "curve.svg", "latest.safetensors", "log.csv", "prior.safetensors",
        "samples", "samples.png", "state.pt",
    }  # fmt: skip
    rows = read_csv(folder / "log.csv")
    assert [row["step"] for row in rows] == [4, 8] and rows[1]["kimg"] == 0.032
    assert {"logit_real", "logit_fake", "loss_g", "loss_d", "frechet", "images_per_second"} <= rows[0].keys()
    prior, best = load_prior(folder / "prior.safetensors"), min(rows, key=lambda row: row["frechet"])
    assert prior.licence == "CC0" and prior.generator.img_resolution == 16 and prior.discriminator is not None
    assert prior.training["frechet"] == best["frechet"] and prior.training["kimg"] == best["kimg"]
    assert prior.training["images"] == 12 and "hardware" in prior.training["environment"]
    card = (folder / "card.md").read_text()
    for said in ("12 images", "CC0", "Fréchet distance (means)", "(curve.svg)", "(best.png)", prior.fingerprint):
        assert said in card
    assert len(list((folder / "samples").iterdir())) == 2


def test_a_measured_report_draws_its_samples_once(make: Make, train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, drawn = PriorWatch.samples, []
    monkeypatch.setattr(PriorWatch, "samples", lambda self, module: drawn.append(1) or samples(self, module))
    folder = train(make(frechet=judge()))
    assert len(drawn) == 2
    last = sorted((folder / "samples").iterdir())[-1]
    assert last.read_bytes() == (folder / "samples.png").read_bytes()


def test_the_finished_prior_is_half_as_large_and_near_the_trained_one(make: Make, train: Train) -> None:
    folder = train(make())
    latest, prior = load_prior(folder / "latest.safetensors"), load_prior(folder / "prior.safetensors")
    with safe_open(folder / "prior.safetensors", "pt") as handle:
        names = list(handle.keys())
        assert all(handle.get_tensor(name).dtype == torch.float16 for name in names)
        assert handle.metadata()["fingerprint"] == prior.fingerprint != latest.fingerprint
    assert not any(name.startswith("G.") for name in names)
    z = torch.randn(4, 8)
    assert torch.allclose(prior.generator(z), latest.generator(z), atol=0.01)
    assert "(samples.png)" in (folder / "card.md").read_text()


def test_float16_that_would_overflow_is_refused(make: Make, train: Train) -> None:
    folder = train(make())
    prior = load_prior(folder / "latest.safetensors")
    prior.generator.synthesis.get_parameter("b4.const").fill_(1e6)
    save_prior(folder / "latest.safetensors", prior)
    with pytest.raises(InputError, match=r"a weight of 1e\+06 does not fit float16; set training.stored=float32"):
        train(make())
    train(make(stored="float32"))
    assert load_prior(folder / "prior.safetensors").generator.synthesis.get_parameter("b4.const").max() == 1e6


def test_too_few_images_for_a_batch_or_a_distance_are_sentences(make: Make, train: Train) -> None:
    with pytest.raises(InputError, match="holds 12 usable images, fewer than a batch of 16"):
        train(make(batch=16))
    few = Means()
    few.num_features = 12
    with pytest.raises(
        InputError,
        match="12 images can be read, and .* needs 13; add images, or train without measuring: training.frechet=null",
    ):
        train(make(frechet=Judge(network=lambda: few, samples=13)), "other")


def test_where_nothing_is_measured_the_last_one_is_taken_and_the_card_says_no_distance(
    make: Make, train: Train
) -> None:
    folder = train(make(frechet=judge()))
    assert (folder / "best.safetensors").exists() and "memorising" in (folder / "card.md").read_text()
    train(make(kimg=0.064))
    assert load_prior(folder / "prior.safetensors").training["kimg"] == 0.064
    assert "memorising" not in (folder / "card.md").read_text()


def test_what_does_not_go_together_is_a_sentence(make: Make, train: Train) -> None:
    folder = train(make())
    start = str(folder / "latest.safetensors")
    with pytest.raises(InputError, match="training.network: with training.start the networks are that prior's"):
        train(make(start=start, network=Network(z_dim=8)), "again")
    prior = load_prior(folder / "prior.safetensors")
    with pytest.raises(InputError, match="generator: a prior is trained from training.start; leave it out"):
        make()(prior=prior, **dict.fromkeys(["path", "limit", "frame", "folder", "device", "seed", "board"]))  # pyright: ignore


def test_the_groups_are_those_of_the_prior_that_is_started_from(make: Make, train: Train) -> None:
    tiny = {"channel_base": 64, "channel_max": 8, "z_dim": 8, "mapping_layers": 2}
    folder = train(make(network=Network(**tiny, mbstd_group_size=2), batch=2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="training.batch: must be a multiple of 2 .*, got 5"):
        train(make(network=Network(), start=str(folder / "latest.safetensors"), batch=5), "again")


def test_a_distance_between_too_small_halves_is_left_out(
    make: Make, train: Train, caplog: pytest.LogCaptureFixture
) -> None:
    few = Means()
    few.num_features = 6  # of 12 images, whose halves are 6
    folder = train(make(frechet=Judge(network=lambda: few, samples=7, kimg=0.016)))
    assert "frechet_relative is left out: half of 12 images is no more than the features are" in caplog.messages
    training = load_prior(folder / "prior.safetensors").training
    assert (
        "frechet" in training
        and "frechet_relative" not in training
        and "halves" not in (folder / "card.md").read_text()
    )
