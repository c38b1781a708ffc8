"""Edit what a run has finished, without tuning again: `python -m ganinv.edit FOLDER edit=[own] …`."""

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Device, build, check, plain, read
from ..errors import InputError
from ..mistakes import PhotosFailed, telling
from ..unread import heard

log = logging.getLogger("ganinv")


@dataclass
class EditSettings:
    """What conf/edit.yaml may set."""

    device: Device = Device.auto
    edit: Any = None


def main(arguments: list[str] | None = None) -> int:
    """Edit finished photos. The exit code is 2 after a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ganinv.edit", description=main.__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a run's folder, or a photo's in it")
    parser.add_argument("--prior", help="the prior that was tuned, where it has moved since")
    parser.epilog = "Settings as KEY=VALUE: edit=[own] edit.directions.own.direction=FILE edit.strength=2 device=cpu"
    given = parser.parse_intermixed_args(arguments)
    folders = [name for name in given.folders if "=" not in name or Path(name).exists()]
    overrides = [name for name in given.folders if name not in folders]
    return telling(lambda: edit(folders, overrides=overrides, prior=given.prior))


def edit(folders: list[str], *, overrides: list[str], prior: str | None = None) -> None:
    """Apply the edits that `overrides` choose to each of `folders`. Raises InputError."""
    if not folders:
        raise InputError("edit: names no folder; give a run's folder, or a photo's in it")
    cfg = read(overrides, name="edit")
    check(cfg, schema=EditSettings, rooms=("edit",))
    from ..generator.checkpoint import load_prior
    from ..method import pick_device
    from .finished import FOLDER, OF_RUN, edit_run

    edits, device, failed = build(cfg, "edit"), pick_device(plain(cfg)["device"]), []
    for folder in (Path(folder).expanduser() for folder in folders):
        before = {name: _written(folder / name) for name in OF_RUN}
        try:
            given = load_prior(prior) if prior else None
            for photo in edit_run(folder, edits, prior=given, device=device):
                log.info("%s", photo / FOLDER)
        except PhotosFailed as error:
            failed.append(str(error))
        for name in (name for name in OF_RUN if _written(folder / name) != before[name]):
            log.info("%s", folder / name)
    if failed:
        raise PhotosFailed("\n".join(failed))


def _written(path: Path) -> int | None:
    """When the file was written, in ns; None: there is none."""
    return path.stat().st_mtime_ns if path.is_file() else None


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.exit(heard(main))
