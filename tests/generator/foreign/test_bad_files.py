"""Damaged and hostile files: treated as their manifest says, nothing executed, within 5 s of work and 200 MB."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, load_prior

SHARED = Path(os.environ.get("GANINV_SHARED", Path(__file__).parents[4] / "shared"))
FIXTURES = Path(os.environ.get("GANINV_FIXTURES") or SHARED / "fixtures/checkpoints")
MANIFEST = FIXTURES / "bad/manifest.json"
RECORD = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {"files": {}}
NAMES = sorted(RECORD["files"])
REFUSED = {
    "os_system.pkl": "names posix.system",
    "os_system_toplevel_proto0.pkl": "no checkpoint that is known here",
    "truncated.pkl": "cut off or damaged",
    "truncated_header.pkl": "cut off or damaged",
    "empty.pkl": "is empty",
    "wrong_type_list.pkl": "but a list",
    "wrong_type_dict_of_strings.pkl": r"G_ema \(a str\)",
    "missing_g_ema.pkl": "no network G_ema",
    "not_a_pickle.pkl": "PNG picture",
    "nested_load_from_bytes.pkl": "names posix.system",
    "evil_module_src.pkl": "no _modules",
    "os_system_rosinality.pt": "names posix.system",
    "wrong_keys_rosinality.pt": "has no g_ema",
    "truncated_rosinality.pt": "not a whole zip",
    "wrong_shape.pkl": r"synthesis.b16.conv1.weight has shape \[32, 31, 3, 3\]",
    "tensor_negative_offset.pkl": "at offset -4",
}
# A process for each file, with limits of the system: of memory, above what the imports take, and of work.
MEASURED = """
import os, resource, sys
from pathlib import Path
import torch
from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior
from ganinv.generator.foreign import torch_file
torch.set_num_threads(1)
for path in sys.argv[1:]:
    if os.fork():
        print(path, os.wait()[1], flush=True)
        continue
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + 200 * 2**20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
    try:
        load_prior(path)
    except InputError:
        pass
    os._exit(0)
"""


@pytest.fixture(params=NAMES or ["none"])
def bad(request, tmp_path: Path, monkeypatch) -> Path:
    if not NAMES:
        pytest.skip(f"no bad/manifest.json in {FIXTURES}; set GANINV_FIXTURES or GANINV_SHARED")
    monkeypatch.chdir(tmp_path)
    path = MANIFEST.parent / request.param
    assert hashlib.sha256(path.read_bytes()).hexdigest() == RECORD["files"][path.name]["sha256"]
    return path


def test_as_the_manifest_expects(bad: Path, watch, tmp_path: Path) -> None:
    """An entry says "load", "refuse", or that both are right; "equal NAME" names the case whose weights it has."""
    watch.seen.clear()
    expected, prior = RECORD["files"][bad.name]["expect"], None
    with watch.armed():
        try:
            prior = load_prior(bad)
        except InputError as error:
            assert "refuse" in expected and re.search(REFUSED.get(bad.name, ""), str(error))
            assert str(error).startswith(str(bad)) and "\n" not in str(error)
    assert not watch.seen
    assert not list(tmp_path.iterdir())  # no marker
    if prior is not None:
        assert "load" in expected
        _equal_to_its_case(prior, expected)


def _equal_to_its_case(prior: Prior, expected: str) -> None:
    named = re.search(r"equal (\w+)", expected)
    for weights in (FIXTURES / named[1]).glob("network.*") if named else ():
        assert prior.fingerprint == load_prior(weights).fingerprint


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or not NAMES, reason="needs the bad files, and a system that sets limits")
def test_within_the_limits(tmp_path: Path) -> None:
    files = [str(MANIFEST.parent / name) for name in NAMES]
    done = subprocess.run([sys.executable, "-c", MEASURED, *files], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines() == [f"{path} 0" for path in files], done.stderr
    assert done.returncode == 0 and not list(tmp_path.iterdir())
