import csv
import runpy
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ganinv.dataset.images import DEMO

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "encoder.py"


def test_a_row_for_each_photo_and_method(
    shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", str(shared("weights/lpips_alexnet_features.safetensors").parent))
    script = runpy.run_path(str(SCRIPT))
    steps = {"w+": 2, "w": 1}
    optimise = script["methods"].__globals__["Optimise"]
    short = lambda **given: optimise(**given | {"steps": steps[given["space"]]})  # noqa: E731
    monkeypatch.setitem(script["methods"].__globals__, "Optimise", short)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(Path(DEMO).read_bytes())
    out = tmp_path / "encoder.csv"
    arguments = ["--photos", str(tmp_path), "--passes", "2", "--full", "1", "--batch", "1", "--out", str(out)]
    assert script["main"](arguments) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert list(rows[0]) == ["image", "method", "mse", "psnr", "lpips", "seconds"]
    assert Counter(row["method"] for row in rows) == {
        "passes: 1": 2,
        "passes: 2": 2,
        script["SHORT"]: 2,
        script["FULL"]: 1,
    }
    assert all(0 < float(row["mse"]) < 1 and float(row["seconds"]) > 0 for row in rows)
