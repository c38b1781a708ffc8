"""A launcher for ganinv's sweeps, at the place where Hydra looks for plugins: one lost job loses no other."""

import contextlib
import os
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
        for cards in self.slots():
            inner = make(**self.params, **cards)
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
