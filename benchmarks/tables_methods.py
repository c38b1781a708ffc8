"""The table of docs/results.md on the default beside other methods, and what its prose says by the same file."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from cells import DATASETS, RESULTS, TUNED, Line, Rows, by_image, differs, figures, heads, rows, short, spread

from ganinv.report.paired import paired

METHODS = {
    "full": "the method, default",
    "closest": "the method, `row=closest`",
    "held_edits": "the method, `row=held_edits`",
    "projector": "projector in W+, 1,000 steps, MSE + LPIPS",
    "pti": "pivotal tuning (PTI), with its stop at LPIPS .06",
    "pti_long": "pivotal tuning (PTI) without its stop, 2,300 steps",
    "mean_start": "the method, from the mean latent",
}
UNTUNED = "projector"
CARS = {"cars": "cars"}  # on a prior of their own
FINE = {"mse": 6, "lpips": 6}  # the closest rows need the digits
SHOWN = {"mse": 6, "psnr": 1, "lpips": 6, "exact_pixels": 3}  # in the README
REACHED = ("psnr", "exact_pixels", "frechet_ratio")
BEHIND = ("projector", "pti_long")
AIM = 1.1  # of the ratio, at most
CLOSE = 0.0001  # MSE that is aimed at, 46 dB
CHOSEN_ON = 4  # CelebA-HQ photos, the first, on which rate and steps were chosen
LOOKED_AT = 28  # FFHQ photos, the first, that had been seen when the rate was chosen


def methods(folder: Path) -> Iterator[Line]:
    """The default beside others on the same photos: figures of the picture, and the ratio."""
    yield ["photos", "setting", "n", *heads(TUNED), "ratio", "largest"]
    for dataset, photos in (DATASETS | CARS).items():
        for name, said in METHODS.items():
            if found := of(name, dataset, folder):
                ratios = [row["frechet_ratio"] for row in found if row["frechet_ratio"] is not None]
                harm = [spread(ratios, 3), f"{max(ratios):.3f}"] if ratios else ["–", "–"]
                cells = [*figures(found, TUNED | FINE), *harm]
                yield [photos, said, str(len(found)), *cells]


def of(name: str, dataset: str, folder: Path) -> Rows:
    """A method's photos; without a ratio where nothing is tuned, so that no 1 stands for what was not measured."""
    found = rows("methods", folder, row=name, dataset=dataset)
    return [row | {"frechet_ratio": None} for row in found] if name == UNTUNED else found


def in_short(folder: Path) -> Iterator[Line]:
    """The same in fewer rows and columns, faces alone: the README's."""
    yield ["photos", "setting", "n", *heads(SHOWN), "ratio"]
    for dataset, photos in DATASETS.items():
        for name in (name for name in METHODS if name != "held_edits"):
            if found := of(name, dataset, folder):
                ratios = [row["frechet_ratio"] for row in found if row["frechet_ratio"] is not None]
                cells = [*figures(found, SHOWN), spread(ratios, 3) if ratios else "–"]
                yield [photos, METHODS[name], str(len(found)), *cells]


def beside(folder: Path) -> Iterator[Line]:
    """Each row's paired differences to the default, its photos above the aim, and its seconds."""
    yield ["photos", "setting", "PSNR, difference", "ratio, difference", f"above {AIM:.2f}", "s of tuning a photo"]
    for dataset, photos in (DATASETS | CARS).items():
        full = rows("methods", folder, row="full", dataset=dataset)
        for name, said in METHODS.items():
            if found := of(name, dataset, folder):
                yield [photos, said, *apart(found, full), over(found), seconds(found)]


def apart(found: Rows, full: Rows) -> Line:
    """Paired differences of PSNR and ratio, "–" where there are no two photos."""
    both = [[by_image(each, column) for each in (found, full)] for column in ("psnr", "frechet_ratio")]
    known = [None if found == full or None in own.values() else paired(own, base) for own, base in both]
    return [differs(known[0], 1), differs(known[1])]


def over(found: Rows) -> str:
    """How many photos have a larger ratio than is aimed at."""
    ratios = [row["frechet_ratio"] for row in found if row["frechet_ratio"] is not None]
    return f"{sum(ratio > AIM for ratio in ratios)} of {len(ratios)}" if ratios else "–"


