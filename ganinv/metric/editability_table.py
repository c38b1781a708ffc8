"""The table of edits: a row a setting and edit, figures of the photos beside those of the samples."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..report.table import figure
from .editability_interval import Interval, difference, mean, ratio
from .editability_photos import FIDELITY, Row, column
from .editability_plan import Plan

HEADINGS = {
    "setting": "setting",
    "edit": "edit",
    "psi": "ψ",
    "photos": "n",
    "psnr": "PSNR, dB",
    "lpips": "LPIPS",
    "strength": "strength",
    "flipped": "flipped",
    "transfer": "transfer",
    "transfer_lacking": "transfer, lacking",
    "transfer_same_w": "transfer, same w",
    "identity": "identity",
    "identity_difference": "identity, difference",
    "identity_same_w": "identity, same w",
    "consistency": "consistency",
    "outside": "LPIPS outside",
    "others": "other attributes",
    "lec": "LEC",
}
INTERVALS = [key for key in HEADINGS if key.startswith(("transfer", "identity_"))] + ["consistency"]
STATED = (
    "Figures of the tuned photos; in brackets, with an s, of generated samples of the untouched generator at ψ. "
    "Transfer: mean change of the attribute's score on the photos over that on samples, and over that of the "
    "untouched generator at the photos' own w; lacking: of those photos and samples alone that do not show the "
    "attribute before the edit; in square brackets the 95 % interval over photos and samples (bootstrap, BCa). "
    "Flipped: share that shows the attribute after the edit, of those that lack it. Identity: cosine of a face "
    "network, unedited and edited; its difference to the samples', and, same w, to that of the untouched generator at "
    "the photos' own w. Consistency: cosine of the edit's image difference, tuned and untouched, at the "
    "same w. LPIPS outside: of the edit, outside its region. Other attributes: mean change of the score, in standard "
    "deviations of the samples'. LEC: the picture encoded, edited, rendered and encoded again, less the edit, against "
    "its first code, in lengths of the edit: 0 where the edit comes back whole, 1 where the encoder sees none of it."
)


def line(name: str, plan: Plan, rows: Sequence[Row], *, psi: float, seed: int) -> Row:
    """The figures of one setting and edit, each of one number, by name; `psi`: the samples' truncation."""
    changes, samples = column(rows, f"change_{plan.name}"), plan.samples[f"change_{plan.name}"].tolist()
    found: Row = {"setting": name, "edit": plan.name, "psi": psi, "photos": len(rows)}
    found |= {"strength": plan.step.strengths()[0]}
    found |= {key: average(column(rows, key)) for key in FIDELITY}
    found |= {"flipped": average(column(rows, "flipped"))}
    found |= {"flipped_samples": float(plan.flipped(plan.samples).double().mean())}
    found |= {"change": average(changes), "change_samples": average(samples)}
    found |= flat("transfer", ratio(changes, samples, paired=False, seed=seed))
    found |= lacking(plan, rows, seed=seed)
    beside = column(rows, "untouched_change")
    found |= flat("transfer_same_w", ratio(changes, beside, paired=True, seed=seed))
    for key in ("identity", "outside", "lec"):
        found |= beside_samples(key, column(rows, key), plan, seed=seed)
    found |= same_w_identity(rows, seed=seed)
    found |= flat("consistency", mean(column(rows, "consistency"), seed=seed))
    return found | others(plan, rows)


def lacking(plan: Plan, rows: Sequence[Row], *, seed: int) -> Row:
    """The transfer where there is something to add; a face that smiles already has no score to gain. Empty of none."""
    key, name = f"change_{plan.name}", "transfer_lacking"
    photos = column([row for row in rows if row["flipped"] is not None], key)
    samples = plan.samples[key][~plan.shows(plan.samples[f"score_{plan.name}"])].tolist()
    counted: Row = {"photos_lacking": len(photos)}
    if not photos or not samples:
        return counted | dict.fromkeys(flat(name, Interval(0)))
    return counted | flat(name, ratio(photos, samples, paired=False, seed=seed))


