"""Fréchet distance: closed forms, the feature network, and what a user reads when something is missing."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.models import alexnet

from ganinv.errors import InputError
from ganinv.metric.frechet import AlexNet, Inception, collect, expect_enough, frechet_distance, kernel_distance
from ganinv.weights import MissingWeights

SHAPES = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


class Sums:
    """The sum of an image's values as its one feature."""

    title, num_features = "Fréchet distance (sums)", 1

    def __call__(self, pixels: Tensor, /) -> Tensor:
        return pixels.float().sum(dim=[1, 2, 3])[:, None]

    def to(self, device: torch.device, /) -> object:
        return self


def axes(scales: list[float]) -> Tensor:
    """Two points on each axis, at ± its scale: mean 0, covariance diag(2 scale² / (2F − 1))."""  # [2F, F]
    points = torch.diag(torch.tensor(scales, dtype=torch.float64))
    return torch.cat([points, -points])


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random trunk in torchvision's names, with a head that is to be passed over."""
    random = torch.Generator().manual_seed(0)
    tensors = {"classifier.6.bias": torch.zeros(1000)}
    for i, shape in SHAPES.items():
        fan_in = shape[1] * shape[2] * shape[3]
        tensors[f"features.{i}.weight"] = torch.randn(shape, generator=random) * (2 / fan_in) ** 0.5
        tensors[f"features.{i}.bias"] = torch.zeros(shape[0])
    path = tmp_path_factory.mktemp("weights") / "trunk.safetensors"
    save_file(tensors, path)
    return path


# |μ_a − μ_b|² is all that is left where the covariances are equal.
def test_shifted_mean_gives_the_squared_shift() -> None:
    a = torch.randn(40, 6)
    shift = torch.tensor([3.0, 0, 0, -4, 0, 0])
    assert frechet_distance(a, a + shift) == pytest.approx(25, abs=1e-4)


# tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½) = Σ_i (σ_a,i − σ_b,i)² where both are diagonal.
def test_diagonal_covariances_give_the_closed_form() -> None:
    a, b = [1.0, 2.0, 3.0], [4.0, 2.0, 0.5]
    expected = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) * 2 / (2 * 3 - 1)
    assert frechet_distance(axes(a), axes(b)) == pytest.approx(expected, rel=1e-9)


def test_covariances_that_do_not_commute_agree_with_the_symmetric_root() -> None:
    a, b = torch.randn(50, 4).double(), (torch.randn(70, 4) @ torch.randn(4, 4) + 1).double()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors @ values.sqrt().diag() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).sqrt().sum()
    expected = (a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


# Unbiased: without the diagonals, Σ k(a, a') / (N (N − 1)) + Σ k(b, b') / (M (M − 1)) − 2 mean k(a, b).
def test_the_kernel_distance_is_its_formula_on_all_images_of_a_small_set() -> None:
    a, b = torch.randn(20, 6).double(), torch.randn(20, 6).double() + 1

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / 6 + 1) ** 3

    within = [(kernel(x, x).sum() - kernel(x, x).trace()) / (20 * 19) for x in (a, b)]
    expected = float(sum(within) - 2 * kernel(a, b).mean())
    assert kernel_distance(a, b, subsets=2) == pytest.approx(expected, rel=1e-9)


def test_subsets_of_the_kernel_distance_are_those_of_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganinv.metric.frechet.SUBSET", 10)
    a, b = torch.randn(30, 4), torch.randn(40, 4) + 1
    state = torch.get_rng_state()
    first = kernel_distance(a, b)
    assert torch.equal(torch.get_rng_state(), state)
    assert kernel_distance(a, b) == first != kernel_distance(a, b, seed=1)


def test_equal_sets_have_no_distance_and_order_does_not_count() -> None:
    a, b = torch.randn(40, 6), torch.randn(30, 6) + 1
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_collect_takes_every_batch() -> None:
    pixels = torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1).expand(7, 3, 2, 2)
    assert collect(Sums(), pixels.split(3)).flatten().tolist() == [12.0 * i for i in range(7)]


@pytest.mark.parametrize("side", [16, 128, 150])
def test_alexnet_gives_256_features_whatever_the_size(trunk: Path, side: int) -> None:
    pixels = torch.randint(256, (2, 3, side, side), dtype=torch.uint8)
    features = AlexNet(weights=str(trunk))(pixels)
    assert features.shape == (2, 256)
    assert features.dtype == torch.float32
    assert (features >= 0).all() and (features > 0).any()


def test_alexnet_is_torchvisions(trunk: Path) -> None:
    with torch.device("meta"):
        reference = alexnet(weights=None).features[:12]
    tensors = {key.removeprefix("features."): value for key, value in load_file(trunk).items() if "features" in key}
    reference.load_state_dict(tensors, assign=True)
    pixels = torch.randint(256, (2, 3, 128, 128), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (pixels / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    with torch.no_grad():
        expected = reference(images).mean(dim=[2, 3])
    torch.testing.assert_close(AlexNet(weights=str(trunk))(pixels), expected, rtol=1e-4, atol=1e-5)


def test_larger_images_are_antialiased(trunk: Path) -> None:
    stripes = torch.zeros(1, 3, 512, 512, dtype=torch.uint8)
    stripes[..., ::4] = 255  # bilinear without antialiasing would see them or not, by their place
    network = AlexNet(weights=str(trunk))
    torch.testing.assert_close(network(stripes), network(stripes.roll(2, dims=3)), rtol=0.05, atol=0.02)


def test_missing_trunk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    monkeypatch.setenv("GANINV_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingWeights, match="lpips_alexnet_features .* not at hand; get it with"):
        AlexNet()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="other.safetensors: not AlexNet's convolutions"):
        AlexNet(weights=str(tmp_path / "other.safetensors"))


def test_inception_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": Path("a class, where tensors should be")}, tmp_path / "inception.pth")
    with pytest.raises(InputError, match="inception.pth: is not a whole file of weights"):
        Inception(weights=str(tmp_path / "inception.pth"))


def test_inceptions_features_are_those_of_torch_fidelity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({}, tmp_path / "none.pth")
    how = ("inception-v3-compat", ["2048"])
    with monkeypatch.context() as patch, torch.random.fork_rng():  # with random weights: theirs are a download
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_: None)
        theirs = FeatureExtractorInceptionV3(*how, feature_extractor_weights_path=str(tmp_path / "none.pth"))
    torch.save(theirs.state_dict(), tmp_path / "inception.pth")
    pixels = torch.randint(256, [2, 3, 16, 24], dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    own = Inception(weights=str(tmp_path / "inception.pth"))
    assert own(pixels).shape == (2, own.num_features)
    torch.testing.assert_close(own(pixels), theirs(pixels)[0])


def test_inception_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchmetrics.image.fid._TORCH_FIDELITY_AVAILABLE", False)
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "inception.pth")
    with pytest.raises(InputError, match="pip install torch-fidelity"):
        Inception(weights=str(tmp_path / "inception.pth"))


def test_too_few_images_are_refused_with_the_number_needed() -> None:
    expect_enough(Sums(), 2, "images")
    with pytest.raises(InputError, match=r"images in 'x': 1, but Fréchet distance \(sums\) in 1 features needs 2"):
        expect_enough(Sums(), 1, "images in 'x'")
