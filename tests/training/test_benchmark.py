"""benchmarks/training.py: its own arithmetic, on a stand-in for the peer's code."""

import argparse
import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ganinv.errors import InputError
from ganinv.files import read_csv

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training.py"
STAND_IN = {
    "training/networks.py": """
from ganinv.generator import stylegan2, discriminator

def Generator(*, mapping_kwargs, synthesis_kwargs, **size):
    own = {name: value for name, value in synthesis_kwargs.items() if name != "num_fp16_res"}
    network = stylegan2.Generator(mapping_layers=mapping_kwargs["num_layers"], **size, **own)
    network.mapping.w_avg_beta = mapping_kwargs["w_avg_beta"]
    return network

def Discriminator(*, num_fp16_res, epilogue_kwargs, **size):
    return discriminator.Discriminator(**size, **epilogue_kwargs)
""",
    "training/loss.py": """
class StyleGAN2Loss:
    def __init__(self, **given):
        self.given, self.calls = given, []

    def accumulate_gradients(self, *, phase, real_img, real_c, gen_z, gen_c, sync, gain):
        self.calls.append((phase, gain))
        assert real_img.min() >= -1 and real_img.max() <= 1 and gen_c.shape == real_c.shape == (len(real_img), 0)
        if phase[0] == "G":
            value = self.given["G_synthesis"](self.given["G_mapping"](gen_z)).mean()
        else:
            value = self.given["D"](real_img).mean()
        (value * gain).backward()
""",
    "torch_utils/ops/bias_act.py": "_inited, _plugin = False, 1",
    "torch_utils/ops/upfirdn2d.py": "_inited, _plugin = False, 1",
}


@pytest.fixture
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("training_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that looks like the peer's."""
    for name, text in STAND_IN.items():
        path = tmp_path / "clone" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    (tmp_path / "clone/torch_utils/__init__.py").touch()
    monkeypatch.setattr(sys, "path", list(sys.path))
    forget()  # the folder of these tests may be known as "training"
    yield tmp_path / "clone"
    forget()


def forget() -> None:
    """The packages that a clone brings."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("training", "torch_utils")]:
        del sys.modules[name]


def options(clone: Path, **changes: Any) -> argparse.Namespace:
    given = {"peer": clone, "resolution": 16, "batch": 4, "peer_half": 0, "steps": 16, "rounds": 2} | changes
    return argparse.Namespace(**given)


def test_rates_and_their_ratio_from_seconds(benchmark: ModuleType) -> None:
    seconds, order = {"ours": iter([1.0, 2.0, 4.0]), "peer": iter([3.0, 4.0, 4.0])}, []

    def side(name: str) -> Any:
        return lambda batches: order.append(name) or next(seconds[name])

    rows = list(benchmark.alternate(side("ours"), side("peer"), [torch.zeros(4), torch.zeros(8)], rounds=3))
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert rows == [
        {"round": 0, "ours": 12.0, "peer": 4.0, "ratio": 3.0},
        {"round": 1, "ours": 6.0, "peer": 3.0, "ratio": 2.0},
        {"round": 2, "ours": 3.0, "peer": 3.0, "ratio": 1.0},
    ]
    [line] = benchmark.summary([row | {"precision": "bfloat16"} for row in rows])
    assert line == "bfloat16     6.00 images/s, peer     3.00: 2.00 times, 1.00 to 3.00 in 3 rounds"


def test_the_peers_phases_come_in_their_rhythm(
    benchmark: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, create = [], benchmark.Peer
    monkeypatch.setattr(benchmark, "Peer", lambda *given, **more: made.append(create(*given, **more)) or made[0])
    rows = list(benchmark.measure(options(clone, rounds=1), "float32", torch.device("cpu")))
    [peer] = made
    calls = peer.loss.calls
    # 17 steps: one that is not counted, and a block.
    counts = {phase: calls.count(phase) for phase in set(calls)}
    assert counts == {("Gmain", 1): 17, ("Greg", 4): 5, ("Dmain", 1): 17, ("Dreg", 16): 2}
    assert calls[:5] == [("Gmain", 1), ("Greg", 4), ("Dmain", 1), ("Dreg", 16), ("Gmain", 1)]
    assert peer.loss.given["r1_gamma"] == pytest.approx(0.0002 * 256 / 4) and peer.loss.given["pl_weight"] == 2
    assert all(sys.modules[f"torch_utils.ops.{name}"]._plugin is None for name in ("bias_act", "upfirdn2d"))
    [row] = rows
    assert row["precision"] == "float32" and row["batch"] == 4 and math.isfinite(row["ratio"]) and row["ratio"] > 0


def test_a_table_and_a_line_for_each_precision(
    benchmark: ModuleType,
    clone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="training")
    monkeypatch.setattr(benchmark, "alternate", lambda *_, **__: [{"round": 0, "ours": 4.0, "peer": 2.0, "ratio": 2.0}])
    asked = ["--peer", str(clone), "--resolution", "16", "--batch", "4", "--out", str(tmp_path / "x.csv")]
    assert benchmark.main(asked) == 0
    rows = read_csv(tmp_path / "x.csv", text=["precision"])
    assert [row["precision"] for row in rows] == ["float32", "bfloat16"] and {row["ratio"] for row in rows} == {2.0}
    assert caplog.messages.count("images of the two differ by 0 at most") == 2


def test_mistakes_are_one_sentence(
    benchmark: ModuleType, clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(["--peer", str(tmp_path), "--resolution", "16"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        f"--peer: '{tmp_path}' has no training/networks.py; name a clone of https://github.com/NVlabs"
    )
    with pytest.raises(InputError, match="--steps: must be a multiple of 16"):
        list(benchmark.measure(options(clone, steps=20), "float32", torch.device("cpu")))
    (clone / "training/loss.py").write_text("import nothing_like_it")
    with pytest.raises(
        InputError, match="cannot be imported .No module named 'nothing_like_it'.; install what it lacks"
    ):
        list(benchmark.measure(options(clone), "float32", torch.device("cpu")))
