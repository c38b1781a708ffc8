"""A sweep: its jobs, of which one that fails stops no other, and its end."""

import logging
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from .config import build, expect_single, plain, run_folder, settings_hash
from .errors import InputError
from .job import Stamps, announce, read, reason, stamps, twins, why, write
from .mistakes import FAILED, WRONG, PhotosFailed, Told, is_users, sentence, telling

log = logging.getLogger("ganinv")
Place = Callable[[DictConfig], Path]
OWN = "hydra_plugins.ganinv_sweep"
SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"


class Ledger(Callback):
    """Remembers, in the process that started a sweep, its folder, the records that lay there before, and its jobs'."""

    folder: Path | None = None
    before: Stamps = {}
    jobs: frozenset[Path] = frozenset()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hydra's word that a sweep begins."""
        Ledger.folder = Path(config.hydra.sweep.dir)
        Ledger.before, Ledger.jobs = stamps(Ledger.folder), frozenset()
        with flag_override(config.hydra, ["readonly", "struct"], [False, False]):
            replace(config.hydra)

    @classmethod
    def announce(cls, jobs: Sequence[Sequence[str]]) -> None:
        """The sweeper's word of all its jobs, before the first begins: those that never do are named at the end."""
        if (folder := cls.folder) is not None:
            cls.jobs = frozenset(announce(folder, number=i, overrides=overrides) for i, overrides in enumerate(jobs))


def replace(hydra: DictConfig) -> None:
    """In the place of Hydra's sweeper one that knows its jobs from the start, and in that of its submitit and joblib
    launchers, which end at the first job that is lost, those that wait for all.
    """
    if hydra.sweeper.get("_target_") == SWEEPER:
        hydra.sweeper["_target_"] = f"{OWN}.Announcing"
    target = hydra.launcher.get("_target_", "")
    module, _, name = target.rpartition(".")
    if target == JOBLIB:
        hydra.launcher["_target_"] = f"{OWN}.Processes"
    elif module == SUBMITIT:
        params = OmegaConf.to_container(hydra.launcher, resolve=False)
        own = {"_target_": f"{OWN}.Apart", "cluster": name.removesuffix("Launcher")}
        hydra.launcher = OmegaConf.create({**params, **own, "parallel": params.get("array_parallelism", 256)})  # pyright: ignore


def attempt(task: Callable[[DictConfig], object], cfg: DictConfig, *, folder: Place = run_folder) -> None:
    """A job of Hydra's whose mistake is told; in a sweep the other jobs go on, and its end names those that failed.

    `folder`: settings -> where the job's results go.
    """
    job = HydraConfig.get()

    def checked() -> None:
        expect_single(job.overrides.task)
        task(cfg)

    if job.mode is RunMode.MULTIRUN:
        with recorded_job(cfg, folder):
            checked()
    elif code := telling(checked):
        sys.exit(code)


@contextmanager
def recorded_job(cfg: DictConfig, results: Place) -> Iterator[None]:
    """Record how this job of a sweep ends. Its mistake is logged and goes no further, so the other jobs go on."""
    job = HydraConfig.get()
    record: dict[str, Any] = {"number": job.job.num, "overrides": list(job.overrides.task), "why": None, "code": 0}
    record |= whereabouts(cfg, results) | {"host": platform.node(), "pid": os.getpid()}
    record |= {"cards": os.environ.get("CUDA_VISIBLE_DEVICES")}
    folder = Path(job.sweep.dir)
    write(folder, record | {"state": "running"})
    try:
        yield
    except Exception as error:
        code = WRONG if is_users(error) and not isinstance(error, PhotosFailed) else FAILED
        log.warning("job %d: %s", job.job.num, why(error))
        if not is_users(error):
            traceback.print_exc()
        write(folder, record | {"state": "failed", "why": why(error), "code": code})
    except BaseException:
        write(folder, record | {"state": "stopped", "why": "it was stopped", "code": FAILED})
        raise
    else:
        write(folder, record | {"state": "done"})


