"""glibc keeps what is freed; elsewhere nothing happens."""

import platform

from ganinv.tuner.memory import keep_freed_memory


def test_taken_by_glibc_alone() -> None:
    assert keep_freed_memory() is (platform.libc_ver()[0] == "glibc")
