"""The ratio of Fréchet distances: 1 where nothing moved, all images and samples in it, framed as the photos are."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganinv.dataset.frame import Frame
from ganinv.dataset.pixels import to_uint8
from ganinv.dataset.real import RealImages
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.generator.stylegan2 import Generator, NoiseMode
from ganinv.metric.drift import FrechetRatio, sample_latents
from ganinv.metric.frechet import frechet_distance, kernel_distance

from .conftest import BATCH, NOISE_MODES, SAMPLES, Pooled


def test_without_real_images_the_columns_are_empty_and_no_network_is_made(
    prior: Prior, tuned: Generator, ws: Tensor
) -> None:
    def network() -> Pooled:
        raise AssertionError("made")

    ratio = FrechetRatio(network=network)
    assert ratio.title is None
    assert ratio(prior=prior, tuned_generator=tuned, ws=ws) == dict.fromkeys(
        ("frechet_network", "frechet_untouched", "frechet_tuned", "frechet_ratio")
    )


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_untouched_generator_has_the_ratio_one(prior: Prior, ws: Tensor, real: str, noise_mode: NoiseMode) -> None:
    ratio = FrechetRatio(
        network=Pooled, real=real, samples=SAMPLES, batch_size=BATCH, alphas=[0.25], noise_mode=noise_mode
    )
    row = ratio(prior=prior, tuned_generator=copy.deepcopy(prior.generator), ws=ws)
    assert row["frechet_ratio"] == pytest.approx(1)
    assert row["frechet_ratio_near_0.25"] == pytest.approx(1)
    assert row["frechet_untouched"] != row["frechet_untouched_near_0.25"]


def test_ratio_is_tuned_over_untouched_on_all_images_and_samples(
    prior: Prior, tuned: Generator, ws: Tensor, real: str
) -> None:
    row = FrechetRatio(network=Pooled, real=real, samples=SAMPLES, batch_size=BATCH)(
        prior=prior, tuned_generator=tuned, ws=ws
    )
    assert row["frechet_network"] == "Fréchet distance (pooled)"
    latents = sample_latents(prior.generator, samples=SAMPLES, seed=0)
    images = read_folder(real)
    before, after = (
        frechet_distance(Pooled()(images), Pooled()(to_uint8(g.synthesis(latents)))) for g in (prior.generator, tuned)
    )
    assert row["frechet_untouched"] == pytest.approx(before, rel=1e-4)
    assert row["frechet_tuned"] == pytest.approx(after, rel=1e-4)
    assert row["frechet_ratio"] == pytest.approx(after / before, rel=1e-4)
    assert row["frechet_ratio"] != pytest.approx(1, rel=1e-2)


def test_the_kernel_distance_is_a_pair_of_columns_more(prior: Prior, tuned: Generator, ws: Tensor, real: str) -> None:
    ratio = FrechetRatio(network=Pooled, real=real, samples=SAMPLES, batch_size=BATCH, alphas=[0.25], kernel=True)
    row = ratio(prior=prior, tuned_generator=tuned, ws=ws)
    plain = FrechetRatio(network=Pooled, real=real, samples=SAMPLES, batch_size=BATCH, alphas=[0.25])
    more = {f"kernel_{of}{where}" for of in ("untouched", "tuned") for where in ("", "_near_0.25")}
    assert {name: value for name, value in row.items() if name not in more} == plain(
        prior=prior, tuned_generator=tuned, ws=ws
    )
    latents = sample_latents(prior.generator, samples=SAMPLES, seed=0)
    found = Pooled()(to_uint8(tuned.synthesis(latents)))
    assert row["kernel_tuned"] == pytest.approx(kernel_distance(Pooled()(read_folder(real)), found), rel=1e-4)
    assert more <= row.keys() and row["kernel_untouched"] != row["kernel_untouched_near_0.25"]


def read_folder(folder: str) -> Tensor:
    return RealImages(path=folder, resolution=16).images


def test_reference_is_computed_once_for_all_photos(prior: Prior, tuned: Generator, ws: Tensor, real: str) -> None:
    network = Pooled()
    ratio = FrechetRatio(network=lambda: network, real=real, samples=SAMPLES)
    first = ratio(prior=prior, tuned_generator=tuned, ws=ws)
    assert network.seen == 20 + 2 * SAMPLES
    assert ratio(prior=prior, tuned_generator=tuned, ws=ws) == first
    assert network.seen == 20 + 3 * SAMPLES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"limit": 12}, r"images in '.*real' \(metric.frechet.real\): 12, but .* in 12 features needs 13"),
        ({"samples": 12}, "metric.frechet.samples: 12, but .* in 12 features needs 13"),
        ({"real": "nowhere"}, "'nowhere' does not exist"),
    ],
)
def test_too_little_is_refused_before_any_work(real: str, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FrechetRatio(network=Pooled, **({"real": real, "samples": SAMPLES} | settings))


def test_real_images_are_framed_as_the_photos_are(
    prior: Prior, tuned: Generator, ws: Tensor, real: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, seen = Frame(fit="stretch", aspect=4 / 3), []
    ratio = FrechetRatio(network=Pooled, real=real, samples=SAMPLES)
    monkeypatch.setattr("ganinv.metric.drift.collect", lambda network, batches: seen.append(list(batches)) or ws[0])
    monkeypatch.setattr("ganinv.metric.drift.frechet_distance", lambda a, b: 1.0)
    ratio.prepare(prior, frame=frame)
    framed = RealImages(path=real, resolution=16, fit="stretch", aspect=4 / 3).images
    assert torch.equal(torch.cat(seen[0]), framed) and not framed[:, :, :2].any() and framed[:, :, 2:14].any()
    ratio(prior=prior, tuned_generator=tuned, ws=ws)
    assert len(seen) == 3, "the real images are not read again"


def test_unreadable_images_do_not_count(prior: Prior, tuned: Generator, ws: Tensor, real: str) -> None:
    for i in range(8):
        (Path(real) / f"{i:02}.png").write_bytes(b"no picture")
    ratio = FrechetRatio(network=Pooled, real=real, samples=SAMPLES)
    with pytest.raises(InputError, match="usable images in .*: 12, but"):
        ratio(prior=prior, tuned_generator=tuned, ws=ws)
