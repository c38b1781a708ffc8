"""Where a run's curves and figures go besides its own folder: Weights & Biases, two CSV files, or nowhere.

A dashboard is chosen in conf/logger. Lightning's loggers are not used for this: the tuner fits once per photo, so they
would open a run for each photo and count its steps from zero on one axis; here one run holds all photos, each with its
own axis of steps.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..files import join_csv, read_csv, write_csv
from .artefacts import FILES
from .summary import Summary

logger = logging.getLogger(__name__)
WORDS = ("setting", "baseline", "lpips_network", "frechet_network")  # columns of a sweep's table that are no figures
Rows = Sequence[dict[str, float]]
Pictures = Mapping[int, Tensor]  # steps done -> uint8 [3, R, R]


class Dashboard(Protocol):
    """`start` first, `finish` however it ends (`opened`), so that several runs in one process never mix."""

    def start(
        self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None, kind: str | None = None
    ) -> None:
        """Open the run that lies in `folder`; `config` is the resolved one, `group` ties the jobs of a sweep.

        kind: what it is beside the jobs; None for one of them.
        """
        ...

    def log_photo(self, photo: str, *, folder: Path, curve: Rows, metrics: dict[str, Any], pictures: Pictures) -> None:
        """One photo is done, and lies in `folder`: the tuner's curve (rows with `step` and each term by name), its
        figures, `steps` among them, and pictures from the way there.
        """
        ...

    def log_summary(self, summary: Summary) -> None:
        """The run is done, and its metrics.csv and grid.png are written."""
        ...

    def log_table(self, files: Sequence[Path]) -> None:
        """A sweep is done: its table.csv and the other forms of it."""
        ...

    def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
        """A training's figures by name, `kimg` among them, and pictures as they are now."""
        ...

    def finish(self, *, failed: bool = False) -> None:
        """Close the run; harmless where none is open. failed: it was left by an error or stopped."""
        ...


@contextmanager
def opened(board: Dashboard, **start: Any) -> Iterator[Dashboard]:
    """`board` between its `start` and its `finish`; what an error or Ctrl-C leaves shows as failed."""
    try:
        board.start(**start)
        yield board
    except BaseException:
        board.finish(failed=True)
        raise
    board.finish()


class NoDashboard:
    """The run's own folder is enough."""

    def start(
        self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None, kind: str | None = None
    ) -> None:
        """Nothing to open."""

    def log_photo(self, photo: str, *, folder: Path, curve: Rows, metrics: dict[str, Any], pictures: Pictures) -> None:
        """The photo's folder has it."""

    def log_summary(self, summary: Summary) -> None:
        """report.html has it."""

    def log_table(self, files: Sequence[Path]) -> None:
        """The sweep's folder has it."""

    def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
        """log.csv has it."""

    def finish(self, *, failed: bool = False) -> None:
        """Nothing to close."""


class Csv(NoDashboard):
    """curves.csv (every photo's curve, one row a photo and step) and summary.csv (one row a metric)."""

    def start(
        self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None, kind: str | None = None
    ) -> None:
        self.folder = folder

    def log_summary(self, summary: Summary) -> None:
        """Written at the end from what lies on disk, so that photos of earlier runs and other shards are in it."""
        curves = {name: folder / "curve.csv" for name, folder in summary.folders.items()}
        join_csv(self.folder / "curves.csv", curves, name="image")
        figures = [{"metric": name, **vars(value)} for name, value in summary.aggregate.items()]
        write_csv(self.folder / "summary.csv", figures, columns=("metric", "mean", "std", "n", "exact"))


