"""Where a run's curves and figures go besides its own folder: Weights & Biases, two CSV files, or nowhere.

A dashboard is chosen in conf/logger. Lightning's loggers are not used for this: the tuner fits once per photo, so they
would open a run for each photo and count its steps from zero on one axis; here one run holds all photos, each with its
own axis of steps.
"""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from ..errors import InputError
from ..files import read_csv, write_csv
from .summary import Summary

logger = logging.getLogger(__name__)
Rows = Sequence[dict[str, float]]


class Dashboard(Protocol):
    """`start` first, `finish` in a `finally`, so that several runs in one process never mix."""

    def start(self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None) -> None:
        """Open the run that lies in `folder`; `config` is the resolved one, `group` ties the jobs of a sweep."""
        ...

    def log_photo(self, photo: str, *, curve: Rows, metrics: dict[str, Any]) -> None:
        """One photo is done: the tuner's curve (rows with `step` and each term by name) and its figures."""
        ...

    def log_summary(self, summary: Summary) -> None:
        """The run is done, and its metrics.csv and grid.png are written."""
        ...

    def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
        """A training's figures by name, `kimg` among them, and pictures as they are now."""
        ...

    def finish(self) -> None:
        """Close the run; harmless where none is open."""
        ...


class NoDashboard:
    """The run's own folder is enough."""

    def start(self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None) -> None:
        """Nothing to open."""

    def log_photo(self, photo: str, *, curve: Rows, metrics: dict[str, Any]) -> None:
        """The photo's folder has it."""

    def log_summary(self, summary: Summary) -> None:
        """report.html has it."""

    def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
        """log.csv has it."""

    def finish(self) -> None:
        """Nothing to close."""


class Csv(NoDashboard):
    """curves.csv (every photo's curve, one row a photo and step) and summary.csv (one row a metric)."""

    def start(self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None) -> None:
        self.folder = folder

    def log_summary(self, summary: Summary) -> None:
        """Written at the end from what lies on disk, so that photos of earlier runs and other shards are in it."""
        curves = {name: read_csv(folder / "curve.csv") for name, folder in summary.folders.items()}
        rows = [{"image": name, **row} for name, curve in curves.items() for row in curve]
        write_csv(self.folder / "curves.csv", rows, columns=("image", "step"))
        figures = [{"metric": name, **vars(value)} for name, value in summary.aggregate.items()]
        write_csv(self.folder / "summary.csv", figures, columns=("metric", "mean", "std", "n", "exact"))


class Wandb:
    """One W&B run; offline, in the run's folder, unless `mode` says online. Needs no account offline."""

    def __init__(
        self, *, project: str = "ganinv", entity: str | None = None, mode: Literal["offline", "online"] = "offline"
    ) -> None:
        self.project, self.entity = project, entity
        self.mode: Literal["offline", "online"] = mode
        self.run: Any = None

    def start(self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None) -> None:
        """Raises InputError where W&B refuses: no account, no network, no place to write."""
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.run = wandb.init(
                project=self.project,
                entity=self.entity,
                mode=self.mode,
                dir=folder,
                config=config,
                name=name,
                group=group,
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off"),
            )
        except (wandb.Error, OSError) as error:
            raise InputError(
                f"logger: W&B does not start ({error}); run `wandb login`, or set logger.mode=offline"
            ) from error
        place = Path(self.run.dir).parent
        upload = f"offline in {place}; upload it with: wandb sync '{place}'"
        logger.info("W&B: %s", self.run.url if self.mode == "online" else upload)

    def log_photo(self, photo: str, *, curve: Rows, metrics: dict[str, Any]) -> None:
        """Curves as `<term>/<photo>` over `step/<photo>`, figures as `photo/<metric>`."""
        axis = f"step/{photo}"
        terms = list(dict.fromkeys(key for row in curve for key in row if key != "step"))
        self.run.define_metric(axis, hidden=True)
        for term in terms:
            self.run.define_metric(f"{term}/{photo}", step_metric=axis)
        for row in curve:
            self.run.log({axis if key == "step" else f"{key}/{photo}": value for key, value in row.items()})
        numbers = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
        self.run.log({f"photo/{key}": value for key, value in numbers.items()})

    def log_summary(self, summary: Summary) -> None:
        """The table, the grid, and mean and standard deviation of each metric."""
        import wandb

        columns = list(dict.fromkeys(key for row in summary.rows for key in row))
        data = [[_cell(row.get(key)) for key in columns] for row in summary.rows]
        log: dict[str, Any] = {"metrics": wandb.Table(columns=[*columns], data=data, allow_mixed_types=True)}
        if summary.grid is not None:
            log["grid"] = wandb.Image(str(summary.grid))
        self.run.log(log)
        for name, value in summary.aggregate.items():
            self.run.summary.update({f"{name}_mean": value.mean, f"{name}_std": value.std})

    def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
        """Every figure over `kimg`."""
        import wandb

        self.run.define_metric("*", step_metric="kimg")
        self.run.log({**row, **{name: wandb.Image(str(path)) for name, path in pictures.items()}})

    def finish(self) -> None:
        """Close the run, so that the next job of this process begins its own."""
        if self.run is not None:
            self.run.finish()
            self.run = None


def _cell(value: Any) -> Any:
    """Numbers of a column of one type; infinity as text, since a browser reads the table as JSON, which has none."""
    if not isinstance(value, int | float):
        return value
    return float(value) if math.isfinite(value) else str(value)
