"""Broken and hostile checkpoints by the thousand: each loads or is refused by one sentence, and nothing else happens.

GANINV_FUZZ_CASES: how many (default 2,000), GANINV_FUZZ_START: the number of the first, so that a run goes on where
another ended. A failure names its case; the same numbers make the same files.
"""

import mmap
import os
import random
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from ganinv.errors import InputError
from ganinv.generator.checkpoint import load_prior

CASES = int(os.environ.get("GANINV_FUZZ_CASES", 2000))
START = int(os.environ.get("GANINV_FUZZ_START", 0))
MEMORY = 200 * 2**20  # bytes beyond what the process had
CPU = 5  # seconds for one case
PEAK_RESET, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")  # of Linux


def test_every_seed_loads(mutator, tmp_path: Path) -> None:
    assert mutator.seeds
    for seed in mutator.seeds:
        (tmp_path / "seed").write_bytes(seed)
        assert load_prior(tmp_path / "seed").generator.w_dim


@pytest.mark.skipif(not PEAK_RESET.exists(), reason="needs a system that can forget a process's peak of memory")
def test_the_peak_is_that_of_one_case() -> None:
    _take(2**28)
    _forget_peak()
    before = _peak()
    _take(2**26)
    assert 2**25 < _peak() - before < 2**27


def _take(size: int) -> None:
    """So many bytes from the system itself: an array may lie where an earlier one lay."""
    memory = mmap.mmap(-1, size)
    np.frombuffer(memory, np.uint8).fill(1)
    memory.close()


def test_mutated_files(mutator, watch, tmp_path: Path, caplog) -> None:
    caplog.set_level("ERROR")
    for seed in mutator.seeds:  # so that whatever is imported late is there
        (tmp_path / "case").write_bytes(seed)
        load_prior(tmp_path / "case")
    outcomes = [
        _loads(mutator, f"{mutator.kind}/{START + i}", watch, tmp_path / "case") for i in range(_count(mutator.kind))
    ]
    assert mutator.kind == "program" or {True, False} == set(outcomes) or len(outcomes) < 200


def _count(kind: str) -> int:
    """Fixtures are larger, and other kinds cover the same code: a twentieth of a kind's share."""
    share = CASES // 7 + 1
    return share // 20 + 1 if kind == "fixture" else share


def _loads(make: Callable[[random.Random], bytes], name: str, watch, path: Path) -> bool:
    path.write_bytes(make(random.Random(name)))
    _forget_peak()
    before, said = _peak(), None
    watch.seen.clear()
    try:
        with _cpu_limit(), watch.armed():
            load_prior(path)
    except InputError as error:
        said = str(error)
    except BaseException as error:
        raise AssertionError(f"case {name}: {type(error).__name__}: {error}") from error
    assert not watch.seen, f"case {name}: {watch.seen}"
    assert said is None or ("\n" not in said and len(said) < 1000), f"case {name}: {said}"
    assert _peak() - before < MEMORY, f"case {name}: {_peak() - before} bytes more"
    return said is None


def _forget_peak() -> None:
    """Let the peak begin anew, where the system can: a process's old one would hide whatever stays below it."""
    with suppress(OSError):
        PEAK_RESET.write_text("5")


def _peak() -> int:
    """The most memory that was used since, in bytes."""
    if match := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text() if STATUS.exists() else ""):
        return int(match[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _cpu_limit() -> Iterator[None]:
    """Against an endless loop: seconds of this process's own work, whatever else the machine does."""

    def stop(*_) -> None:
        raise TimeoutError(f"more than {CPU} s of work")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
