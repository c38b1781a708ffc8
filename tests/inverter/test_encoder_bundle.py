"""Published encoders: files as pSp, e4e and ReStyle write them, made here."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior, load_prior
from ganinv.generator.foreign.write_rosinality import content
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.encoder import Encode
from ganinv.inverter.encoder_file import load_encoder
from ganinv.inverter.networks.encoder import Architecture, Encoder

TINY = Architecture(
    num_ws=6,
    w_dim=8,
    trunk="ir_se",
    units=(1, 2, 1, 1),
    width=4,
    head="pyramid",
    deltas=False,
    style_width=8,
    in_channels=3,
    in_size=32,
    in_rows=32,
)
LAST = replace(TINY, head="last", in_channels=6)
# Its class there, and what it is.
PUBLISHED = {
    "GradualStyleEncoder": TINY,
    "Encoder4Editing": replace(TINY, deltas=True),
    "BackboneEncoder": LAST,
    "ProgressiveBackboneEncoder": replace(LAST, deltas=True),
    "ResNetBackboneEncoder": replace(LAST, trunk="resnet"),
    "ResNetProgressiveBackboneEncoder": replace(LAST, trunk="resnet", deltas=True),
    "ResNetGradualStyleEncoder": replace(TINY, trunk="resnet", in_channels=6),
    "SingleStyleCodeEncoder": replace(TINY, head="single", style_width=0, in_size=256, in_rows=256),
}


@pytest.fixture
def prior() -> Prior:
    """Of 16 pixels, as such files hold it: its noise maps and average too."""
    torch.manual_seed(1)
    generator = Generator(z_dim=8, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8)
    generator.mapping.w_avg.normal_()
    architecture = {"z_dim": 8, "w_dim": 8, "c_dim": 0, "img_resolution": 16, "mapping_layers": 2}
    architecture |= {"channel_base": 128, "channel_max": 8, "mapping_lr_multiplier": 0.01}
    return Prior(generator.requires_grad_(False).eval(), None, "sha256:0", architecture, "tiny")


def bundle(prior: Prior, kind: str, **opts: Any) -> tuple[dict[str, Any], Encoder]:
    """What such a file holds, and the encoder that is in it, with statistics of its own."""
    torch.manual_seed(0)
    encoder = Encoder(architecture=PUBLISHED[kind])
    for name, buffer in encoder.named_buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
        assert name.startswith("trunk.")
    record = content(prior)[0]
    state = {f"encoder.{name.split('.', 1)[1]}": tensor for name, tensor in encoder.state_dict().items()}
    state |= {f"decoder.{name}": tensor for name, tensor in record["g_ema"].items()}
    start = torch.randn(6, 8, generator=torch.Generator().manual_seed(3))
    return {"state_dict": state, "opts": {"encoder_type": kind} | opts, "latent_avg": start}, encoder.eval()


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_bundle_is_read(prior: Prior, tmp_path: Path, kind: str) -> None:
    made, encoder = bundle(prior, kind, output_size=16, device="cuda:0")
    torch.save(made, tmp_path / "x.pt")
    loaded = load_encoder(tmp_path / "x.pt")
    assert loaded.encoder.architecture == PUBLISHED[kind] and loaded.form.startswith("published encoder of")
    for name, tensor in encoder.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(loaded.encoder.state_dict()[name], tensor)
    images = torch.rand(2, 3, 16, 16)
    assert Encode(path=str(tmp_path / "x.pt")).steps == (5 if encoder.is_residual else 1)
    found = Encode(path=str(tmp_path / "x.pt"), steps=1)(prior=prior, images=images, seed=0)
    start = made["latent_avg"].expand(2, -1, -1)
    is_residual = encoder.is_residual
    with torch.no_grad():
        average = prior.generator.synthesis(start, noise_mode="const")
        assert torch.allclose(found.ws, start + encoder(images, average if is_residual else None), atol=1e-5)


def test_the_generator_in_a_bundle_is_the_one_that_it_fits(prior: Prior, tmp_path: Path) -> None:
    torch.save(bundle(prior, "Encoder4Editing")[0], tmp_path / "e4e.pt")
    inverter, images = Encode(path=str(tmp_path / "e4e.pt"), kind="e4e"), torch.zeros(1, 3, 16, 16)
    assert inverter(prior=load_prior(tmp_path / "e4e.pt"), images=images, seed=0).ws.shape == (1, 6, 8)
    with torch.no_grad():
        dict(prior.generator.named_parameters())["synthesis.b8.conv0.weight"].mul_(1.05)
    with pytest.raises(InputError, match="e4e.pt: was trained for another generator than tiny; load the one"):
        inverter(prior=prior, images=images, seed=0)


def test_without_an_average_the_generators_own_is_meant(prior: Prior, tmp_path: Path) -> None:
    made, encoder = bundle(prior, "Encoder4Editing")
    del made["latent_avg"]
    torch.save(made, tmp_path / "e4e.pt")
    images = torch.rand(1, 3, 16, 16)
    found = Encode(path=str(tmp_path / "e4e.pt"))(prior=prior, images=images, seed=0)
    with torch.no_grad():
        assert torch.allclose(found.ws, prior.generator.mapping.w_avg + encoder(images), atol=1e-5)


def test_options_that_no_shape_tells(prior: Prior, tmp_path: Path) -> None:
    made, _ = bundle(prior, "GradualStyleEncoder", start_from_latent_avg=False)
    torch.save(made, tmp_path / "psp.pt")
    start = load_encoder(tmp_path / "psp.pt").start
    assert start is not None and not start.any()
    made, encoder = bundle(prior, "BackboneEncoder", dataset_type="cars_encode")
    made["opts"] = Namespace(**made["opts"])
    torch.save(made, tmp_path / "cars.pt")
    loaded, images = load_encoder(tmp_path / "cars.pt").encoder, torch.rand(1, 3, 32, 32)
    assert loaded.architecture.in_rows == 24
    with torch.no_grad():
        wide = torch.cat([images, images], dim=1)[:, :, 4:28]
        assert torch.allclose(loaded(images, images), encoder.head(encoder.trunk(wide)), atol=1e-6)


def damaged(made: dict[str, Any], what: str) -> dict[str, Any]:
    state = made["state_dict"]
    changes: dict[str, Any] = {
        "missing": {"state_dict": {name: value for name, value in state.items() if "latlayer2" not in name}},
        "bare": {"state_dict": {name: value for name, value in state.items() if name.startswith("decoder.")}},
        "foreign": {"state_dict": state | {"encoder.extra.weight": torch.zeros(1)}},
        "shape": {"state_dict": state | {"encoder.styles.1.linear.bias": torch.zeros(9)}},
        "nan": {"state_dict": state | {"encoder.styles.1.linear.bias": torch.full([8], torch.nan)}},
        "sketch": {"state_dict": state | {"encoder.input_layer.0.weight": torch.zeros(4, 19, 3, 3)}},
        "unnamed": {"opts": {}},
        "listed": {"opts": {"encoder_type": ["BackboneEncoder", (1, (2, 3))]}},
        "average": {"latent_avg": torch.zeros(5, 8)},
        "many": {"state_dict": state | {"encoder.styles.99999.linear.weight": torch.zeros(8, 8)}},
        "stages": {"state_dict": state | {"encoder.body.4.res_layer.3.weight": torch.zeros(33, 32, 3, 3)}},
    }
    return made | changes[what]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("missing", "its encoder's head.latlayer2.bias is missing"),
        ("bare", "its state_dict has no encoder"),
        ("foreign", "its encoder's head.extra.weight is not expected"),
        ("shape", r"its encoder's head.styles.1.linear.bias has shape \[9\], expected \[8\]"),
        ("nan", "its encoder's head.styles.1.linear.bias holds values that are not finite"),
        ("sketch", "its encoder takes 19 channels \\(segmentations or sketches\\), not photos"),
        ("unnamed", "its opts name the encoder_type None, which is none of BackboneEncoder, "),
        ("listed", "its opts name the encoder_type a list, which is none of BackboneEncoder, "),
        ("average", "latent_avg is not the average of 6 times 8 values"),
        ("many", "its encoder has a part numbered 99999, more than 63 allowed"),
        ("stages", "its encoder's trunk has not four stages of doubling width"),
    ],
)
def test_damaged_bundles(prior: Prior, tmp_path: Path, what: str, said: str) -> None:
    torch.save(damaged(bundle(prior, "Encoder4Editing")[0], what), tmp_path / "e4e.pt")
    with pytest.raises(InputError, match=f"e4e.pt: {said}") as error:
        load_encoder(tmp_path / "e4e.pt")
    assert str(error.value).endswith("; give a file of pSp, e4e or ReStyle with its encoder")


def test_one_w_needs_the_generator_that_counts_layers(prior: Prior, tmp_path: Path) -> None:
    made, _ = bundle(prior, "SingleStyleCodeEncoder")
    made["state_dict"] = {name: value for name, value in made["state_dict"].items() if name.startswith("encoder.")}
    torch.save(made, tmp_path / "w.pt")
    with pytest.raises(InputError, match="w.pt: has an encoder into one w and no decoder, which alone tells"):
        load_encoder(tmp_path / "w.pt")


@pytest.mark.parametrize("made", [[1], {"g_ema": {}}, {"state_dict": 3}, {"state_dict": {"encoder.a": 1}}])
def test_other_files(tmp_path: Path, made: Any) -> None:
    torch.save(made, tmp_path / "x.pt")
    with pytest.raises(InputError, match="x.pt: (has no state_dict|state_dict is no state dict)"):
        load_encoder(tmp_path / "x.pt")
