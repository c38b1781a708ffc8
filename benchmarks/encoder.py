"""An encoder beside the projector: error and seconds a photo, on photos that neither has seen.

    python benchmarks/encoder.py --photos photos/ --full 5 --out encoder.csv

For each photo: the encoder after each number of passes up to `--passes`, the projector in W after 50 steps, and, for
the first `--full` photos, the full projector (W+, 1,000 steps, MSE + LPIPS). One after another on the same batches, in
one process. One row per photo and method: mse (of the 8-bit image, on [-1, 1]), psnr (dB), lpips (AlexNet), seconds
(the batch's, divided by its photos).
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from command import Row, ended, write
from projector import all_photos, scored

from ganinv.generator.checkpoint import load_prior
from ganinv.inverter.encoder import Encode
from ganinv.inverter.latent import Latent
from ganinv.inverter.optimise import Optimise
from ganinv.loss.feature import LPIPS

COLUMNS = ("image", "method", "mse", "psnr", "lpips", "seconds")
SHORT = "w, 50 steps"
FULL = "w+, 1,000 steps, MSE + LPIPS"

Method = Callable[..., Latent]


def methods(options: argparse.Namespace, lpips: LPIPS) -> dict[str, Method]:
    """What is compared, by name; the full projector last."""
    encoders = {f"passes: {count}": Encode(path=options.encoder, steps=count) for count in range(1, options.passes + 1)}
    full = Optimise(space="w+", steps=1000, l1_weight=0, mse_weight=1, lpips_weight=1, lpips=lpips)
    return {**encoders, SHORT: Optimise(space="w", steps=50), FULL: full}


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """A row for each photo and method, batch by batch."""
    prior, lpips = load_prior(options.prior), LPIPS()
    photos, compared = all_photos(options.photos, prior, limit=options.limit), methods(options, lpips)
    for start in range(0, len(photos), options.batch):
        batch = photos[start : start + options.batch]
        for name, method in compared.items():
            if chosen := batch if name != FULL else batch[: max(0, options.full - start)]:
                for row in scored(chosen, partial(method, prior=prior, seed=0), prior, lpips):
                    yield {"method": name} | row


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="a folder, zip or file")
    parser.add_argument("--limit", type=int, help="only the first so many by name")
    parser.add_argument("--out", type=Path, required=True, help="CSV")
    parser.add_argument("--prior", default="package:ffhq64b.safetensors")
    parser.add_argument("--encoder", default="package:ffhq64b_restyle.safetensors")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--full", type=int, default=0, help="photos on which the full projector runs too")
    parser.add_argument("--batch", type=int, default=5, help="photos at once; changes the time alone")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 after a mistake."""
    options, said = parse(arguments), "{image}, {method}: MSE {mse:.4f}, {seconds:.2f} s"
    return ended(lambda: write(measure(options), options.out, columns=COLUMNS, said=said))


if __name__ == "__main__":
    sys.exit(main())
