"""The wheel, built from the sdist, carries all that a run needs, and runs from an unrelated folder."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("ganinv", "hydra_plugins")
QUICK = ["inverter=mean", "tuner.steps=1", "metric=[reconstruction]", "metric.reconstruction.lpips=null", "folder=run"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    python(["-m", "build", "--no-isolation", "--outdir", str(dist), str(ROOT)], cwd=dist)
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run Python with the wheel, not the checkout, from an empty folder; -> what it printed."""
    target, elsewhere = tmp_path_factory.mktemp("target"), tmp_path_factory.mktemp("elsewhere")
    python(["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)], cwd=elsewhere)
    return lambda *arguments: python(list(arguments), cwd=elsewhere, PYTHONPATH=str(target))


def python(arguments: list[str], *, cwd: Path, **environment: str) -> str:
    """What the command printed; a failure shows it."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_everything(wheel: Path) -> None:
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    checkout = {p.relative_to(ROOT).as_posix() for f in FOLDERS for p in (ROOT / f).rglob("*") if p.is_file()}
    conf = {f"ganinv/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "conf").rglob("*") if p.is_file()}
    assert files == {name for name in checkout | conf if "__pycache__" not in name}
    assert {"ganinv/generator/ffhq64b.safetensors", "ganinv/dataset/demo.png", "ganinv/conf/run.yaml"} <= files


def test_the_wheel_states_both_licences(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    text = archive.read(metadata).decode()
    assert "License-Expression: MIT AND CC-BY-NC-SA-4.0" in text
    assert "License-File: LICENSE" in text
    for name in ("generator/ffhq64", "generator/ffhq64b", "inverter/ffhq64b_restyle"):
        assert f"License-File: ganinv/{name}.LICENSE.md" in text and f"ganinv/{name}.safetensors" in archive.namelist()


def test_it_runs_from_elsewhere(installed: Callable[..., str]) -> None:
    where = installed("-c", "import ganinv; print(ganinv.__file__)")
    assert "target" in where
    assert "ganinv.generator.checkpoint.load_prior" in installed("-m", "ganinv.run", "--cfg", "job")
    printed = installed("-m", "ganinv.run", *QUICK)
    assert "report: run/report.html" in printed
