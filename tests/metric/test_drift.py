"""Drift: nothing moved gives nothing, what moved is seen everywhere and near, each sample counts; the benchmark."""

import copy
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from ganinv.dataset.frame import Frame
from ganinv.dataset.pixels import to_float, to_uint8
from ganinv.dataset.real import RealImages
from ganinv.errors import InputError
from ganinv.files import read_csv, write_png
from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.stylegan2 import Generator, NoiseMode
from ganinv.inverter.latent import Latent
from ganinv.metric.drift import Drift, FrechetRatio, latent_pair, render, sample_latents
from ganinv.metric.frechet import frechet_distance, kernel_distance
from ganinv.report.tuned import save_tuned
from ganinv.tuner.manifold import sample_manifold

NOISE_MODES: list[NoiseMode] = ["const", "random", "none"]
SAMPLES, BATCH = 15, 4  # the last batch is not full


class Pooled:
    """Twelve features: the mean colour of each quarter; counts the images that it has seen."""

    title, num_features = "Fréchet distance (pooled)", 12

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, pixels: Tensor, /) -> Tensor:
        self.seen += len(pixels)
        return F.adaptive_avg_pool2d(pixels.float(), 2).flatten(1)

    def to(self, device: torch.device, /) -> object:
        return self


def tiny(c_dim: int = 0) -> Generator:
    generator = Generator(
        z_dim=8, w_dim=8, c_dim=c_dim, img_resolution=16, channel_base=64, channel_max=8, mapping_layers=2
    )
    for block in generator.synthesis.blocks().values():
        for name in set(block.layers()) - {"torgb"}:
            block.get_submodule(name).noise_strength.data.fill_(0.3)  # pyright: ignore
    return generator.requires_grad_(False).eval()


@pytest.fixture
def prior() -> Prior:
    generator = tiny()
    return Prior(
        generator=generator, discriminator=None, fingerprint=fingerprint(generator), architecture={}, name="tiny"
    )


@pytest.fixture
def tuned(prior: Prior) -> Generator:
    """One weight moved: a colour of the last layer."""
    generator = copy.deepcopy(prior.generator)
    assert isinstance(generator, Generator)
    generator.synthesis.get_submodule("b16.torgb").bias[1] += 0.2  # pyright: ignore
    return generator


@pytest.fixture
def ws(prior: Prior) -> Tensor:
    return prior.generator.mapping(torch.randn(1, 8))


@pytest.fixture
def real(tmp_path: Path) -> str:
    """A folder of 20 images."""
    for i in range(20):
        write_png(tmp_path / "real" / f"{i:02}.png", torch.randint(256, (3, 16, 16), dtype=torch.uint8))
    return str(tmp_path / "real")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drift_benchmark", Path(__file__).parents[2] / "benchmarks/drift.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_untouched_generator_has_no_drift(prior: Prior, ws: Tensor, noise_mode: NoiseMode) -> None:
    drift = Drift(samples=SAMPLES, batch_size=BATCH, noise_mode=noise_mode)
    row = drift(prior=prior, tuned_generator=copy.deepcopy(prior.generator), ws=ws)
    mse = {f"drift_mse{where}" for where in ("", "_near_0.25", "_near_0.5")}
    assert row == dict.fromkeys(mse, 0.0) | {name.replace("mse", "lpips"): None for name in mse}


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_one_weight_is_seen_everywhere_and_near(
    prior: Prior, tuned: Generator, ws: Tensor, noise_mode: NoiseMode
) -> None:
    row = Drift(samples=SAMPLES, batch_size=BATCH, noise_mode=noise_mode)(prior=prior, tuned_generator=tuned, ws=ws)
    values = [value for name, value in row.items() if "mse" in name and value is not None]
    assert len(values) == 3
    assert min(values) > 1e-3


