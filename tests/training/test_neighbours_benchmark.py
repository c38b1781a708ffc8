"""What is nearest to a prior's samples: distances are LPIPS, and a training image among them is found."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from ganinv.dataset.pixels import to_float
from ganinv.files import read_csv
from ganinv.loss.feature import LPIPS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "neighbours.py"


@pytest.fixture
def script(shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setenv("GANINV_WEIGHTS", str(shared("weights/lpips_alexnet_features.safetensors").parent))
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def random_images(count: int) -> torch.Tensor:
    return torch.randint(256, (count, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_squared_distances_are_lpips(script: SimpleNamespace) -> None:
    network, images = LPIPS(), random_images(5)
    values, numbers = script.nearest(script.embedded(network, images[:2]), script.embedded(network, images[2:]))
    for row, (found, order) in enumerate(zip(values, numbers, strict=True)):
        pair = to_float(images[:2])[row].expand(3, -1, -1, -1), to_float(images[2:])[order]
        torch.testing.assert_close(found, network(*pair), rtol=1e-3, atol=1e-5)


def test_a_mirrored_training_image_is_the_nearest(script: SimpleNamespace) -> None:
    network, images = LPIPS(), random_images(4)
    both = script.embedded(network, torch.cat([images, images.flip(3)]))
    values, numbers = script.nearest(script.embedded(network, images[1:2].flip(3)), both)
    assert numbers[0, 0] == len(images) + 1 and values[0, 0] < 1e-5 < values[0, 1]


def test_picture_and_table(script: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = tmp_path / "faces"
    faces.mkdir()
    for i, pixels in enumerate(random_images(4)):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(faces / f"{i}.png")
    out, prior = tmp_path / "found.png", "package:ffhq64.safetensors"
    options = [prior, "--images", str(faces), "--held-out", str(faces), "--samples", "4", "--out", str(out)]
    assert script.main(options) == 0
    rows = read_csv(out.with_suffix(".csv"), text=("nearest", "mirrored"))
    assert out.exists() and len(rows) == 4 and all(row["lpips"] > 0 for row in rows)
    assert "held-out photos: median 0.000" in capsys.readouterr().out
    assert script.main([prior, "--images", str(tmp_path / "nowhere"), "--out", str(out)]) == 1
