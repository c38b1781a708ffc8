"""The face network's shape and place in the picture, its cosines, and files that are another network's."""

import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from ganinv.errors import InputError
from ganinv.metric.identity import SIDE, Identity, MobileFaceNet, aligned


@pytest.fixture
def metric(tmp_path: Path) -> Identity:
    """On random weights."""
    save_file(MobileFaceNet().state_dict(), tmp_path / "face.safetensors")
    return Identity(weights=str(tmp_path / "face.safetensors"))


def test_shapes_and_size() -> None:
    network = MobileFaceNet().eval()
    assert network(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 128)
    assert len(network.features) == 15 and sum(value.numel() for value in network.parameters()) == 999_936


def test_the_same_picture_has_one_and_rows_do_not_mix(metric: Identity) -> None:
    a, b = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 64, 64) * 2 - 1
    assert [row["identity"] for row in metric(a, a)] == pytest.approx([1, 1])
    both = [row["identity"] for row in metric(a, b)]
    assert both == pytest.approx([metric(a[i : i + 1], b[i : i + 1])[0]["identity"] for i in range(2)], abs=1e-5)
    assert max(both) < 1


def test_eyes_and_mouth_come_to_their_places() -> None:
    # Where FFHQ's crop puts the middle of the eyes and of the mouth, and where the template has them.
    for height, place in ((0.472, 51.6), (0.75, 92.3)):
        picture = torch.full([1, 3, 1000, 1000], -1.0)
        picture[:, :, round(height * 1000) - 5 : round(height * 1000) + 5] = 1
        rows = aligned(picture)[0, 0].mean(dim=1)
        weights = rows - rows.min()
        assert float((weights * (torch.arange(SIDE) + 0.5)).sum() / weights.sum()) == pytest.approx(place, abs=0.5)
    middle = aligned(torch.linspace(-1, 1, 1000).expand(1, 3, 1000, 1000))[0, 0, 0]
    assert float((middle * 0.229 + 0.485).mean()) == pytest.approx(0.5, abs=0.005)


def test_the_network_knows_people(shared: Callable[[str], Path]) -> None:
    metric = Identity(weights=str(shared("weights/mobilefacenet_identity.safetensors")))
    photos = torch.stack([picture(path) for path in sorted(shared("data/targets/ffhq256").iterdir())[:8]])
    blurred = torch.nn.functional.interpolate(photos[:, :, ::2, ::2], scale_factor=2, mode="bilinear")
    same = [row["identity"] for row in metric(blurred, photos)]
    others = [row["identity"] for row in metric(photos.roll(1, 0), photos)]
    assert min(same) > 0.8 > 0.2 > statistics.fmean(others) > -0.2


def picture(path: Path) -> Tensor:
    pixels = torch.from_numpy(np.array(Image.open(path).convert("RGB").resize((256, 256))))
    return pixels.permute(2, 0, 1) / 127.5 - 1


def test_another_networks_file_is_told(tmp_path: Path) -> None:
    save_file({"bn.weight": torch.zeros(128)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors: not the weights of this MobileFaceNet"):
        Identity(weights=str(tmp_path / "other.safetensors"))
    with pytest.raises(InputError, match="no such file"):
        Identity(weights=str(tmp_path / "none.safetensors"))
