"""The tables of docs/ (results, choices, editing) that have their figures in docs/results/*.csv, from these files.

    python benchmarks/tables.py

prints them in the form of these pages, and the phrases that prose has of them; pages.py writes them into the pages.
tests/test_results.py holds the pages, and the README, to them.
"""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from cells import (
    DATASETS,
    NOISE,
    RESULTS,
    ROUGH,
    TUNED,
    Line,
    differs,
    drift,
    figures,
    first_ratio,
    heads,
    rows,
    short,
    spread,
)
from tables_domain import strangers, strangers_said
from tables_edits import edited, edits_said, held, held_trials, identities, learned
from tables_encoder import encoders, share_of_projector, warm_start
from tables_limits import averaging, closest, closest_said, exact_said, limits
from tables_methods import beside, in_short, methods, methods_said
from tables_published import ablation_today, published, published_ablation, today_said
from tables_sweeps import swept, swept_said

from ganinv.files import read_csv
from ganinv.report.paired import paired

PROJECTED = {
    "off": "projector in W+, 1,000 steps, MSE + LPIPS, noise maps untouched",
    "on": "the same, noise maps optimised too",
}
ABLATED = {
    "full": "full",
    "without_recon": "without L_recon",
    "without_recon_last": "without L_recon, its last weights",
    "without_adv_local": "without L_adv_local",
    "without_global": "without L_global (the adversarial term on samples and the locality term)",
}
SHARES = {"0": "constant", "0.5": "half its own"}


def reconstruction(folder: Path) -> Iterator[Line]:
    """The first ten photos: initial latent, projector, Adam, Muon with and without the terms on samples, default."""
    yield ["", *heads(TUNED)]
    first, adam = rows("muon", folder, dataset="ffhq")[:10], rows("ffhq64_first10", folder)
    yield ["initial latent, W, 100 steps", *figures(first, ROUGH, prefix="initial_")]
    for noise, label in PROJECTED.items():
        yield [label, *figures(rows("projector_first10", folder, noise=noise), ROUGH)]
    yield ["tuned, `tuner=adam` (2026-11-22)", *figures(adam, TUNED)]
    yield ["tuned, `tuner=muon`, 1,500 steps", *figures(first, TUNED)]
    without = rows("no_global_first4", folder)
    yield ["the same without the terms on samples, first 4", *figures(without, TUNED)]
    yield ["tuned, settings of the ablation, 500 steps", *figures(rows("ablation", folder, row="full")[:10], TUNED)]


def by_dataset(name: str, folder: Path, **wanted: str) -> Iterator[Line]:
    """Every photo of a file, or of those `wanted`, a line a dataset."""
    yield ["photos", "n", "initial MSE", *heads(TUNED)]
    for dataset, said in DATASETS.items():
        if found := rows(name, folder, dataset=dataset, **wanted):
            initial = spread([row["initial_mse"] for row in found], 4)
            yield [said, str(len(found)), initial, *figures(found, TUNED)]


def ablation(folder: Path) -> Iterator[Line]:
    """The published rows: figures of the picture, ratio, and how it differs from full's on the same photos."""
    full = {row["image"]: row["frechet_ratio"] for row in rows("ablation", folder, row="full")}
    columns = {"mse": 5, "psnr": 1, "lpips": 5, "exact_pixels": 3, "frechet_ratio": 3}
    yield ["row", "n", *heads(columns), "ratio, difference to full"]
    for name, said in ABLATED.items():
        found = rows("ablation", folder, row=name)
        apart = None if name == "full" else paired({row["image"]: row["frechet_ratio"] for row in found}, full)
        yield [said, str(len(found)), *figures(found, columns), differs(apart)]


def choosing(folder: Path) -> Iterator[Line]:
    """The settings among which the default was chosen, each on the same photos as far as it was run."""
    yield ["rate", "steps", "locality", "pull", "n", "PSNR, dB", "exact", "ratio everywhere"]
    everything = rows("choosing", folder)
    settings = dict.fromkeys(tuple(row[key] for key in ("rate", "steps", "locality", "pull")) for row in everything)
    for rate, steps, locality, pull in settings:
        wanted = {"rate": rate, "steps": steps, "locality": locality, "pull": pull}
        found = [row for row in everything if all(row[key] == value for key, value in wanted.items())]
        cells = [f"{rate:g}", f"{steps:,.0f}", f"{locality:g}", f"{pull:g}", str(len(found))]
        yield [*cells, *figures(found, {"psnr": 1, "exact_pixels": 3, "frechet_ratio": 3})]


def localised(folder: Path) -> Iterator[Line]:
    """Ways to find the channels of three regions: processor seconds a picture, and how they agree with a Jacobian."""
    yield ["way", "pictures", "CPU s a picture", "rank correlation", "same of the first 10"]
    found = read_csv(folder / "localise.csv", text=("method", "region"))
    for method, images in dict.fromkeys((row["method"], row["images"]) for row in found):
        own = [row for row in found if (row["method"], row["images"]) == (method, images)]
        seconds = [f"{row['cpu_seconds']:.2f}" for row in own]
        yield [
            method,
            f"{images:.0f}",
            ", ".join(seconds if len({*seconds}) > 1 else seconds[:1]),
            ", ".join(f"{row['spearman']:.2f}" for row in own),
            ", ".join(f"{row['same_of_first_10']:.0f}" for row in own),
        ]