def flat(name: str, interval: Interval) -> Row:
    """Three numbers by name."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def average(values: Sequence[float]) -> float | None:
    """None of none."""
    return sum(values) / len(values) if values else None


def beside_samples(key: str, values: Sequence[float], plan: Plan, *, seed: int) -> Row:
    """The photos' mean, the samples', and their difference; empty where it was not measured."""
    names = (key, f"{key}_samples", *flat(f"{key}_difference", Interval(0)))
    if key not in plan.samples or not values:
        return dict.fromkeys(names)
    samples = plan.samples[key].tolist()
    apart = flat(f"{key}_difference", difference(values, samples, seed=seed))
    return {key: average(values), f"{key}_samples": average(samples)} | apart


def same_w_identity(rows: Sequence[Row], *, seed: int) -> Row:
    """What the edit keeps of who it is beyond what it keeps on the untouched generator; empty if not measured."""
    tuned, untouched = column(rows, "identity"), column(rows, "untouched_identity")
    if not tuned:
        return dict.fromkeys(flat("identity_same_w", Interval(0)))
    apart = [a - b for a, b in zip(tuned, untouched, strict=True)]
    return flat("identity_same_w", mean(apart, seed=seed))


def others(plan: Plan, rows: Sequence[Row]) -> Row:
    """Mean change of each other attribute in standard deviations of its scores over unedited samples."""
    found: Row = {}
    for key in plan.samples:
        attribute = key.removeprefix("change_")
        if key == attribute or attribute == plan.name:
            continue
        spread = max(float(plan.samples[f"score_{attribute}"].std()), 1e-12)
        found[f"other_{attribute}"] = (average(column(rows, key)) or 0.0) / spread
        found[f"other_{attribute}_samples"] = float(plan.samples[key].mean()) / spread
    return found


def doubtful(plan: Plan, *, seed: int) -> str | None:
    """A sentence where a ratio says nothing, since its denominator may be 0."""
    found = mean(plan.samples[f"change_{plan.name}"].tolist(), seed=seed)
    if found.low is None or found.high is None or found.low * found.high > 0:
        return None
    return (
        f"{plan.name}: changes the samples' score by {figure(found.value, digits=2)} on average, which may be 0, so"
        " that its transfer says nothing; choose another strength or judge"
    )


def cells(row: Row) -> dict[str, str]:
    """A row of the table for a reader, by column."""
    shown: dict[str, str] = {key: str(row[key]) for key in ("setting", "edit", "photos")}
    shown["psi"] = f"{row['psi']:g}"
    shown |= {key: figure(row[key], digits=3) or "–" for key in ("psnr", "lpips", "strength")}
    shown |= {key: interval(row, key) for key in INTERVALS}
    shown |= {key: both(row, key) for key in ("flipped", "identity", "outside", "lec")}
    names = [key for key in row if key.startswith("other_") and not key.endswith("_samples")]
    said = [f"{name.removeprefix('other_')} {both(row, name)}" for name in names]
    return shown | {"others": ", ".join(said) or "–"}


def interval(row: Row, key: str) -> str:
    """ "0.98 [0.91, 1.06]"."""
    if row[key] is None:
        return "–"
    low, high = row[f"{key}_low"], row[f"{key}_high"]
    ends = "" if low is None else f" [{low:.2f}, {high:.2f}]"
    return f"{row[key]:.2f}{ends}".replace("-", "−")


def both(row: Row, key: str) -> str:
    """ "0.91 (s 0.93)"."""
    if row[key] is None:
        return "–"
    return f"{row[key]:.2f} (s {row[f'{key}_samples']:.2f})".replace("-", "−")


def markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The table, what its columns are, and what is to be known of them."""
    shown = [cells(row) for row in rows]
    lines = [[HEADINGS[key] for key in HEADINGS], ["---"] * len(HEADINGS)]
    lines += [[each[key].replace("|", "\\|") for key in HEADINGS] for each in shown]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    known = "To be known:\n\n" + "\n".join(f"* {note}" for note in notes) if notes else ""
    return f"{text}\n\n{STATED}\n\n{known}".rstrip() + "\n"


def as_record(plan: Plan) -> dict[str, Any]:
    """What an edit and its judge are, by JSON's types, without the list of the judge's photos."""
    made = {key: value for key, value in plan.judge.made.items() if key != "photos"}
    found = plan.found and asdict(plan.found)
    return {"threshold": plan.judge.threshold, "judge": made, "sought": found, "samples_lacking": plan.lacking}
