"""Every fixture, from its real file through `load_prior`: relative error at most 1e-5 (AVX-512: 5e-5) of each output.

The cases are the folders with case.json under GANINV_FIXTURES (default: fixtures/checkpoints of the shared material),
each with its checkpoint and expected.npz, which holds what the official implementation gave.
"""

import copy
import functools
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganinv.generator.build import assemble_generator
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.generator.foreign import sniff
from ganinv.generator.foreign.rosinality_names import discriminator_pairs, mapping_pairs, synthesis_pairs
from ganinv.generator.stylegan2 import mix_styles
from ganinv.loss.adversarial import r1_penalty

# Of the array's largest magnitude. The files ask for 1e-5, which holds where AVX2 is the widest; with AVX-512 kernels
# float32 sums in another order, and 4.0e-5 was seen at one logit, 1.1e-5 elsewhere.
TOLERANCE = 1e-5 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 5e-5
SHARED = Path(os.environ.get("GANINV_SHARED", Path(__file__).parents[4] / "shared"))
FIXTURES = Path(os.environ.get("GANINV_FIXTURES") or SHARED / "fixtures/checkpoints")
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/case.json"))
GIVEN = r"z|c|wplus|target|d_x|d_c|noise/\d+|latent_avg"
COMPARED = (
    r"w|w_psi07|w_psi07_cut|img_w|img_psi07|img_psi07_cut|img_w_nonoise|img_wplus|img_mix|img_G_w|img_z|style/.*|feat_x/.*"
    r"|feat_img/.*|feat/.*|g_loss|g_loss_from_z|grad/.*|d_logits_b\d+|d_logits_on_img_wplus|d_loss|d_r1_penalty|grad_r1/D\..*"
)


@functools.cache
def load(folder: Path) -> Prior:
    return load_prior(_checkpoint(folder))


def _checkpoint(folder: Path) -> Path:
    return folder / json.loads((folder / "case.json").read_text())["file"]["name"]


class Case:
    """One fixture: its networks and what they should give."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, json.loads((folder / "case.json").read_text())
        self.expected = {name: torch.from_numpy(value) for name, value in np.load(folder / "expected.npz").items()}
        prior = load(folder)
        self.generator, self.discriminator = copy.deepcopy(prior.generator), copy.deepcopy(prior.discriminator)
        self.c, self.is_rosinality = self.expected.get("c"), folder.name.startswith("ros")
        self.is_rosinality = "rosinality" in self.record["family"]
        if self.is_rosinality:
            self._complete()

    def _complete(self) -> None:
        """What such a file may lack was given to the official network by hand."""
        pairs = {pair.theirs: pair.ours for pair in self.pairs()}
        self.generator.mapping.w_avg.copy_(self.expected["latent_avg"])
        for name in self.named("noise/"):
            ours = pairs[f"noises.noise_{name.removeprefix('noise/')}"]
            buffer = self.generator.get_buffer(ours)
            buffer.copy_(self.expected[name].view_as(buffer))

    def pairs(self):
        resolution = self.generator.img_resolution
        return mapping_pairs(self.generator.mapping.num_layers) + synthesis_pairs(resolution)

    def raw_generator(self) -> nn.Module:
        """G, the weights as trained; G_ema is their average."""
        path = _checkpoint(self.folder)
        found = sniff.read(path)
        tensors = {name.replace("G.", "G_ema.", 1): t for name, t in found.tensors.items() if name.startswith("G.")}
        return assemble_generator(found.architecture, tensors, path)

    def named(self, start: str) -> list[str]:
        return [name for name in self.expected if name.startswith(start)]

    def ours(self, name: str) -> str:
        """Our name of a parameter "G.…", "D.…" or of a style's layer."""
        if self.is_rosinality:
            own, rest = name.split(".", 1)
            pairs = discriminator_pairs(self.generator.img_resolution) if own == "D" else self.pairs()
            return next(pair.ours for pair in pairs if pair.theirs == rest)
        return name.split(".", 1)[1]

    def labels(self, count: int, *, of: str = "c") -> Tensor | None:
        return self.expected[of][:count] if of in self.expected else None

    def close(self, found: Tensor, name: str) -> None:
        expected = self.expected[name]
        error = (found.detach().reshape(expected.shape) - expected).abs().max() / expected.abs().max()
        assert error <= TOLERANCE, f"{name}: relative error {error:.1e}"

    def close_gradients(self, module: nn.Module, prefix: str, names: list[str]) -> None:
        for name in names:
            gradient = module.get_parameter(self.ours(name.removeprefix(prefix))).grad
            assert gradient is not None
            self.close(gradient, name)