def seconds(found: Rows) -> str:
    """Median, least and most; "–" where nothing was tuned."""
    spent = [row["seconds"] for row in found]
    return f"{statistics.median(spent):.0f} ({min(spent):.0f} to {max(spent):.0f})" if max(spent) else "–"


def methods_said(folder: Path = RESULTS) -> list[str]:
    """Phrases on all photos of the default, and on those on which nothing had been chosen."""
    full = rows("methods", folder, row="full")
    faces = [row for row in full if row["dataset"] in DATASETS]
    mse, lpips = (max(row[key] for row in faces) for key in ("mse", "lpips"))
    both = [[row for row in full if row["dataset"] == dataset] for dataset in DATASETS]
    psnr, exact, ratio = ([statistics.fmean(r[c] for r in own) for own in both] for c in REACHED)
    return [
        f"{psnr[0]:.1f} and {psnr[1]:.1f} dB in the mean",
        f"{short(exact[0], 2)} and {short(exact[1], 2)} are exact",
        f"ratio {ratio[0]:.3f} and {ratio[1]:.3f}",
        f"MSE of {short(mse, 5)} and an LPIPS of {short(lpips, 5)} at most",
        f"{above(both[0])} FFHQ photos and {above(both[1])} CelebA-HQ photos",
        *(f"ends {low:.0f} to {high:.0f} dB behind" for low, high in (behind(row, folder) for row in BEHIND)),
        unseen(full),
        others(full),
        untuned(folder),
        *cars_said(folder),
    ]


def untuned(folder: Path) -> str:
    """The photos on which pivotal tuning stops before its first update."""
    found = [row for row in rows("methods", folder, row="pti") if row["dataset"] in DATASETS]
    return f"meets on {sum(row['mse'] == row['initial_mse'] for row in found)} of the {len(found)} photos"


def cars_said(folder: Path) -> list[str]:
    """How many cars there are, and what a photo takes with its start where the rows ran side by side, in the median."""
    ours, theirs = (rows("methods", folder, row=row, dataset="cars") for row in ("full", "pti_long"))
    spent = [statistics.median(row["initial_seconds"] + row["seconds"] for row in own) for own in (theirs, ours)]
    error, share, harm = (
        statistics.fmean(row[column] for row in ours) for column in ("mse", "exact_pixels", "frechet_ratio")
    )
    return [
        f"{len(ours)} of the 100 test photos",
        f"{spent[0]:.0f} s in the median where the default takes {spent[1]:.0f}",
        f"an MSE of {short(error, 6)} within their black bars at a ratio of {harm:.3f}",
        f"an MSE of {short(error, 6)} and {short(share, 2)} exact values, and"
        f" {sum(row['mse'] <= CLOSE for row in ours)} of the {len(ours)} photos at most .0001",
    ]


def above(own: Rows) -> str:
    """ "14 of the 50"."""
    return f"{sum(row['frechet_ratio'] > AIM for row in own)} of the {len(own)}"


def behind(name: str, folder: Path) -> list[float]:
    """By how much less close than the default on either dataset, dB in the mean, the lesser first."""
    found = ([rows("methods", folder, row=row, dataset=dataset) for row in ("full", name)] for dataset in DATASETS)
    return sorted(paired(*(by_image(each, "psnr") for each in both)).mean for both in found)  # pyright: ignore


def unseen(full: Rows) -> str:
    """The FFHQ photos on which nothing had been chosen."""
    mse, psnr, ratio = ended([each for each in full if each["dataset"] == "ffhq"][LOOKED_AT:])
    return f"an MSE of {short(mse, 6)} ({psnr:.1f} dB) at a ratio of {ratio:.3f}"


def others(full: Rows) -> str:
    """The CelebA-HQ photos after those on which rate and steps were chosen."""
    found = [each for each in full if each["dataset"] == "celeba_hq"][CHOSEN_ON:]
    mse, psnr, ratio = ended(found)
    which = f"the {len(found)} CelebA-HQ photos after those four, seen before at other rates"
    return f"{which}, to {short(mse, 6)} ({psnr:.1f} dB) at {ratio:.3f}"


def ended(found: Rows) -> list[float]:
    """Means of MSE, PSNR and ratio."""
    return [statistics.fmean(each[key] for each in found) for key in ("mse", "psnr", "frechet_ratio")]
