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

# Column, and its heading, to which `heading` adds the network; others go into the CSV alone unless they are asked for.
HEADINGS = {
    "mse": "MSE",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS",
    "identity": "identity",
    "exact_pixels": "exact 8-bit values",
    "ganinverter_psnr": "PSNR as GANInverter, dB",
    "ganinverter_lpips": "LPIPS as GANInverter (alex)",
    "frechet_ratio": "Fréchet distance, ratio",
    "frechet_ratio_near_0.25": "Fréchet distance, ratio, α .25",
    "frechet_ratio_near_0.5": "Fréchet distance, ratio, α .5",
    "kernel_tuned": "kernel distance",
    "drift_lpips": "drift, LPIPS",
    "drift_mse": "drift, MSE",
    "initial_seconds": "seconds of the start",
    "seconds": "seconds of tuning",
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

    baseline: the name of the row that the others are compared with; None: "full", or the first (`baselines`).
    columns: of metrics.csv, for Markdown and LaTeX; None: those of `HEADINGS` that have figures. Raises InputError.
    """
    found = gather(folders)
    chosen = baselines(found.settings, baseline)
    lines = [_line(setting, beside) for setting, beside in zip(found.settings, chosen, strict=True)]
    others = [beside for setting, beside in zip(found.settings, chosen, strict=True) if beside is not setting]
    named = list(dict.fromkeys(beside.name for beside in others or chosen[:1]))
    rows = [row(record) for setting in found.settings for record in setting.photos.values()]
    networks = {"LPIPS": lpips_network(rows), "Fréchet distance": frechet_network(rows)}
    shown = _columns(lines, columns, networks)
    notes = [*found.notes, *_mixed(networks)]
    said = " or ".join(named)
    stated = STATED.format(baseline=" or ".join(map(repr, named)))
    text = markdown(lines, shown, baseline=said, stated=stated, notes=notes)
    write_csv(out / "table.csv", list(_rows(lines, networks)))
    write_text(out / "table.md", text)
    write_text(out / "table.tex", latex(lines, shown, baseline=said, stated=stated))
    title = networks["Fréchet distance"] or "Fréchet distance"
    plot = scatter([(line.name, line.figures) for line in lines], baselines=named, distance=title)
    if plot:
        write_text(out / "fidelity_drift.svg", plot)
    names = ["table.csv", "table.md", "table.tex", *(["fidelity_drift.svg"] if plot else [])]
    told = f"{text}\n{out}: {', '.join(names)}" + ("" if plot else "; no figures of drift to plot")
    return Comparison(lines, said, notes, told, [out / name for name in names])


def baselines(settings: Sequence[Setting], name: str | None) -> list[Setting]:
    """What each row is compared with: the row called `name`, None: "full", or the first.

    Where that has none of the row's photos, as with several datasets, the first that has some, of those so called if
    there is one. InputError: none is called `name`.
    """
    wanted = BASELINE if name is None else name
    so_called = [each for each in settings if each.name == wanted]
    so_called += [each for each in settings if wanted in each.name.split(", ") and each not in so_called]
    if name is not None and not so_called:
        there = ", ".join(repr(setting.name) for setting in settings)
        raise InputError(f"--baseline: no row is called {name!r}; there are {there}")
    order = [*so_called, *settings]
    return [next((each for each in order if each.photos.keys() & own.photos.keys()), order[0]) for own in settings]


def _line(setting: Setting, baseline: Setting) -> Line:
    figures = aggregate([row(record) for record in setting.photos.values()])
    found = {column: paired(setting.values(column), baseline.values(column)) for column in figures}
    differences = {} if setting is baseline else {c: d for c, d in found.items() if d is not None}
    return Line(setting.name, len(setting.photos), figures, differences)


def _columns(lines: Sequence[Line], asked: Sequence[str] | None, networks: dict[str, str | None]) -> dict[str, str]:
    """Column -> heading, of those that have a figure."""
    known = dict.fromkeys(column for line in lines for column in line.figures)
    unknown = [column for column in asked or () if column not in known]
    if unknown:
        raise InputError(f"--columns: {', '.join(unknown)} has no figures; there are {', '.join(known)}")
    return {column: heading(column, networks) for column in asked or HEADINGS if column in known}


def heading(column: str, networks: dict[str, str | None]) -> str:
    """A column's, with the name of its network: LPIPS (alex), Fréchet distance (AlexNet) or FID."""
    said = HEADINGS.get(column, column.replace("_", " "))
    lpips, frechet = networks["LPIPS"], networks["Fréchet distance"]
    if lpips and said.endswith("LPIPS"):
        said += f" ({lpips})"
    return said.replace("Fréchet distance", frechet) if frechet else said


def _rows(lines: Sequence[Line], networks: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    """Every figure of a setting in one row of the CSV, floats exact, and whose features they are of."""
    named = {"lpips_network": networks["LPIPS"], "frechet_network": networks["Fréchet distance"]}
    named = {column: name for column, name in named.items() if name}
    for line in lines:
        cells: dict[str, Any] = {"setting": line.name, "photos": line.n} | named
        for column, value in line.figures.items():
            cells |= {f"{column}_{key}": item for key, item in vars(value).items()}
            difference = line.differences.get(column)
            if difference is not None:
                names = {"mean": "difference", "low": "low", "high": "high", "n": "pairs"}
                cells |= {f"{column}_{name}": vars(difference)[key] for key, name in names.items()}
        yield cells


def _mixed(networks: dict[str, str | None]) -> Iterator[str]:
    """A word where a column mixes figures that do not compare."""
    for what, named in networks.items():
        if named and ", " in named:
            yield f"{what} is of several networks ({named}), which do not compare"
