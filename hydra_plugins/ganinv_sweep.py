"""A sweeper and launchers for ganinv's sweeps, where Hydra looks for plugins: one lost job loses no other."""

import contextlib
import functools
import gc
import logging
import os
import signal
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from hydra.utils import get_class
from omegaconf import DictConfig

CLUSTERS = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
# Settings of Hydra's joblib launcher about how its processes share the jobs out, which these here do not.
SHARING = ("backend", "prefer", "verbose", "pre_dispatch", "batch_size", "temp_folder", "max_nbytes", "mmap_mode")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# What a process runs. It hears SIGINT even where its parent, in the background of a shell, does not.
JOB = (
    "import pickle, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " pickle.load(sys.stdin.buffer)().return_value"
)
log = logging.getLogger(__name__)


class Announcing(BasicSweeper):
    """Hydra's own sweeper, which says what all its jobs are before the first one begins."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """All batches at the first one, so that no mistake shows after hours, and no job is announced that is none."""
        from ganinv.sweep import Ledger

        if self.batch_index > 1:
            return
        jobs = [overrides for each in self.overrides or () for overrides in each]
        super().validate_batch_is_legal(jobs)
        Ledger.announce([filter_overrides(overrides) for overrides in jobs])


class OneByOne(Launcher):
    """Hands each job over by itself, `parallel` of them at a time."""

    parallel: int
    folder: Path
    is_here = True  # the jobs end with `stop`; a cluster's go on

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Wait for all; a job that is lost counts as one that returned nothing, and its record says so."""
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        pool = ThreadPoolExecutor(self.parallel)
        try:
            return list(pool.map(self._one, job_overrides, numbers))
        except BaseException:
            self.stop()
            raise
        finally:
            pool.shutdown(wait=self.is_here, cancel_futures=True)

    def _one(self, overrides: Sequence[str], number: int) -> JobReturn:
        from ganinv.job import vanished

        try:
            return self.hand_over(overrides, number)
        except Exception as error:
            with contextlib.suppress(OSError):
                said = " ".join(str(error).splitlines()[:2])  # submitit's state of the job, and its place
                vanished(self.folder, number=number, overrides=filter_overrides(overrides), said=said)
            return JobReturn(overrides=overrides, status=JobStatus.COMPLETED)

    @abstractmethod
    def hand_over(self, overrides: Sequence[str], number: int) -> JobReturn:
        """Run a job to its end. Raises an Exception where it is lost."""

    @abstractmethod
    def stop(self) -> None:
        """On Ctrl-C, `kill` and the like: end what runs."""


