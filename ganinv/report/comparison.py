"""Settings side by side: one table (CSV, Markdown, LaTeX) with paired differences, and a plot of fidelity and drift."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import MEASURED
from ..errors import InputError
from ..files import write_csv, write_text
from .forms import Line, latex, markdown
from .jobs import Setting, gather
from .naming import ABSENT, DEFAULT
from .paired import paired
from .scatter import plotted, scatter
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
Networks = dict[str, str | None]  # of LPIPS and of the Fréchet distance; None where there are no figures of it
BASELINES = ("full", DEFAULT)  # the first by which a row is called; otherwise the first row
MEAN = "Mean ± standard deviation over the photos."
SINGLE = "one pair has no interval"
INTERVAL = "mean and its 95 % confidence interval (paired, Student's t)"


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

    baseline: the name of the row that the others are compared with; None: "full", "default" or the first (`beside`).
    columns: of metrics.csv, for Markdown and LaTeX; None: those of `HEADINGS` that have figures. Raises InputError.
    """
    found = gather(folders)
    called = baselines(found.settings, baseline)
    others = [] if baseline else found.settings
    lines = [_line(setting, beside(setting, called, others)) for setting in found.settings]
    networks = _networks(found.settings)
    shown = _columns(lines, columns, networks)
    notes = [*found.notes, *_apart(lines, [setting.name for setting in called]), *_mixed(networks)]
    return _written(out, lines, shown, networks=networks, notes=notes)


def _written(
    out: Path, lines: list[Line], shown: dict[str, str], *, networks: Networks, notes: list[str]
) -> Comparison:
    """The table's forms and the plot, in `out`."""
    named = list(dict.fromkeys(line.baseline for line in lines if line.baseline not in (None, line.name)))
    named = [name for name in named if name is not None] or [lines[0].name]
    said = {"baseline": " or ".join(named), "stated": stated(lines, shown, named)}
    title = networks["Fréchet distance"] or "Fréchet distance"
    points = [(line.name, line.figures) for line in lines]
    plot, (drift, within) = scatter(points, baselines=named, distance=title), plotted(points)
    text = markdown(lines, shown, notes=[*notes, *_exact(lines)], **said)
    write_csv(out / "table.csv", list(_rows(lines, networks)))
    forms = {"table.md": text, "table.tex": latex(lines, shown, **said), "fidelity_drift.svg": plot}
    for name, form in forms.items():
        if form:
            write_text(out / name, form)
        else:  # of a table that lay here before
            (out / name).unlink(missing_ok=True)
    names = ["table.csv", *(name for name, form in forms.items() if form)]
    told = f"{text}\n{out}: {', '.join(names)}"
    if absent := [line.name for line in lines if line.name not in {name for name, _ in within}]:
        why = f"not in the plot, for want of {drift} or of a finite PSNR: {', '.join(absent)}"
        told += f"; {why if plot else 'no row has drift and a finite PSNR to plot'}"
    return Comparison(lines, said["baseline"], notes, told, [out / name for name in names])


def _exact(lines: Sequence[Line]) -> Iterator[str]:
    """A word on each row of which some photos are exact: its PSNR is that of the others."""
    for line in lines:
        if (psnr := line.figures.get("psnr")) and psnr.exact:
            which = f"{psnr.exact} of {psnr.exact + psnr.n} photos" if psnr.n else "every photo"
            rest = "; its PSNR, and its place in the plot, are those of the others" if psnr.n else ""
            yield f"{line.name}: {which} exact, an infinite PSNR, which has no difference{rest}"


def stated(lines: Sequence[Line], columns: Collection[str], baselines: Sequence[str]) -> str:
    """What the figures of `columns` are."""
    found = [line.differences[column] for line in lines for column in columns if column in line.differences]
    if not found:
        return MEAN
    alone = [each.low is None for each in found]
    what = (INTERVAL if not all(alone) else "mean") + (f"; {SINGLE}" if any(alone) else "")
    return f"{MEAN} Difference: to {' or '.join(map(repr, baselines))} on the same photos, {what}."


def baselines(settings: Sequence[Setting], name: str | None) -> list[Setting]:
    """The rows called `name`, None: "full", "default" or none; several where each dataset has one.

    InputError: none is called `name`.
    """
    found = next((rows for each in ((name,) if name else BASELINES) if (rows := _called(settings, each))), [])
    if name is not None and not found:
        there = ", ".join(repr(setting.name) for setting in settings)
        raise InputError(f"--baseline: no row is called {name!r}; there are {there}")
    return found