@pytest.fixture(params=CASES or ["none"])
def case(request) -> Case:
    if not CASES:
        pytest.skip(f"no cases in {FIXTURES}; set GANINV_FIXTURES to a folder of them, or GANINV_SHARED")
    return Case(FIXTURES / request.param)


def test_every_stored_array_is_compared(case: Case) -> None:
    unknown = [name for name in case.expected if not re.fullmatch(f"{GIVEN}|{COMPARED}", name)]
    assert not unknown
    assert {"w", "img_w", "g_loss", "grad/wplus", "d_loss", "grad/d_x", "d_r1_penalty"} <= case.expected.keys()


def test_mapping_and_truncation(case: Case) -> None:
    mapping, z = case.generator.mapping, case.expected["z"]
    cutoff = case.record["meta"].get("truncation_cutoff")
    found = {"w": mapping(z, case.c), "w_psi07": mapping(z, case.c, psi=0.7)}
    if "w_psi07_cut" in case.expected:
        found["w_psi07_cut"] = mapping(z, case.c, psi=0.7, cutoff=cutoff)
    for name, ws in found.items():
        case.close(ws if case.expected[name].ndim == 3 else ws[:, 0], name)


def _images(case: Case) -> dict[str, Any]:
    g, e, one = case.generator, case.expected, case.labels(1)
    w, meta = e["w"] if e["w"].ndim == 3 else e["w"][:, None].repeat(1, g.num_ws, 1), case.record["meta"]
    return {
        "img_w": lambda: g.synthesis(w[:2]),
        "img_z": lambda: g(e["z"][:1], one),
        "img_psi07": lambda: g(e["z"][:1], one, psi=0.7),
        "img_psi07_cut": lambda: g(e["z"][:1], one, psi=0.7, cutoff=meta["truncation_cutoff"]),
        "img_w_nonoise": lambda: g.synthesis(w[:1], noise_mode="none"),
        "img_wplus": lambda: g.synthesis(e["wplus"]),
        "img_mix": lambda: g.synthesis(mix_styles(w[:1], w[1:2], crossover=meta["mix_crossover"])),
        "img_G_w": lambda: case.raw_generator()(e["z"][:1], one),
    }


def test_images(case: Case) -> None:
    images, names = _images(case), case.named("img_")
    assert len(names) >= 6 and set(names) <= images.keys()
    for name in names:
        case.close(images[name](), name)


def test_styles(case: Case) -> None:
    styles, names = case.generator.synthesis.styles(case.expected["wplus"]), case.named("style/")
    assert len(names) == len(styles)
    for name in names:
        layer = name.removeprefix("style/").removeprefix("synthesis.")
        if case.is_rosinality:
            layer = case.ours(f"G.{layer}.weight").removeprefix("synthesis.").removesuffix(".weight")
        case.close(styles[layer.removesuffix(".affine")], name)


def test_features(case: Case) -> None:
    """Features and running images of blocks (NVIDIA), outputs of layers (StyleGAN3: sample 0, two channels)."""
    outputs: dict[str, Any] = {}
    for name, module in case.generator.synthesis.named_modules():
        module.register_forward_hook(lambda m, i, output, name=name: outputs.update({name: output}))
    case.generator.synthesis(case.expected["wplus"])
    names = case.named("feat")
    assert names
    for name in names:
        kind, layer = name.split("/")
        case.close(_feature(case, outputs, kind, layer, case.expected[name]), name)