class Wandb:
    """One W&B run; offline, in the run's folder, unless `mode` says online. Needs no account offline.

    pictures: photos that are shown, in the table and over the steps. curves: photos that have curves. generator: each
    photo's tuned one, as an artifact.
    """

    def __init__(
        self,
        *,
        project: str = "ganinv",
        entity: str | None = None,
        mode: Literal["offline", "online"] = "offline",
        pictures: Annotated[int, Field(ge=0)] = 60,
        curves: Annotated[int, Field(ge=0)] = 200,
        generator: bool = False,
    ) -> None:
        self.project, self.entity, self.generator = project, entity, generator
        self.pictures, self.curves = pictures, curves
        self.mode: Literal["offline", "online"] = mode
        self.run: Any = None
        self.logged = 0  # photos

    def start(
        self, *, folder: Path, config: dict[str, Any], name: str, group: str | None = None, kind: str | None = None
    ) -> None:
        """Raises InputError where W&B refuses: no account, no network, no place to write."""
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.run = wandb.init(
                project=self.project,
                entity=self.entity,
                mode=self.mode,
                dir=folder.absolute(),  # W&B's process may have been started elsewhere
                config=config,
                name=name,
                group=group,
                job_type=kind,
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off"),
            )
        except (wandb.Error, OSError) as error:
            raise InputError(
                f"logger: W&B does not start ({error}); run `wandb login`, or set logger.mode=offline"
            ) from error
        self.place, self.logged = Path(self.run.dir).parent, 0
        upload = f"offline in {self.place}; upload it with: wandb sync '{self.place}'"
        logger.info("W&B: %s", self.run.url if self.mode == "online" else upload)

    def log_photo(self, photo: str, *, folder: Path, curve: Rows, metrics: dict[str, Any], pictures: Pictures) -> None:
        """Curves as `<term>/<photo>`, pictures as `picture/<photo>`, over `step/<photo>`; figures: `photo/<metric>`."""
        axis = f"step/{photo}"
        rows: dict[float, dict[str, Any]] = {}
        self.logged += 1
        drawn = curve if self.logged <= self.curves else []
        for row in [*drawn, *self._over_steps(photo, folder, metrics, pictures)]:
            rows.setdefault(row["step"], {}).update({f"{key}/{photo}": value for key, value in row.items()})
        if rows:
            self.run.define_metric(axis, hidden=True)
        for name in dict.fromkeys(key for row in rows.values() for key in row if key != axis):
            self.run.define_metric(name, step_metric=axis)
        for step in sorted(rows):
            self.run.log(rows[step])
        numbers = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
        self.run.log({f"photo/{key}": value for key, value in numbers.items()})
        if self.generator:
            self._keep(photo, folder, metrics)

    def _over_steps(
        self, photo: str, folder: Path, metrics: dict[str, Any], pictures: Pictures
    ) -> list[dict[str, Any]]:
        """The pictures as rows of a curve; none once as many photos are shown as may be."""
        from .wandb_media import over_steps

        if self.logged > self.pictures:
            return []
        found = over_steps(photo, folder=folder, pictures=pictures, steps=metrics["steps"])
        return [{"step": step, "picture": image} for step, image in found.items()]

    def _keep(self, photo: str, folder: Path, metrics: dict[str, Any]) -> None:
        """The photo's folder as an artifact, for `ganinv.load`; its name is this run's alone, as versions are not."""
        from .wandb_media import artifact, as_artifact

        files = [folder / name for name in FILES]
        name = f"generator-{self.run.id}-{as_artifact(photo)}"
        self.run.log_artifact(artifact(name, kind="generator", files=files, metadata=metrics, is_copied=False))

    def log_summary(self, summary: Summary) -> None:
        """The table, the grid, and mean and standard deviation of each metric."""
        import wandb

        from .wandb_media import staged, table, thumbnails

        shown = {name: thumbnails(summary.folders[name]) for name in list(summary.folders)[: self.pictures]}
        log: dict[str, Any] = {"metrics": table(summary.rows, thumbnails=shown)}
        if summary.grid is not None and shown:
            log["grid"] = wandb.Image(str(summary.grid))
        with staged(self.place):
            self.run.log(log)
        for name, value in summary.aggregate.items():
            more = {f"{name}_exact": value.exact} if value.exact else {}
            self.run.summary.update({f"{name}_mean": value.mean, f"{name}_std": value.std, **more})

    def log_table(self, files: Sequence[Path]) -> None:
        """table.csv to look at, and all files as an artifact, of which a repeated sweep adds a version.

        Raises InputError where W&B refuses.
        """
        import wandb

        from .wandb_media import artifact, as_artifact, staged, table

        rows = read_csv(next(path for path in files if path.name == "table.csv"), text=WORDS)
        name = f"table-{as_artifact(self.run.group)}"
        try:
            with staged(self.place):
                self.run.log({"table": table(rows)})
                self.run.log_artifact(artifact(name, kind="table", files=files, metadata={}, is_copied=True))
        except (wandb.Error, OSError) as error:
            raise InputError(f"logger: W&B does not take the table ({error}); it lies in {files[0].parent}") from error

    def log_training(self, row: dict[str, float], *, pictures: dict[str, Path]) -> None:
        """Every figure over `kimg`."""
        import wandb

        self.run.define_metric("*", step_metric="kimg")
        self.run.log({**row, **{name: wandb.Image(str(path)) for name, path in pictures.items()}})

    def finish(self, *, failed: bool = False) -> None:
        """Close the run, so that the next job of this process begins its own; a `failed` one shows as such."""
        if self.run is not None:
            self.run.finish(exit_code=int(failed))
            self.run = None
