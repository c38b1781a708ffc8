"""A launcher for ganinv's sweeps, at the place where Hydra looks for plugins: one lost job loses no other."""

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from hydra.utils import get_class
from omegaconf import DictConfig

CLUSTERS = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"


class Apart(Launcher):
    """Each job by itself through submitit, `parallel` of them at a time.

    cluster: "Local" or "Slurm". The other parameters are those of Hydra's submitit launcher. That one hands all jobs
    over together and ends at the first whose process is gone, be it killed or out of memory; here that job is recorded
    as failed and the others are waited for. On this machine it gives every job the first graphics cards; here jobs that
    run at the same time have cards of their own.
    """

    def __init__(self, *, cluster: str, parallel: int, submitit_folder: str, **params: Any) -> None:
        self.cluster, self.parallel = cluster, parallel
        self.params = {"submitit_folder": submitit_folder, **params}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """InputError where the extra `sweep` is not installed."""
        from ganinv.errors import InputError

        try:
            make = get_class(f"{CLUSTERS}.{self.cluster}Launcher")
            import submitit  # noqa: F401
        except ImportError as error:
            raise InputError("hydra/launcher: this one needs the extra `sweep`: pip install 'ganinv[sweep]'") from error
        self.free: SimpleQueue[Launcher] = SimpleQueue()
        for slot in range(self.parallel):
            inner = make(**self.params, **self.cards(slot))
            inner.setup(hydra_context=hydra_context, task_function=task_function, config=config)
            self.free.put(inner)
        self.folder = Path(str(config.hydra.sweep.dir))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Wait for all; a job that is lost counts as one that returned nothing, and its record says so."""
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        with ThreadPoolExecutor(self.parallel) as pool:
            return list(pool.map(self._one, job_overrides, numbers))

    def _one(self, overrides: Sequence[str], number: int) -> JobReturn:
        from ganinv.job import vanished

        inner = self.free.get()
        try:
            return inner.launch([overrides], number)[0]
        except Exception as error:
            with contextlib.suppress(OSError):
                said = " ".join(str(error).splitlines()[:2])  # submitit's state of the job, and its place
                vanished(self.folder, number=number, overrides=filter_overrides(overrides), said=said)
            return JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
        finally:
            self.free.put(inner)

    def cards(self, slot: int) -> dict[str, list[int]]:
        """The graphics cards of the jobs in this slot, of `parallel` that run at a time; on Slurm it gives them."""
        each = self.params.get("gpus_per_node") or 0
        is_own = self.cluster == "Local" and each
        return {"visible_gpus": list(range(slot * each, (slot + 1) * each))} if is_own else {}