class Processes(OneByOne):
    """Each job in a process of its own on this machine, `n_jobs` of them at a time.

    timeout: seconds after which a job is ended; None: never. The parameters are those of Hydra's joblib launcher. With
    that one all processes, and the sweep, end with the first that is killed; here that job is recorded as failed and
    the others are waited for.
    """

    def __init__(self, *, n_jobs: int = -1, timeout: float | None = None, **others: Any) -> None:
        self.n_jobs, self.timeout, self.others = n_jobs, timeout, others
        self.running: set[subprocess.Popen[bytes]] = set()
        self.starting, self.is_stopped = Lock(), False

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """InputError: the extra `sweep` is not installed, or a setting that has no meaning here."""
        from ganinv.errors import InputError

        self._check()
        try:
            from cloudpickle import dumps
            from hydra_plugins.hydra_joblib_launcher._core import execute_job
            from joblib import cpu_count, effective_n_jobs
        except ImportError as error:
            raise InputError("hydra/launcher: this one needs the extra `sweep`: pip install 'ganinv[sweep]'") from error
        self.parallel, self.folder = effective_n_jobs(self.n_jobs), Path(str(config.hydra.sweep.dir))
        threads = str(max(cpu_count() // self.parallel, 1))
        self.environ = dict.fromkeys(THREADS, threads) | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        known = {"hydra_context": hydra_context, "config": config, "task_function": task_function}
        self.job = functools.partial(execute_job, **known, singleton_state=Singleton.get_state())
        self.dumps = dumps

    def _check(self) -> None:
        from ganinv.errors import InputError

        if self.n_jobs == 0:
            raise InputError("hydra.launcher.n_jobs: 0 jobs at a time end never; -1 is as many as there are cores")
        for name, value in self.others.items():
            if value is not None and name not in SHARING:
                raise InputError(
                    f"hydra.launcher.{name}: does not apply, each job has a process of its own; set n_jobs, how many"
                    " run at a time, and timeout, the seconds after which one is ended"
                )

    def hand_over(self, overrides: Sequence[str], number: int) -> JobReturn:
        """RuntimeError: by which signal or with which exit code the job was lost."""
        log.info("#%d : %s", number, " ".join(filter_overrides(overrides)))
        code = self._wait(self.dumps(functools.partial(self.job, number, overrides)))
        # A job that was interrupted has recorded it.
        if code not in (0, -signal.SIGINT) and not self.is_stopped:
            raise RuntimeError(f"exit code {code}" if code > 0 else signal.Signals(-code).name)
        return JobReturn(overrides=overrides, status=JobStatus.COMPLETED)

    def _wait(self, job: bytes) -> int:
        """Run the pickled `job`; -> its exit code, or the signal that ended it as a negative number."""
        with self.starting:
            if self.is_stopped:
                return -signal.SIGINT
            # A session of its own: Ctrl-C reaches it from `stop` alone, once.
            process = subprocess.Popen(
                [sys.executable, "-c", JOB], stdin=subprocess.PIPE, env=self.environ, start_new_session=True
            )
            self.running.add(process)
        try:
            process.communicate(job, timeout=self.timeout)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise RuntimeError(f"hydra.launcher.timeout={self.timeout:g} seconds were over") from error
        finally:
            self.running.discard(process)
        return process.returncode

    def stop(self) -> None:
        """Interrupt what runs; each job records that it was stopped."""
        with self.starting:
            self.is_stopped = True
            for process in tuple(self.running):
                process.send_signal(signal.SIGINT)


class Apart(OneByOne):
    """Each job by itself through submitit, `parallel` of them at a time.

    cluster: "Local" or "Slurm". The other parameters are those of Hydra's submitit launcher. That one hands all jobs
    over together and ends at the first whose process is gone, be it killed or out of memory; here that job is recorded
    as failed and the others are waited for. On this machine it gives every job the first graphics cards; here jobs that
    run at the same time have cards of their own.
    """

    def __init__(self, *, cluster: str, parallel: int, submitit_folder: str, **params: Any) -> None:
        self.cluster, self.parallel, self.is_here = cluster, parallel, cluster == "Local"
        self.params = {"submitit_folder": submitit_folder, **params}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """InputError where the extra `sweep` is not installed."""
        from ganinv.errors import InputError

        try:
            make = get_class(f"{CLUSTERS}.{self.cluster}Launcher")
            import submitit  # noqa: F401
        except ImportError as error:
            raise InputError("hydra/launcher: this one needs the extra `sweep`: pip install 'ganinv[sweep]'") from error
        if self.is_here and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, lambda *_: None)  # as deaf, but the jobs, which `stop` ends, do not inherit it
        self.free: SimpleQueue[Launcher] = SimpleQueue()
        for cards in self.slots():
            inner = make(**self.params, **cards)
            inner.setup(hydra_context=hydra_context, task_function=task_function, config=config)
            self.free.put(inner)
        self.folder = Path(str(config.hydra.sweep.dir))

    def hand_over(self, overrides: Sequence[str], number: int) -> JobReturn:
        """As soon as one of the slots is free."""
        inner = self.free.get()
        try:
            return inner.launch([overrides], number)[0]
        finally:
            self.free.put(inner)

    def stop(self) -> None:
        """Interrupt this machine's jobs; a cluster's go on."""
        from submitit.local.local import LocalJob

        for job in [each for each in gc.get_objects() if type(each) is LocalJob]:  # submitit has no list of them
            job.cancel()
        if not self.is_here:
            log.warning("the cluster's jobs go on, and are waited for; `scancel` ends them")

    def slots(self) -> list[dict[str, list[str]]]:
        """The graphics cards of each job that runs at a time; Slurm gives cards itself. InputError: too few of them."""
        from ganinv.errors import InputError

        each = self.params.get("gpus_per_node") or 0
        if self.cluster != "Local" or not each:
            return [{} for _ in range(self.parallel)]
        cards = visible()
        found = [cards[first : first + each] for first in range(0, len(cards) - each + 1, each)]
        if not found:
            raise InputError(
                f"hydra.launcher.gpus_per_node: {each} asked for, and {len(cards)} can be seen; set it to 0"
            )
        return [{"setup": [f"export CUDA_VISIBLE_DEVICES={','.join(own)}"]} for own in found[: self.parallel]]


def visible() -> list[str]:
    """This machine's graphics cards, of those that CUDA_VISIBLE_DEVICES names where it is set."""
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [part.strip() for part in named.split(",") if part.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
