import csv
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from ganinv.dataset.images import DEMO

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "projector.py"


@pytest.fixture
def main() -> Callable[[list[str]], int]:
    return runpy.run_path(str(SCRIPT))["main"]


def test_a_row_for_each_noise_setting(
    main: Callable[[list[str]], int],
    shared: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", str(shared("weights/lpips_alexnet_features.safetensors").parent))
    out = tmp_path / "projector.csv"
    assert main(["--photos", str(DEMO), "--steps", "2", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["noise"] for row in rows] == ["off", "on"]
    assert list(rows[0]) == ["image", "noise", "mse", "psnr", "lpips", "seconds"]
    assert all(0 < float(row["mse"]) < 1 and 0 < float(row["lpips"]) < 1 for row in rows)


def test_mistakes_are_one_sentence(
    main: Callable[[list[str]], int],
    shared: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", str(shared("weights/lpips_alexnet_features.safetensors").parent))
    assert main(["--photos", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x.csv")]) == 1
    said = capsys.readouterr().err.strip()
    assert "nowhere" in said and "\n" not in said