def whereabouts(cfg: DictConfig, results: Place) -> dict[str, str | None]:
    """The job's run, for its record; of settings that cannot be resolved, nothing."""
    try:
        return {"folder": str(results(cfg).absolute()), "settings_hash": settings_hash(cfg)}
    except OmegaConfBaseException:
        return {"folder": None, "settings_hash": None}


def attended(entry: Callable[[], object], *, has_table: bool = True) -> None:
    """Run Hydra's `entry`; where that was a sweep, write its table, if its jobs are runs that have one, and name the
    jobs that failed or never began. Raises Told.
    """
    Ledger.folder, Ledger.jobs = None, frozenset()
    try:
        entry()
    except KeyboardInterrupt:
        if Ledger.folder is not None:
            with suppress(Told):
                conclude(Ledger.folder, Ledger.before, has_table=has_table)
        raise
    except Exception as error:
        if Ledger.folder is None or (is_users(error) and not Ledger.jobs):
            raise
        print(sentence(error) if is_users(error) else traceback.format_exc(), file=sys.stderr)
        print("the sweep stopped before its end; the same command goes on from there", file=sys.stderr)
        conclude(Ledger.folder, Ledger.before, has_table=has_table)
        raise Told(FAILED) from error
    if Ledger.folder is not None:
        conclude(Ledger.folder, Ledger.before, has_table=has_table)


def conclude(folder: Path, before: Stamps, *, has_table: bool) -> None:
    """The table of a sweep's jobs and, at the very end, those that are not done: Told where there are any."""
    # A job that was done before and never came to begin again is done, as its results lie there.
    own = [read(path) for path, stamp in stamps(folder).items() if before.get(path) != stamp or path in Ledger.jobs]
    if has_table:
        write_table(folder, own)
        for said in twins(own):
            print(said, file=sys.stderr)
    missing = sorted((record for record in own if record["state"] != "done"), key=lambda record: record["number"])
    if missing:
        tell(missing, jobs=len(own))
        raise Told(max(record["code"] or FAILED for record in missing))


def tell(missing: Sequence[dict[str, Any]], *, jobs: int) -> None:
    """Say which of a sweep's `jobs` are not done, by number, and why."""
    waiting = sum(record["state"] == "waiting" for record in missing)
    head = f"{len(missing) - waiting} of {jobs} jobs failed" + (f", {waiting} were not begun" if waiting else "")
    print(f"{head}; the same command does what is missing:", file=sys.stderr)
    for record in missing:
        print(f"#{record['number']} {' '.join(record['overrides'])}: {reason(record)}", file=sys.stderr)


def write_table(folder: Path, records: list[dict[str, Any]]) -> None:
    """The figures of a sweep's jobs side by side, in its own folder and where its jobs have their dashboards."""
    done = [record for record in records if record["state"] == "done"]
    if len(done) < 2:
        if len(records) > 1:
            log.info("no table of this sweep: %s done, and a table takes two", "one job is" if done else "no job is")
        return
    from .report.comparison import compare

    try:
        table = compare([folder], out=folder)
    except InputError as error:
        log.warning("no table of this sweep: %s", error)
        return
    log.info("\n%s", table.told)  # below the logger's own words, so that it can be copied
    try:
        share_table(folder, [Path(record["folder"]) for record in done], table.files)
    except InputError as error:
        log.warning("the sweep's table is on no dashboard: %s", error)


def share_table(folder: Path, runs: Sequence[Path], files: Sequence[Path]) -> None:
    """The table's `files` on each dashboard of the sweep's `runs`, as a run of its own in their group."""
    from .report.dashboard import opened
    from .report.jobs import CONFIG, read_settings

    settings = [read_settings(run / CONFIG) for run in runs]
    for cfg in {repr(plain(cfg)["logger"]): cfg for cfg in settings}.values():
        how = {"folder": folder, "config": {}, "name": "table", "group": folder.name, "kind": "table"}
        with opened(build(cfg, "logger"), **how) as board:
            board.log_table(files)
