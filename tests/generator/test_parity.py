"""The networks against outputs of the official implementation, stored as arrays: relative error at most 1e-5."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from ganinv.generator.discriminator import Discriminator
from ganinv.generator.stylegan2 import Generator, mix_styles
from ganinv.loss.adversarial import r1_penalty

CASES = ("ada_g32_resnet_cond4", "ada_g32_skip_map2", "ada_g64_skip_map8_mixed")
TOLERANCE = 1e-5


class Case:
    """One fixture: its networks and what they should give."""

    def __init__(self, folder: Path) -> None:
        self.record = json.loads((folder / "case.json").read_text())
        self.weights = load_file(folder / "weights.safetensors")
        self.expected = {name: torch.from_numpy(value) for name, value in np.load(folder / "expected.npz").items()}
        self.c, self.d_c = self.expected.get("c"), self.expected.get("d_c")

    def generator(self, prefix: str = "G_ema") -> Generator:
        g = self.record["G_kwargs"]
        synthesis = {key: value for key, value in g["synthesis_kwargs"].items() if key != "num_fp16_res"}
        generator = Generator(
            z_dim=g["z_dim"],
            w_dim=g["w_dim"],
            c_dim=g["c_dim"],
            img_resolution=g["img_resolution"],
            mapping_layers=g["mapping_kwargs"]["num_layers"],
            **synthesis,
        )
        generator.load_state_dict(self._state(prefix))
        return generator

    def discriminator(self) -> Discriminator:
        d = self.record["D_kwargs"]
        discriminator = Discriminator(
            img_resolution=d["img_resolution"],
            c_dim=d["c_dim"],
            channel_base=d["channel_base"],
            channel_max=d["channel_max"],
            architecture=d.get("architecture", "resnet"),
            conv_clamp=d.get("conv_clamp"),
            mapping_layers=d.get("mapping_kwargs", {}).get("num_layers", 8),
            mbstd_group_size=d.get("epilogue_kwargs", {}).get("mbstd_group_size", 4),
        )
        discriminator.load_state_dict(self._state("D"))
        return discriminator

    def labels(self, count: int, *, of: str = "c") -> torch.Tensor | None:
        return self.expected[of][:count] if of in self.expected else None

    def close(self, found: torch.Tensor, name: str) -> None:
        expected = self.expected[name]
        error = (found.detach().reshape(expected.shape) - expected).abs().max() / expected.abs().max()
        assert error <= TOLERANCE, f"{name}: relative error {error:.1e}"

    def _state(self, prefix: str) -> dict[str, torch.Tensor]:
        dot = f"{prefix}."
        return {name.removeprefix(dot): value for name, value in self.weights.items() if name.startswith(dot)}


@pytest.fixture(params=CASES)
def case(request, shared) -> Case:
    return Case(shared(f"fixtures/checkpoints/{request.param}/weights.safetensors").parent)


def test_mapping_and_truncation(case: Case) -> None:
    generator, z = case.generator(), case.expected["z"]
    cutoff = case.record["meta"]["truncation_cutoff"]
    case.close(generator.mapping(z, case.c), "w")
    case.close(generator.mapping(z, case.c, psi=0.7), "w_psi07")
    case.close(generator.mapping(z, case.c, psi=0.7, cutoff=cutoff), "w_psi07_cut")


def test_images(case: Case) -> None:
    generator, e = case.generator(), case.expected
    one, cutoff = case.labels(1), case.record["meta"]["truncation_cutoff"]
    case.close(generator.synthesis(e["w"][:2]), "img_w")
    case.close(generator(e["z"][:1], one, psi=0.7), "img_psi07")
    case.close(generator(e["z"][:1], one, psi=0.7, cutoff=cutoff), "img_psi07_cut")
    case.close(generator.synthesis(e["w"][:1], noise_mode="none"), "img_w_nonoise")
    case.close(generator.synthesis(e["wplus"]), "img_wplus")
    mixed = mix_styles(e["w"][:1], e["w"][1:2], crossover=case.record["meta"]["mix_crossover"])
    case.close(generator.synthesis(mixed), "img_mix")
    case.close(case.generator("G")(e["z"][:1], one), "img_G_w")


def test_styles(case: Case) -> None:
    styles = case.generator().synthesis.styles(case.expected["wplus"])
    names = [name for name in case.expected if name.startswith("style/")]
    assert len(names) == len(styles)
    for name in names:
        layer = name.removeprefix("style/").removeprefix("synthesis.").removesuffix(".affine")
        case.close(styles[layer], name)


def test_generator_gradients(case: Case) -> None:
    generator, e = case.generator(), case.expected
    ws = e["wplus"].clone().requires_grad_(True)
    loss = F.mse_loss(generator.synthesis(ws), e["target"])
    loss.backward()
    case.close(loss, "g_loss")
    assert ws.grad is not None
    case.close(ws.grad, "grad/wplus")
    _close_gradients(case, generator, "grad/G.", lambda name: "mapping" not in name)


def test_gradients_through_the_mapping(case: Case) -> None:
    generator, e = case.generator(), case.expected
    z = e["z"][:2].clone().requires_grad_(True)
    F.mse_loss(generator(z, case.labels(2)), e["target"]).backward()
    assert z.grad is not None
    case.close(z.grad, "grad/z")
    _close_gradients(case, generator, "grad/G.", lambda name: "mapping" in name)


def test_discriminator_at_each_batch_size(case: Case) -> None:
    discriminator, e = case.discriminator(), case.expected
    sizes = [int(name.removeprefix("d_logits_b")) for name in e if name.startswith("d_logits_b")]
    assert {1, 2, 3, 4} <= set(sizes)
    for n in sizes:
        case.close(discriminator(e["d_x"][:n], case.labels(n, of="d_c")), f"d_logits_b{n}")
    case.close(discriminator(e["img_wplus"], case.labels(2, of="d_c")), "d_logits_on_img_wplus")


def test_discriminator_gradients(case: Case) -> None:
    discriminator = case.discriminator()
    x = case.expected["d_x"][:4].clone().requires_grad_(True)
    loss = F.softplus(-discriminator(x, case.labels(4, of="d_c"))).mean()
    loss.backward()
    case.close(loss, "d_loss")
    assert x.grad is not None
    case.close(x.grad, "grad/d_x")
    _close_gradients(case, discriminator, "grad/D.", lambda name: True)


def test_r1_and_its_second_derivative(case: Case) -> None:
    discriminator, labels = case.discriminator(), case.labels(4, of="d_c")

    def labelled(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return discriminator(x, labels, dtype=dtype)

    penalty = r1_penalty(labelled, case.expected["d_x"][:4])  # pyright: ignore[reportArgumentType]
    case.close(penalty, "d_r1_penalty")
    penalty.mean().backward()
    _close_gradients(case, discriminator, "grad_r1/D.", lambda name: True)


def _close_gradients(case: Case, module: torch.nn.Module, prefix: str, wanted) -> None:
    names = [name for name in case.expected if name.startswith(prefix) and wanted(name)]
    assert names
    for name in names:
        gradient = module.get_parameter(name.removeprefix(prefix)).grad
        assert gradient is not None
        case.close(gradient, name)