def _feature(case: Case, outputs: dict[str, Any], kind: str, layer: str, expected: Tensor) -> Tensor:
    if kind in ("feat_x", "feat_img"):
        return outputs[layer.removeprefix("synthesis.")][kind == "feat_img"]
    if case.is_rosinality:
        layer = case.ours(f"G.{layer}.conv.weight").removeprefix("synthesis.").removesuffix(".weight")
        # Their toRGB adds the image so far.
        return outputs[layer.removesuffix(".torgb")][1] if layer.endswith("torgb") else outputs[layer]
    return outputs[layer][: len(expected), : expected.shape[1]]


def test_generator_gradients(case: Case) -> None:
    generator, e = case.generator.requires_grad_(True), case.expected
    ws = e["wplus"].clone().requires_grad_(True)
    loss = F.mse_loss(generator.synthesis(ws), e["target"])
    loss.backward()
    case.close(loss, "g_loss")
    assert ws.grad is not None
    case.close(ws.grad, "grad/wplus")
    names = [name for name in case.named("grad/G.") if not _of_mapping(name)]
    assert names
    case.close_gradients(generator, "grad/", names)


def test_gradients_through_the_mapping(case: Case) -> None:
    generator, e = case.generator.requires_grad_(True), case.expected
    z = e["z"][:2].clone().requires_grad_(True)
    loss = F.mse_loss(generator(z, case.labels(2)), e["target"])
    loss.backward()
    case.close(loss, "g_loss_from_z")
    assert z.grad is not None
    case.close(z.grad, "grad/z")
    names = [name for name in case.named("grad/G.") if _of_mapping(name)]
    assert names
    case.close_gradients(generator, "grad/", names)


def _of_mapping(name: str) -> bool:
    return ".mapping." in name or name.startswith("grad/G.style.")


def test_discriminator_at_each_batch_size(case: Case) -> None:
    discriminator, e = case.discriminator, case.expected
    assert discriminator is not None
    sizes = [int(name.removeprefix("d_logits_b")) for name in case.named("d_logits_b")]
    assert {1, 2, 3, 4} <= set(sizes)
    for n in sizes:
        case.close(discriminator(e["d_x"][:n], case.labels(n, of="d_c")), f"d_logits_b{n}")
    count = len(e["img_wplus"])
    case.close(discriminator(e["img_wplus"], case.labels(count, of="d_c")), "d_logits_on_img_wplus")


def test_discriminator_gradients(case: Case) -> None:
    assert case.discriminator is not None
    discriminator = case.discriminator.requires_grad_(True)
    x = case.expected["d_x"][:4].clone().requires_grad_(True)
    loss = F.softplus(-discriminator(x, case.labels(4, of="d_c"))).mean()
    loss.backward()
    case.close(loss, "d_loss")
    assert x.grad is not None
    case.close(x.grad, "grad/d_x")
    assert case.named("grad/D.")
    case.close_gradients(discriminator, "grad/", case.named("grad/D."))


def test_r1_and_its_second_derivative(case: Case) -> None:
    assert case.discriminator is not None
    discriminator = case.discriminator.requires_grad_(True)
    labelled = functools.partial(discriminator, c=case.labels(4, of="d_c"))
    labelled.micro_batch = None  # pyright: ignore[reportAttributeAccessIssue]
    penalty = r1_penalty(labelled, case.expected["d_x"][:4])  # pyright: ignore[reportArgumentType]
    case.close(penalty, "d_r1_penalty")
    penalty.mean().backward()
    assert case.named("grad_r1/D.")
    case.close_gradients(discriminator, "grad_r1/", case.named("grad_r1/D."))