def _called(settings: Sequence[Setting], name: str) -> list[Setting]:
    """The row of this name, or, where there is none, those of which it is a part."""
    exact = [setting for setting in settings if setting.name == name]
    return exact or [setting for setting in settings if name in setting.name.split(", ")]


def beside(own: Setting, called: Sequence[Setting], others: Sequence[Setting]) -> Setting | None:
    """What a row is compared with: of `called` the one with most of its photos, of several such the one whose settings
    are most like its own; or the first of `others` with any.
    """

    def shared(other: Setting) -> int:
        return len(other.photos.keys() & own.photos.keys())

    def alike(other: Setting) -> int:
        """How many of the settings that count for the tuning are the same."""
        settings = ((key, value) for key, value in other.settings.items() if not key.startswith(MEASURED))
        return sum(own.settings.get(key, ABSENT) == value for key, value in settings)

    is_one = any(each is own for each in called)
    best = own if is_one else max(called, key=lambda each: (shared(each), alike(each)), default=None)
    return best if best is not None and shared(best) else next(filter(shared, others), None)


def _apart(lines: Sequence[Line], called: Sequence[str]) -> Iterator[str]:
    """A word on each row that shares no photo with those by whose name it was to be compared."""
    for line in lines:
        if called and line.baseline not in called:
            instead = "" if line.baseline in (None, line.name) else f", and is compared with {line.baseline}"
            yield f"{line.name}: shares no photo with {' or '.join(called)}{instead}"


def _line(setting: Setting, baseline: Setting | None) -> Line:
    figures = aggregate([row(record) for record in setting.photos.values()])
    if baseline is None or baseline is setting:
        return Line(setting.name, len(setting.photos), figures, {}, baseline.name if baseline else None)
    found = {column: paired(setting.values(column), baseline.values(column)) for column in figures}
    differences = {column: difference for column, difference in found.items() if difference is not None}
    return Line(setting.name, len(setting.photos), figures, differences, baseline.name)


def _columns(lines: Sequence[Line], asked: Sequence[str] | None, networks: Networks) -> dict[str, str]:
    """Column -> heading, of those that have a figure."""
    known = dict.fromkeys(column for line in lines for column in line.figures)
    unknown = [column for column in asked or () if column not in known]
    if unknown:
        raise InputError(f"--columns: {', '.join(unknown)} has no figures; there are {', '.join(known)}")
    return {column: heading(column, networks) for column in asked or HEADINGS if column in known}


def heading(column: str, networks: Networks) -> str:
    """A column's, with the name of its network: LPIPS (alex), Fréchet distance (AlexNet) or FID."""
    said = HEADINGS.get(column, column.replace("frechet", "Fréchet distance").replace("_", " "))
    lpips, frechet = networks["LPIPS"], networks["Fréchet distance"]
    if lpips and "lpips" in column and not column.startswith("ganinverter"):
        said += f" ({lpips})"
    return said.replace("Fréchet distance", frechet) if frechet else said


def _rows(lines: Sequence[Line], networks: Networks) -> Iterator[dict[str, Any]]:
    """Every figure of a setting in one row of the CSV, floats exact, and whose features they are of."""
    named = {"lpips_network": networks["LPIPS"], "frechet_network": networks["Fréchet distance"]}
    named = {column: name for column, name in named.items() if name}
    for line in lines:
        cells: dict[str, Any] = {"setting": line.name, "photos": line.n, "baseline": line.baseline} | named
        for column, value in line.figures.items():
            cells |= {f"{column}_{key}": item for key, item in vars(value).items()}
            difference = line.differences.get(column)
            if difference is not None:
                names = {"mean": "difference", "low": "low", "high": "high", "n": "pairs"}
                cells |= {f"{column}_{name}": vars(difference)[key] for key, name in names.items()}
        yield cells


def _networks(settings: Sequence[Setting]) -> Networks:
    rows = [row(record) for setting in settings for record in setting.photos.values()]
    return {"LPIPS": lpips_network(rows), "Fréchet distance": frechet_network(rows)}


def _mixed(networks: Networks) -> Iterator[str]:
    """A word where a column mixes figures that do not compare."""
    for what, named in networks.items():
        if named and ", " in named:
            yield f"{what} is of several networks ({named}), which do not compare"
