"""A prior's training step beside that of stylegan2-ada-pytorch with its reference operations: images per second.

    git clone https://github.com/NVlabs/stylegan2-ada-pytorch peer
    python benchmarks/training.py --peer peer --resolution 64 --batch 32 --out training.csv

Same weights to begin with, same batches, losses and rhythm of regularisation, no augmentation, images in memory. Blocks
of steps of the one and of the other take turns in one process, in another order each round; a round's ratio is ours
over the peer's. `--precisions` are ours: the peer's networks stay in float32, but for the `--peer-half` largest
resolutions, which it computes in float16 (made for graphics cards). Ours runs through Lightning, as a training does.
"""

import argparse
import copy
import logging
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from command import ended
from stylegan2_ada import ADDRESS, Peer, now
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ganinv.errors import InputError
from ganinv.files import write_csv
from ganinv.method import pick_device
from ganinv.report.environment import environment
from ganinv.training.architecture import Network, new_networks
from ganinv.training.augment import Adaptive
from ganinv.training.fit import fit
from ganinv.training.prior import PriorTraining
from ganinv.training.schedule import Schedule
from ganinv.training.start import Networks
from ganinv.training.train import TrainPrior

Row = dict[str, Any]
Side = Callable[[list[Tensor]], float]  # trains on batches -> seconds

log = logging.getLogger("training")


class Clock(pl.Callback):
    """Seconds of a fit's steps, without Lightning's preparations."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = now(pl_module.device)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds = now(pl_module.device) - self.started


class Ours:
    """Our training."""

    def __init__(self, networks: Networks, schedule: Schedule, device: torch.device) -> None:
        self.module, self.device = PriorTraining(networks=networks, schedule=schedule, seed=0), device

    def __call__(self, batches: list[Tensor]) -> float:
        """Seconds of the steps on `batches`, each uint8 [N, 3, R, R]."""
        clock, loader = Clock(), DataLoader(batches, batch_size=None)  # pyright: ignore[reportArgumentType]
        fit(self.module, loader, name="", watch=clock, device=self.device, progress=False)
        return clock.seconds


@torch.no_grad()
def difference(ours: nn.Module, peer: nn.Module, *, num_ws: int, w_dim: int) -> float:
    """The largest between the images of both syntheses at random w, constant noise, float32."""
    device = next(ours.parameters()).device
    ws = torch.randn(4, num_ws, w_dim, generator=torch.Generator().manual_seed(0)).to(device)
    return (ours(ws, noise_mode="const") - peer(ws, noise_mode="const")).abs().max().item()


def alternate(ours: Side, peer: Side, batches: list[Tensor], *, rounds: int) -> Iterator[Row]:
    """A row a round: images per second of each, and their ratio."""
    images = sum(len(batch) for batch in batches)
    for number in range(rounds):
        sides = {"ours": ours, "peer": peer}
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        seconds = {name: sides[name](batches) for name in order}
        rates = {name: images / seconds[name] for name in sides}
        yield {"round": number, **rates, "ratio": rates["ours"] / rates["peer"]}


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each precision: medians over the rounds, and the ratio's range."""
    for precision in dict.fromkeys(row["precision"] for row in rows):
        found = [row for row in rows if row["precision"] == precision]
        ours, peer, ratio = (statistics.median(row[name] for row in found) for name in ("ours", "peer", "ratio"))
        least, most = (pick(row["ratio"] for row in found) for pick in (min, max))
        spread = f"{ratio:.2f} times, {least:.2f} to {most:.2f} in {len(found)} rounds"
        yield f"{precision:8} {ours:8.2f} images/s, peer {peer:8.2f}: {spread}"


def measure(options: argparse.Namespace, precision: str, device: torch.device) -> Iterator[Row]:
    """The rounds of one precision of ours, after a step of each that is not counted."""
    off = Adaptive(mode="off")
    chosen: Any = {"batch": options.batch, "precision": precision}
    schedule = TrainPrior(network=Network(), augment=off, **chosen).schedule(options.resolution, device)
    if options.steps % math.lcm(schedule.r1_interval, schedule.path_interval):
        every = math.lcm(schedule.r1_interval, schedule.path_interval)
        raise InputError(f"--steps: must be a multiple of {every}, or a block has no fair share of regularisation")
    record = Network().architecture(options.resolution, device)
    generator, discriminator = new_networks(record, seed=0)
    networks = Networks(generator, copy.deepcopy(generator), discriminator, record)
    peer = Peer(options.peer, networks, schedule, device, half=options.peer_half)
    ours = Ours(networks, schedule, device)
    ours.module.to(device)
    size = {"num_ws": generator.num_ws, "w_dim": record["w_dim"]}
    log.info(
        "images of the two differ by %.2g at most", difference(generator.synthesis, peer.average.synthesis, **size)
    )
    shape = (schedule.batch, 3, options.resolution, options.resolution)
    batches = [torch.randint(0, 256, shape, dtype=torch.uint8) for _ in range(options.steps)]
    for side in (ours, peer):
        side(batches[:1])
    common = {"precision": precision, "resolution": options.resolution, "batch": schedule.batch}
    yield from (common | row for row in alternate(ours, peer, batches, rounds=options.rounds))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True, help=f"folder with a clone of {ADDRESS}")
    parser.add_argument("--resolution", type=int, choices=[16, 32, 64, 128, 256, 512, 1024], default=64)
    parser.add_argument("--batch", type=int, help="images in a step (default: that of our training)")
    parser.add_argument("--precisions", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--peer-half", type=int, default=0, help="its largest resolutions in float16 (default: 0)")
    parser.add_argument("--steps", type=int, default=16, help="in a block, a multiple of 16 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="blocks of each (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--out", type=Path, default=Path("training.csv"), help="table to write (default: %(default)s)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Every precision in turn; the table is written anew after each round."""
    if options.threads:
        torch.set_num_threads(options.threads)
    device, rows = pick_device(options.device), []
    log.info("%s", "\n".join(environment().values()))
    for precision in options.precisions:
        for row in measure(options, precision, device):
            rows.append(row)
            write_csv(options.out, rows)
    log.info("%s", "\n".join(summary(rows)))


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 after a mistake."""
    options = parse(arguments)
    return ended(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