def test_drift_is_the_mean_over_every_sample_of_8_bit_images(prior: Prior, tuned: Generator, ws: Tensor) -> None:
    row = Drift(samples=SAMPLES, batch_size=BATCH, alphas=[])(prior=prior, tuned_generator=tuned, ws=ws)
    latents = sample_latents(prior.generator, samples=SAMPLES, seed=0)
    a, b = (to_float(to_uint8(g.synthesis(latents))) for g in (prior.generator, tuned))
    assert row["drift_mse"] == pytest.approx((a - b).square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("samples", [16, 40])
def test_no_latent_is_one_that_the_tuner_trains_on(prior: Prior, samples: int) -> None:
    seen = sample_manifold(prior.generator, count=40, seed=0).ws[:, 0]
    scored = sample_latents(prior.generator, samples=samples, seed=0)[:, 0]
    assert torch.cdist(scored, seen).min() > 1e-3


def test_lpips_gets_images_in_its_range_and_its_mean_takes_the_last_batch(
    prior: Prior, tuned: Generator, ws: Tensor
) -> None:
    seen: list[Tensor] = []

    def lpips(a: Tensor, b: Tensor) -> Tensor:
        seen.append(torch.stack([a, b]))
        return torch.full([len(a)], 10.0 if len(seen) == 4 else 1.0)

    row = Drift(samples=SAMPLES, batch_size=BATCH, alphas=[])(prior=prior, tuned_generator=tuned, ws=ws, lpips=lpips)
    assert [len(batch[0]) for batch in seen] == [4, 4, 4, 3]
    assert all(batch.abs().max() <= 1 and batch.dtype == torch.float32 for batch in seen)
    assert row["drift_lpips"] == pytest.approx((12 * 1 + 3 * 10) / 15)


def test_random_noise_is_fresh_in_each_batch_and_the_same_for_both(prior: Prior) -> None:
    latents = sample_latents(prior.generator, samples=1, seed=0).expand(4, -1, -1)
    once, again = (
        torch.cat(list(render(prior.generator, latents, noise_mode="random", seed=3, batch_size=2))) for _ in range(2)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once[:2], once[2:])
    other = torch.cat(list(render(prior.generator, latents, noise_mode="random", seed=4, batch_size=2)))
    assert not torch.equal(once, other)


def test_render_gives_every_latent_once_in_8_bit(prior: Prior) -> None:
    latents = sample_latents(prior.generator, samples=SAMPLES, seed=0)
    batches = list(render(prior.generator, latents, noise_mode="const", seed=0, batch_size=BATCH))
    assert [tuple(batch.shape) for batch in batches] == [(4, 3, 16, 16)] * 3 + [(3, 3, 16, 16)]
    assert all(batch.dtype == torch.uint8 for batch in batches)
    assert len(torch.cat(batches).flatten(1).unique(dim=0)) == SAMPLES


def test_latents_depend_on_the_seed_alone(prior: Prior) -> None:
    first = sample_latents(prior.generator, samples=3, seed=1)
    torch.manual_seed(99)
    assert torch.equal(first, sample_latents(prior.generator, samples=3, seed=1))
    assert not torch.equal(first, sample_latents(prior.generator, samples=3, seed=2))
    assert first.shape == (3, prior.generator.num_ws, 8)


def test_labels_are_sampled_where_the_generator_has_them() -> None:
    assert sample_latents(tiny(c_dim=3), samples=5, seed=0).shape == (5, 6, 8)


# near = w + α (w_z − w)
def test_near_latents_lie_between_photo_and_sample_and_are_shared(prior: Prior, ws: Tensor) -> None:
    moved = copy.deepcopy(prior.generator)
    moved.mapping.get_submodule("fc1").bias += 1  # pyright: ignore
    w_z = sample_latents(prior.generator, samples=3, seed=0)
    a, b = latent_pair(prior.generator, moved, ws=ws, alpha=0.25, samples=3, seed=0)
    torch.testing.assert_close(a, ws + 0.25 * (w_z - ws))
    assert torch.equal(a, b)
    a, b = latent_pair(prior.generator, moved, ws=ws, alpha=1, samples=3, seed=0)
    assert torch.equal(a, w_z)
    assert torch.equal(b, sample_latents(moved, samples=3, seed=0))
    assert not torch.equal(a, b)


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


def test_benchmark_gives_a_row_for_each_noise_and_alpha(
    benchmark: ModuleType, prior: Prior, tuned: Generator, ws: Tensor, real: str, tmp_path: Path
) -> None:
    network = Pooled()
    by = benchmark.Comparison(
        network=network, real=real, cache=tmp_path / "cache", samples=SAMPLES, near_samples=13, batch_size=BATCH
    )
    rows = benchmark.evaluate(prior=prior, generator=tuned, ws=ws, by=by, photo="me")
    assert [(row["noise"], row["alpha"]) for row in rows] == [
        (noise, alpha) for noise in ("const", "random") for alpha in ("global", 0.25, 0.5)
    ]
    assert all(row["photo"] == "me" for row in rows)
    ratio = FrechetRatio(network=Pooled, real=real, samples=SAMPLES, batch_size=BATCH)
    expected = ratio(prior=prior, tuned_generator=tuned, ws=ws)["frechet_ratio"]
    assert rows[0]["ratio"] == pytest.approx(expected, rel=1e-6)
    before = network.seen
    assert benchmark.evaluate(prior=prior, generator=tuned, ws=ws, by=by, photo="me") == rows
    assert network.seen - before == 2 * (SAMPLES + 2 * 13)  # the tuned generator's alone


def test_contact_sheet_shows_both_generators_at_each_alpha(
    benchmark: ModuleType, prior: Prior, tuned: Generator, ws: Tensor
) -> None:
    sheet = benchmark.contact_sheet(prior=prior, generator=tuned, ws=ws, alphas=(0.25, 1), seed=0)
    assert sheet.dtype == torch.uint8
    cell, gap = 128, 4
    assert sheet.shape == (3, 4 * (cell + gap) + gap, 9 * (cell + gap) + gap)
    corner = slice(gap, gap + cell)
    own = [sheet[:, gap + i * (cell + gap) :, corner][:, :cell] for i in range(4)]
    assert torch.equal(own[0], own[2]) and torch.equal(own[1], own[3])
    assert not torch.equal(own[0], own[1])


def test_benchmark_scores_finished_folders(
    benchmark: ModuleType, prior: Prior, tuned: Generator, ws: Tensor, real: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    folder = tmp_path / "run" / "me"
    name = "synthesis.b16.torgb.bias"
    save_tuned(folder / "generator.safetensors", generator=tuned, moved={name: tuned.state_dict()[name]}, prior=prior)
    Latent(ws=ws, space="w").save(folder / "latent.safetensors")
    monkeypatch.setattr(benchmark, "AlexNet", lambda weights: Pooled())
    monkeypatch.setattr(benchmark, "load_prior", lambda path: prior)
    arguments = [str(folder), "--real", real, "--samples", "15", "--near-samples", "13", "--cache", str(tmp_path / "c")]
    arguments += ["--csv", str(tmp_path / "drift.csv"), "--sheets", str(tmp_path / "sheets"), "--noise", "const"]
    assert benchmark.main(arguments) == 0
    rows = read_csv(tmp_path / "drift.csv", text=["photo", "noise", "alpha"])
    assert [row["alpha"] for row in rows] == ["global", "0.25", "0.5"]
    assert all(row["ratio"] == row["frechet_tuned"] / row["frechet_untouched"] for row in rows)
    assert (tmp_path / "sheets" / "me.png").is_file()
    assert len(list((tmp_path / "c").iterdir())) == 4
    assert all("features" in load_file(path) for path in (tmp_path / "c").iterdir())
    assert benchmark.main([*arguments, "--samples", "12"]) == 1
    assert "--samples: 12, but" in capsys.readouterr().err
