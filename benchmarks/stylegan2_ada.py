"""The training step of stylegan2-ada-pytorch, imported from a clone: its own loop runs on a graphics card alone."""

import copy
import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ganinv.errors import InputError
from ganinv.training import ema
from ganinv.training.schedule import Schedule
from ganinv.training.start import Networks

ADDRESS = "https://github.com/NVlabs/stylegan2-ada-pytorch"
MODULES = ("training.networks", "training.loss", "torch_utils.ops.bias_act", "torch_utils.ops.upfirdn2d")


def now(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


@dataclass(frozen=True)
class Phase:
    """A part of the peer's step, in every `interval`-th of them."""

    name: str
    network: nn.Module
    optimizer: Optimizer
    interval: int


class Peer:
    """The peer's training, in the order of its loop: G, G's regularisation, D, D's, the average of G."""

    def __init__(
        self, folder: Path, networks: Networks, schedule: Schedule, device: torch.device, *, half: int = 0
    ) -> None:
        code, loss = imported(folder)
        record, s = networks.architecture, schedule
        size = {"c_dim": 0, "img_resolution": record["img_resolution"], "img_channels": 3}
        width = {name: record[name] for name in ("channel_base", "channel_max")}
        width |= {"num_fp16_res": half, "conv_clamp": record.get("conv_clamp")}
        mapping = {"num_layers": record["mapping_layers"], "w_avg_beta": s.w_avg_beta}
        latent = {"z_dim": record["z_dim"], "w_dim": record["w_dim"]}
        groups = {"mbstd_group_size": record["mbstd_group_size"]}
        self.generator = code.Generator(**latent, **size, mapping_kwargs=mapping, synthesis_kwargs=width)
        self.discriminator = code.Discriminator(**size, **width, epilogue_kwargs=groups)
        self.generator.load_state_dict(networks.generator.state_dict())
        self.discriminator.load_state_dict(networks.discriminator.state_dict())
        for network in (self.generator, self.discriminator):
            network.train().requires_grad_(False).to(device)
        self.average = copy.deepcopy(self.generator).eval()
        parts = {"G_mapping": self.generator.mapping, "G_synthesis": self.generator.synthesis, "D": self.discriminator}
        path = {"pl_weight": s.path_weight, "pl_batch_shrink": s.path_shrink, "pl_decay": s.path_decay}
        self.loss = loss.StyleGAN2Loss(device=device, **parts, **path, style_mixing_prob=s.mixing, r1_gamma=s.r1_gamma)
        self.schedule, self.device, self.done = schedule, device, 0
        self.phases = [
            *self._phases("G", self.generator, s.path_interval),
            *self._phases("D", self.discriminator, s.r1_interval),
        ]

    def _phases(self, letter: str, network: nn.Module, interval: int) -> tuple[Phase, Phase]:
        s, c = self.schedule, interval / (interval + 1)
        optimizer = Adam(network.parameters(), lr=s.lr * c, betas=(s.betas[0] ** c, s.betas[1] ** c))
        return Phase(f"{letter}main", network, optimizer, 1), Phase(f"{letter}reg", network, optimizer, interval)

    def __call__(self, batches: list[Tensor]) -> float:
        """Seconds of the steps on `batches`, each uint8 [N, 3, R, R]."""
        started = now(self.device)
        for batch in batches:
            self.step(batch.to(self.device).float() / 127.5 - 1)
        return now(self.device) - started

    def step(self, real: Tensor) -> None:
        """`real` [N, 3, R, R] in [-1, 1]"""
        label = real.new_zeros(len(real), 0)
        for phase in (each for each in self.phases if self.done % each.interval == 0):
            given = {"real_img": real, "real_c": label, "gen_z": self._latents(len(real)), "gen_c": label}
            phase.optimizer.zero_grad(set_to_none=True)
            phase.network.requires_grad_(True)
            self.loss.accumulate_gradients(phase=phase.name, **given, sync=True, gain=phase.interval)
            phase.network.requires_grad_(False)
            for gradient in (weight.grad for weight in phase.network.parameters() if weight.grad is not None):
                torch.nan_to_num(gradient, nan=0, posinf=1e5, neginf=-1e5, out=gradient)
            phase.optimizer.step()
        s = self.schedule
        share = ema.decay(images=self.done * s.batch, batch=s.batch, kimg=s.ema_kimg, rampup=s.ema_rampup)
        ema.average(self.average, self.generator, decay=share)
        self.done += 1

    def _latents(self, count: int) -> Tensor:
        return torch.randn(count, self.generator.z_dim, device=self.device)


def imported(folder: Path) -> tuple[ModuleType, ModuleType]:
    """The clone's networks and losses, its operations set to the reference ones. InputError: no such clone."""
    for name in MODULES:
        if not (folder / f"{name.replace('.', '/')}.py").is_file():
            raise InputError(f"--peer: {str(folder)!r} has no {name.replace('.', '/')}.py; name a clone of {ADDRESS}")
    sys.path.insert(0, str(folder.resolve()))
    try:
        networks, loss, *operations = (importlib.import_module(name) for name in MODULES)
    except ImportError as error:
        raise InputError(f"--peer: {str(folder)!r} cannot be imported ({error}); install what it lacks") from error
    for operation in operations:
        vars(operation).update(_inited=True, _plugin=None)  # as where its CUDA code could not be built
    return networks, loss