def ablation_said(folder: Path = RESULTS) -> list[str]:
    """Phrases: how much worse the error is without the reconstruction term, and the harm without those on samples."""
    mean = {
        (name, key): statistics.fmean(row[key] for row in rows("ablation", folder, row=name))
        for name in ABLATED
        for key in ("mse", "psnr", "frechet_ratio")
    }
    error = mean["without_recon", "mse"] / mean["full", "mse"]
    harm = mean["without_global", "frechet_ratio"]
    excess = (harm - 1) / (mean["full", "frechet_ratio"] - 1)
    closer = [mean[name, "psnr"] - mean["full", "psnr"] for name in ("without_global", "without_adv_local")]
    return [
        f"Without L_recon the error is {error:.0f} times that of the full objective; without L_global the ratio's"
        f" excess over 1 is {excess:.0f} times as large",
        f"Without L_global it comes {closer[0]:.0f} dB closer and the rest is lost (ratio {harm:.1f})",
        f"Without L_adv_local it comes {short(closer[1], 1)} dB closer",
    ]


def noise_share(folder: Path) -> Iterator[Line]:
    """Photo, noise of the samples, and its ratios: everywhere with either noise, then near with both."""
    yield ["photo", "noise of the samples", "everywhere, constant", "random", "α .25", "α .5"]
    found = rows("drift_noise_share", folder)
    for photo in dict.fromkeys(row["photo"] for row in found):
        for share, said in SHARES.items():
            own = [row for row in found if (row["photo"], row["noise_share"]) == (photo, share)]
            values = {(row["alpha"], row["noise"]): short(row["ratio"], 3) for row in own}
            far = [values["global", noise] for noise in NOISE]
            yield [
                photo,
                said,
                *far,
                *(", ".join(values[alpha, noise] for noise in NOISE) for alpha in ("0.25", "0.5")),
            ]


def constant_noise(folder: Path) -> str:
    """The sentence on ten photos tuned with constant noise alone."""
    found = rows("constant_noise_first10", folder)
    cells = dict(zip(TUNED, figures(found, TUNED), strict=True))
    mse, exact = (cells[name].replace("0.", ".") for name in ("mse", "exact_pixels"))
    return f"MSE {mse} ({cells['psnr']} dB), exact {exact}"


def tables(folder: Path = RESULTS) -> dict[str, list[Line]]:
    """Each table's lines, its head first."""
    return {
        "reconstruction": [*reconstruction(folder)],
        "every photo": [*by_dataset("ablation", folder, row="full")],
        "every photo, Muon": [*by_dataset("muon", folder)],
        "drift, default": [*first_ratio(rows("ablation", folder, row="full"))],
        "every photo, pull .0015": [*by_dataset("pull_0015", folder)],
        "drift, pull .0015": [*first_ratio(rows("pull_0015", folder))],
        "methods": [*methods(folder)],
        "methods, in short": [*in_short(folder)],
        "methods, beside the default": [*beside(folder)],
        "choosing": [*choosing(folder)],
        "ablation": [*ablation(folder)],
        "sweeps": [*swept(folder)],
        "weights": [*swept(folder, "weights")],
        "held edits": [*held(folder)],
        "held edits, trials": [*held_trials(folder)],
        "held edits, learned": [*learned(folder)],
        "drift, Muon": [*drift("drift_muon_first10", folder)],
        "drift, without the terms on samples": [*drift("drift_no_global_first4", folder)],
        "drift, Adam": [*drift("drift_first10", folder)],
        "drift, constant noise of the samples": [*drift("drift_constant_noise_first10", folder)],
        "noise of the samples": [*noise_share(folder)],
        "half the steps": [*by_dataset("muon_first24", folder)],
        "encoder": [*encoders(folder)],
        "edits": [*edited(folder)],
        "edits, identity": [*identities(folder)],
        "out of domain": [*strangers(folder)],
        "limits": [*limits(folder)],
        "closest": [*closest(folder)],
        "averaging": [*averaging(folder)],
        "localising": [*localised(folder)],
        "warm start": [*warm_start(folder)],
        "published": [*published(folder)],
        "published, ablation": [*published_ablation(folder)],
        "ablation, today": [*ablation_today(folder)],
    }


def main() -> int:
    """Print every table."""
    for name, lines in tables().items():
        body = [f"| {' | '.join(line)} |" for line in lines]
        print("\n".join([f"{name}\n", body[0], "|---" * len(lines[0]) + "|", *body[1:]]) + "\n")
    print(constant_noise(RESULTS))
    print(share_of_projector())
    print("\n".join(ablation_said() + closest_said() + exact_said()))
    print("\n".join(today_said() + methods_said() + swept_said() + strangers_said() + edits_said()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
