from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ganinv.errors import InputError
from ganinv.loss.feature import LPIPS
from ganinv.loss.objective import Objective
from ganinv.loss.pyramid import LaplacianPyramid
from ganinv.weights import MissingWeights

REFERENCE = [0.2838713526725769, 0.37257301807403564]
SHAPES = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


def pattern(phase: float) -> Tensor:
    """Two pictures of waves.  # [2, 3, 64, 64] in [-1, 1]"""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    c = torch.arange(3.0)[:, None, None]
    return torch.stack([torch.sin(x / (3 + i + c) + phase * y / 5 + c) for i in range(2)])


def random_trunk() -> dict[str, Tensor]:
    torch.manual_seed(0)
    weights = {f"features.{i}.weight": torch.randn(shape) * 0.05 for i, shape in SHAPES.items()}
    return weights | {f"features.{i}.bias": torch.zeros(shape[0]) for i, shape in SHAPES.items()}


@pytest.fixture(scope="module")
def lpips(tmp_path_factory: pytest.TempPathFactory) -> LPIPS:
    """LPIPS on a random trunk: needs no file from elsewhere."""
    path = tmp_path_factory.mktemp("weights") / "trunk.safetensors"
    save_file(random_trunk(), path)
    return LPIPS(weights=str(path))


def test_one_value_per_image_and_none_for_equal_ones(lpips: LPIPS) -> None:
    a, b = pattern(0), pattern(1)
    both = lpips(a, b)
    assert both.shape == (2,) and (both > 0).all()
    assert torch.equal(lpips(a, a), torch.zeros(2))
    assert torch.allclose(both, torch.cat([lpips(a[:1], b[:1]), lpips(a[1:], b[1:])]), rtol=1e-5)
    assert torch.allclose(both, lpips(b, a), rtol=1e-5)


def test_reference_number(shared: Callable[[str], Path]) -> None:
    # Computed apart from this code and from the package's network: torchvision's AlexNet layer by layer, and the
    # package's linear heads as 1×1 convolutions.
    lpips = LPIPS(network="alex", weights=str(shared("weights/lpips_alexnet_features.safetensors")))
    assert lpips(pattern(0), pattern(1)).tolist() == pytest.approx(REFERENCE, rel=1e-4)


def test_named_trunks_are_found(shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", str(shared("weights/lpips_squeezenet1_1_features.safetensors").parent))
    lpips = LPIPS(network="squeeze")
    assert (lpips(pattern(0)[..., :17, :17], pattern(1)[..., :17, :17]) > 0).all()


def test_gradient_reaches_the_images_alone(lpips: LPIPS) -> None:
    a = pattern(0).requires_grad_()
    lpips(a, pattern(1)).sum().backward()
    assert a.grad is not None and a.grad.abs().amin(dim=[1, 2, 3]).shape == (2,)
    assert (a.grad.flatten(1).norm(dim=1) > 0).all()
    assert not any(parameter.requires_grad for parameter in lpips.parameters())


def test_stays_deterministic_inside_a_training_module(lpips: LPIPS) -> None:
    a, b = pattern(0), pattern(1)
    before = lpips(a, b)
    torch.nn.ModuleList([lpips]).train()
    assert torch.equal(lpips(a, b), before)


def test_building_leaves_the_random_state_alone(tmp_path: Path) -> None:
    save_file(random_trunk(), tmp_path / "trunk.safetensors")
    state = torch.get_rng_state()
    LPIPS(weights=str(tmp_path / "trunk.safetensors"))
    assert torch.equal(torch.get_rng_state(), state)


def test_missing_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GANINV_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    with pytest.raises(MissingWeights, match="python -m ganinv.weights lpips_vgg16_features"):
        LPIPS(network="vgg")


@pytest.mark.parametrize("change", ["shape", "name"])
def test_wrong_trunk(tmp_path: Path, change: str) -> None:
    trunk = random_trunk()
    weight = trunk.pop("features.3.weight")
    save_file(
        trunk | {"features.3.weight": weight[:1].clone()} if change == "shape" else trunk, tmp_path / "t.safetensors"
    )
    with pytest.raises(InputError, match=r"t.safetensors: not the trunk of LPIPS \(alex\)"):
        LPIPS(weights=str(tmp_path / "t.safetensors"))


def test_wrong_images(lpips: LPIPS) -> None:
    with pytest.raises(ValueError, match="at least 31 pixels, got 16"):
        lpips(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match="two batches"):
        lpips(torch.zeros(1, 3, 64, 64), torch.zeros(2, 3, 64, 64))
    with pytest.raises(ValueError, match="two batches"):
        lpips(torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64))


def test_images_too_small_for_the_trunk_are_refused_with_a_way_out(lpips: LPIPS) -> None:
    lpips.fits(31)
    with pytest.raises(InputError) as refusal:
        lpips.fits(16)
    assert str(refusal.value) == (
        "loss.lpips: alex needs images of at least 31 pixels, but this generator's have 16; set loss.lpips.network=vgg,"
        " or set loss.perceptual=0"
    )
    with pytest.raises(InputError, match="have 8; take a larger generator, or set loss.perceptual=0"):
        lpips.fits(8)


def test_the_objective_asks_only_for_a_term_that_counts(lpips: LPIPS) -> None:
    Objective(pyramid=LaplacianPyramid(), lpips=lpips).fits(16)
    Objective(pyramid=LaplacianPyramid(), lpips=lpips, perceptual=0.1).fits(32)
    with pytest.raises(InputError, match="^loss.lpips: alex"):
        Objective(pyramid=LaplacianPyramid(), lpips=lpips, perceptual=0.1).fits(16)
