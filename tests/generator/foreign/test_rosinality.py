"""rosinality's checkpoints: sizes from shapes, what is missing is said, look-alikes are refused."""

import re
from pathlib import Path

import pytest
import torch

from ganinv.errors import InputError
from ganinv.generator.checkpoint import build_discriminator, build_generator
from ganinv.generator.foreign import torch_file, write_rosinality
from ganinv.generator.foreign.found import Found
from ganinv.generator.foreign.write_rosinality import content, write

from .conftest import build

OTHER_WIDTHS = "Its widths are not those of rosinality's classes, whose table of channels must be changed to load it."


def _read(path: Path, record: dict) -> Found:
    torch.save(record, path)
    return torch_file.read(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.pt"


@pytest.fixture
def record(prior) -> dict:
    return content(prior)[0]


def test_round_trip(prior, path: Path) -> None:
    assert write(path, prior) == [OTHER_WIDTHS]
    found = torch_file.read(path)
    assert found.family == "stylegan2" and found.notes == []
    generator, discriminator = build_generator(found.architecture), build_discriminator(found.architecture)
    for module, prefix in ((generator, "G_ema."), (discriminator, "D.")):
        state = {name.removeprefix(prefix): v for name, v in found.tensors.items() if name.startswith(prefix)}
        missing = module.load_state_dict(state, strict=False).missing_keys
        assert all(name.endswith("resample_filter") for name in missing)
    z, image = torch.randn(2, 8), torch.randn(4, 3, 16, 16)
    assert torch.equal(generator(z), prior.generator(z))
    assert torch.equal(discriminator(image), prior.discriminator(image))


@pytest.mark.parametrize(
    "changes",
    [
        {"img_resolution": 8, "mapping_layers": 1},
        {"channel_base": 512, "channel_max": 5},
        {"channel_base": {"4": 5, "8": 5, "16": 9}, "channel_max": 9},
        {"channel_base": 64, "channel_max": 16, "z_dim": 5, "w_dim": 5},
    ],
)
def test_sizes_are_read_from_shapes(path: Path, changes: dict) -> None:
    found = _read(path, content(build(**changes))[0])
    generator = build_generator(found.architecture)
    assert {name: tensor.shape for name, tensor in generator.state_dict().items() if "filter" not in name} == {
        name.removeprefix("G_ema."): tensor.shape for name, tensor in found.tensors.items() if name.startswith("G_ema.")
    }
    assert found.architecture["mapping_layers"] == changes.get("mapping_layers", 3)


def test_raw_weights_and_the_data_parallel_prefix(record, path: Path) -> None:
    other = {f"module.{name}": tensor + 1 for name, tensor in record["g_ema"].items() if "kernel" not in name}
    found = _read(path, record | {"g": other})
    for name, tensor in found.tensors.items():
        if name.startswith("G."):
            torch.testing.assert_close(tensor, found.tensors[name.replace("G.", "G_ema.")] + 1)
    assert sum(name.startswith("G.") for name in found.tensors) == len(other)
    found = _read(path, {"g": other})
    assert "raw training weights g were taken" in found.notes[0] and "G_ema.mapping.fc0.weight" in found.tensors


def test_older_files_lack_noise_maps_and_filters(record, path: Path) -> None:
    old = {name: tensor for name, tensor in record["g_ema"].items() if "noises" not in name and "kernel" not in name}
    found, again = _read(path, {"g_ema": old}), torch_file.read(path)
    assert found.notes == [
        "The file has no noise maps (noises.*): they were drawn with seed 0.",
        "The file has no latent_avg (the average w).",
        "The file has no discriminator.",
    ]
    noise = found.tensors["G_ema.synthesis.b16.conv1.noise_const"]
    assert noise.shape == (16, 16) and 0.8 < noise.std() < 1.2
    assert torch.equal(noise, again.tensors["G_ema.synthesis.b16.conv1.noise_const"])
    assert found.architecture["resample_filter"] == [1, 3, 3, 1] and "G_ema.mapping.w_avg" not in found.tensors


def test_another_filter_is_read(record, path: Path) -> None:
    row = torch.tensor([1.0, 2.0, 1.0])
    for state, total in ((record["g_ema"], 4), (record["d"], 1)):
        state.update({name: total * torch.outer(row, row) / 16 for name in state if name.endswith("kernel")})
    assert _read(path, record).architecture["resample_filter"] == [1, 2, 1]


def test_latent_avg_of_equal_and_of_other_rows(record, path: Path) -> None:
    row = record["latent_avg"]
    assert torch.equal(_read(path, record | {"latent_avg": row.repeat(6, 1)}).tensors["G_ema.mapping.w_avg"], row)
    found = _read(path, record | {"latent_avg": torch.randn(6, 8)})
    assert "G_ema.mapping.w_avg" not in found.tensors and "another average w for each layer" in found.notes[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update({"extra": torch.zeros(1)}), "extra is not part of StyleGAN2"),
        (lambda d: d.pop("final_conv.0.weight"), "final_conv.0.weight is missing"),
        (lambda d: d.clear(), "d is no state dict"),
        (lambda d: d.update({"convs.3.conv1.0.weight": torch.zeros(1)}), "it is one of 32 pixels"),
        (lambda d: d.update({"convs.1.skip.0.kernel": torch.rand(4, 4)}), "low-pass filters that differ"),
    ],
)
def test_a_discriminator_that_does_not_fit_is_left_out(record, path: Path, change, said: str) -> None:
    change(record["d"])
    found = _read(path, record)
    assert not any(name.startswith("D.") for name in found.tensors)
    assert any(note.startswith("The discriminator was left out") and said in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: g.update({"to_rgbs.0.iwt.ll": torch.zeros(2, 2)}), "is a SWAGAN network"),
        (lambda g: g.update({"extra": torch.zeros(1)}), "extra is not part of StyleGAN2"),
        (lambda g: g.pop("to_rgb1.bias"), "to_rgb1.bias is missing"),
        (lambda g: g.pop("convs.3.conv.weight"), "3 convolutions after 4 pixels"),
        (lambda g: g.pop("style.1.weight"), "style.1.weight is missing"),
        (lambda g: g.update({"noises.noise_0": torch.zeros(2, 1, 4, 4)}), r"noises.noise_0 has shape \[2, 1, 4, 4\]"),
        (lambda g: g.update({"convs.0.noise.weight": torch.zeros(())}), r"convs.0.noise.weight has shape \[\]"),
        (lambda g: g.update({"input.input": torch.zeros(1, 0, 4, 4)}), r"input.input has shape \[1, 0, 4, 4\]"),
        (lambda g: g.update({"to_rgbs.0.upsample.kernel": torch.zeros(4, 4)}), "low-pass filters that differ"),
        (lambda g: g.update({"convs.0.conv.blur.kernel": torch.zeros(3)}), "not a small matrix of positive numbers"),
        (lambda g: g.update({"convs.0.conv.blur.kernel": torch.rand(4, 4)}), "low-pass filter"),
    ],
)
def test_look_alikes_are_refused(record, path: Path, change, said: str) -> None:
    change(record["g_ema"])
    with pytest.raises(InputError, match=said) as error:
        _read(path, record)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_latent_avg_of_another_size(record, path: Path) -> None:
    with pytest.raises(InputError, match="not the average of a w of 8 values"):
        _read(path, record | {"latent_avg": torch.zeros(9)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"c_dim": 2}, "labels"),
        ({"g_architecture": "resnet"}, "another generator than the one with skips"),
        ({"mapping_lr_multiplier": 0.1}, "another learning rate"),
        ({"z_dim": 4}, "a z of 4 values beside a w of 8"),
        ({"img_channels": 1}, "other channels"),
        ({"conv_clamp": 0.01}, "the generator's clamp at 0.01, where values reach 0.01"),
        ({"img_resolution": 4}, "less than 8 pixels"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(path: Path, changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        write(path, build(**changes))
    assert not path.exists()


def test_what_is_left_out_is_said(path: Path) -> None:
    notes = write(path, build(conv_clamp=1e6))
    assert "The generator's clamp at 1e+06 was left out" in notes[0] and "discriminator's clamp" in notes[1]
    assert "D.b4.out.weight" in torch_file.read(path).tensors
    assert "only one with groups of 4 images" in write(path, build(mbstd_group_size=8))[-1]
    assert "D.b4.out.weight" not in torch_file.read(path).tensors


def _blur(module: torch.nn.Module) -> None:
    """Another filter than the record's."""
    for name, buffer in module.named_buffers():
        if name.endswith("resample_filter"):
            buffer.fill_(1 / 16)


def test_filters_are_asked_of_the_networks_not_of_the_record(prior, path: Path) -> None:
    notes = write(path, build(d_resample_filter=[1, 1]))
    assert "only one with the low-pass filter 1, 3, 3, 1" in notes[-1]
    assert "D.b4.out.weight" not in torch_file.read(path).tensors
    path.unlink()
    _blur(prior.generator)
    with pytest.raises(InputError, match="another low-pass filter than 1, 3, 3, 1"):
        write(path, prior)
    assert not path.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channel_base": 16384}, r"Generator\(64, 8, 3, channel_multiplier=1\), its .* Discriminator\(64, 1\)\."),
        ({"channel_base": 32768, "mbstd_group_size": 8}, r"Generator\(64, 8, 3, channel_multiplier=2\)\."),
        ({"channel_base": 16384, "d_channel_base": 32768}, OTHER_WIDTHS),
    ],
)
def test_how_rosinalitys_classes_make_these_widths(changes: dict, said: str) -> None:
    prior = build(img_resolution=64, channel_max=512, **changes)
    assert re.search(said, content(prior)[1][0])


def test_each_trial_image_is_made_and_judged_once(monkeypatch, caplog) -> None:
    monkeypatch.setattr(write_rosinality, "LARGE", 16)
    tiny, made = build(conv_clamp=1e6), []
    assert tiny.discriminator is not None
    for network in (tiny.generator, tiny.discriminator):
        network.register_forward_hook(lambda module, *_: made.append(type(module).__name__))
    with caplog.at_level("INFO"):
        notes = content(tiny)[1]
    assert made == ["Generator", "Discriminator"] * 2 and "on 2 images values reach" in notes[1]
    assert caplog.messages == ["tiny: 2 images are made, to see whether its clamp acts on them"]
