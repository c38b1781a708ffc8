"""The metric's cosine, as a distance with a gradient."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganinv.dataset.pixels import to_float, to_uint8
from ganinv.errors import InputError
from ganinv.loss.identity import IdentityDistance
from ganinv.metric.identity import Identity, MobileFaceNet


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """Random ones."""
    save_file(MobileFaceNet().state_dict(), tmp_path / "face.safetensors")
    return str(tmp_path / "face.safetensors")


def test_it_is_one_minus_the_metric(weights: str) -> None:
    a, b = (to_float(to_uint8(torch.rand(2, 3, 64, 64) * 2 - 1)) for _ in range(2))
    distance, rows = IdentityDistance(weights=weights).train(), Identity(weights=weights)(a, b)
    assert distance(a, b).tolist() == pytest.approx([1 - row["identity"] for row in rows], abs=1e-5)
    assert distance(a, a).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_gradient_reaches_the_first_picture_alone(weights: str) -> None:
    a, b = (torch.rand(1, 3, 32, 32).requires_grad_() for _ in range(2))
    IdentityDistance(weights=weights)(a, b).sum().backward()
    assert a.grad is not None and a.grad.abs().sum() > 0 and b.grad is None


def test_another_networks_file(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="not the weights of this MobileFaceNet"):
        IdentityDistance(weights=str(tmp_path / "x.safetensors"))
