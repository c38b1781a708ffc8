"""Loading a 1024-pixel network (config-f, random weights) beside reading its bytes, in each form that can be written.

    python benchmarks/load.py --forms ganinv nvidia rosinality folder

Seconds beside those of reading the bytes, and peak memory as a multiple of the file, each in a process of its own. The
file is read once before, so that both find it in the system's cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large import random_prior

FORMS = ("ganinv", "nvidia", "rosinality", "folder")


def size(path: Path) -> int:
    """Bytes of a file, or of the files of a folder."""
    return sum(f.stat().st_size for f in _files(path))


def _files(path: Path) -> list[Path]:
    return [f for f in path.iterdir() if f.is_file()] if path.is_dir() else [path]


def memory(field: str) -> int:
    """Bytes of this process: "VmRSS" now, "VmHWM" the most since `forget`."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def forget() -> None:
    """Let the kernel count the peak from here on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(path: Path) -> str:
    """A line for one file: in this process, which has done nothing else yet."""
    from ganinv.generator.checkpoint import load_prior

    start = time.perf_counter()
    for file in _files(path):
        file.read_bytes()
    read = time.perf_counter() - start
    forget()
    before, start, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    prior = load_prior(str(path))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert prior.discriminator is not None
    times = f"read {read:5.2f} s  load {seconds:5.2f} s (CPU {cpu:5.2f} s)"
    return f"{size(path) / 2**20:7.0f} MiB  {times}  peak {(memory('VmHWM') - before) / size(path):4.2f} × file"


def write(source: Path, target: Path, form: str) -> None:
    """The network in another form, by the command that users have."""
    subprocess.run(
        [sys.executable, "-m", "ganinv.export", source, target, "--format", form], check=True, capture_output=True
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--file", type=Path, help="measure this file or folder alone")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Make the network, write it in each form, and load each in a fresh process."""
    options = parse(arguments)
    if options.file:
        print(measure(options.file))
        return
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "source.safetensors"
        random_prior(source, resolution=options.resolution)
        for form in options.forms:
            target = Path(place) / form
            write(source, target, form)
            command = [sys.executable, __file__, "--file", str(target)]
            print(f"{form:12}", subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="")
            sys.stdout.flush()
            os.sync()


if __name__ == "__main__":
    main()
