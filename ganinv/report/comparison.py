"""Settings side by side: one table (CSV, Markdown, LaTeX) with paired differences, and a plot of fidelity and drift."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import write_csv, write_text
from .forms import Line, latex, markdown
from .jobs import Setting, gather
from .paired import paired
from .scatter import scatter
from .table import aggregate, frechet_network, lpips_network, row

# Column, and its heading; the others go into the CSV alone unless they are asked for.
HEADINGS = {
    "mse": "MSE",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS",
    "identity": "identity",
    "exact_pixels": "exact 8-bit values",
    "frechet_ratio": "Fréchet ratio",
    "frechet_ratio_near_0.25": "Fréchet ratio, α .25",
    "frechet_ratio_near_0.5": "Fréchet ratio, α .5",
    "kernel_tuned": "kernel distance",
    "drift_lpips": "drift, LPIPS",
    "drift_mse": "drift, MSE",
    "seconds": "seconds",
}
BASELINE = "full"  # where a row is called so; otherwise the first one
STATED = (
    "Mean ± standard deviation over the photos. Difference: to {baseline!r} on the same photos, mean and its 95 %"
    " confidence interval (paired, Student's t)."
)


@dataclass(frozen=True)
class Comparison:
    """What was written, and the table for a terminal."""

    lines: list[Line]
    baseline: str
    notes: list[str]  # what is missing, and why
    told: str
    files: list[Path]


def compare(
    folders: Sequence[Path], *, out: Path, baseline: str | None = None, columns: Sequence[str] | None = None
) -> Comparison:
    """Gather the runs beneath `folders`; write table.csv, table.md, table.tex and fidelity_drift.svg into `out`.

    baseline: the name of the row that the others are compared with; None: "full", or the first. columns: of
    metrics.csv, for Markdown and LaTeX; None: those of `HEADINGS` that have figures. Raises InputError.
    """
    found = gather(folders)
    chosen = _baseline(found.settings, baseline)
    lines = [_line(setting, chosen) for setting in found.settings]
    shown = _columns(lines, columns)
    notes = [*found.notes, *_networks(found.settings)]
    stated = STATED.format(baseline=chosen.name)
    text = markdown(lines, shown, baseline=chosen.name, stated=stated, notes=notes)
    write_csv(out / "table.csv", list(_rows(lines)))
    write_text(out / "table.md", text)
    write_text(out / "table.tex", latex(lines, shown, baseline=chosen.name, stated=stated))
    plot = scatter([(line.name, line.figures) for line in lines], baseline=chosen.name)
    if plot:
        write_text(out / "fidelity_drift.svg", plot)
    names = ["table.csv", "table.md", "table.tex", *(["fidelity_drift.svg"] if plot else [])]
    told = f"{text}\n{out}: {', '.join(names)}" + ("" if plot else "; no figures of drift to plot")
    return Comparison(lines, chosen.name, notes, told, [out / name for name in names])


def _baseline(settings: Sequence[Setting], name: str | None) -> Setting:
    names = [setting.name for setting in settings]
    if name is not None and name not in names:
        raise InputError(f"--baseline: no row is called {name!r}; there are {', '.join(map(repr, names))}")
    wanted = name if name is not None else BASELINE
    return settings[names.index(wanted) if wanted in names else 0]


def _line(setting: Setting, baseline: Setting) -> Line:
    figures = aggregate([row(record) for record in setting.photos.values()])
    found = {column: paired(setting.values(column), baseline.values(column)) for column in figures}
    differences = {} if setting is baseline else {c: d for c, d in found.items() if d is not None}
    return Line(setting.name, len(setting.photos), figures, differences)


def _columns(lines: Sequence[Line], asked: Sequence[str] | None) -> dict[str, str]:
    """Column -> heading, of those that have a figure."""
    known = dict.fromkeys(column for line in lines for column in line.figures)
    unknown = [column for column in asked or () if column not in known]
    if unknown:
        raise InputError(f"--columns: {', '.join(unknown)} has no figures; there are {', '.join(known)}")
    return {column: HEADINGS.get(column, column.replace("_", " ")) for column in asked or HEADINGS if column in known}


def _rows(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """Every figure of a setting in one row of the CSV, floats exact."""
    for line in lines:
        cells: dict[str, Any] = {"setting": line.name, "photos": line.n}
        for column, value in line.figures.items():
            cells |= {f"{column}_{key}": item for key, item in vars(value).items()}
            difference = line.differences.get(column)
            if difference is not None:
                names = {"mean": "difference", "low": "low", "high": "high", "n": "pairs"}
                cells |= {f"{column}_{name}": vars(difference)[key] for key, name in names.items()}
        yield cells


def _networks(settings: Sequence[Setting]) -> Iterator[str]:
    """A word where a column mixes figures that do not compare."""
    rows = [row(record) for setting in settings for record in setting.photos.values()]
    for what, named in (("LPIPS", lpips_network(rows)), ("Fréchet distance", frechet_network(rows))):
        if named and ", " in named:
            yield f"{what} is of several networks ({named}), which do not compare"
