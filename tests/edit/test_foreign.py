"""Published direction files, written here in their own forms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from ganinv.edit.channels import covered, read_pairs
from ganinv.edit.direction import style_widths
from ganinv.edit.foreign import Published
from ganinv.edit.samples import draw, style_statistics
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior


def read(path: Path, prior: Prior, **settings):
    (found,) = Published(path=str(path), **settings)(prior=prior, name="x")
    assert found.fingerprint == prior.fingerprint and found.made["generator"] == "by the user's word"
    return found


@pytest.mark.parametrize("shape", [(8,), (1, 8), (1, 1, 8)])
@pytest.mark.parametrize("suffix", [".pt", ".npy"])
def test_a_vector_as_interfacegan_and_e4e_have_it(prior: Prior, tmp_path: Path, shape, suffix: str) -> None:
    value, path = torch.randn(shape), tmp_path / f"age{suffix}"
    torch.save(value, path) if suffix == ".pt" else np.save(path, value.numpy())
    found = read(path, prior, form="vector", licence="MIT")
    assert found.space == "w" and found.licence == "MIT" and torch.equal(found.values["w"], value.flatten())


def test_a_vector_a_layer_is_of_w_plus(prior: Prior, tmp_path: Path) -> None:
    torch.save(value := torch.randn(6, 8), tmp_path / "pose.pt")
    assert torch.equal(read(tmp_path / "pose.pt", prior, form="vector").values["w+"], value)
    torch.save(torch.randn(18, 8), tmp_path / "pose.pt")
    with pytest.raises(InputError, match=r"x: has shape \[18, 8\] at w\+, but this generator needs \[6, 8\]"):
        read(tmp_path / "pose.pt", prior, form="vector")


@pytest.mark.parametrize("names", [("comp", "mean", "std"), ("lat_comp", "lat_mean", "lat_stdev")])
def test_ganspaces_components(prior: Prior, tmp_path: Path, names) -> None:
    comp, mean, std = torch.linalg.qr(torch.randn(8, 8))[0][:5], torch.randn(8), torch.rand(5) + 1
    parts = dict(zip(names, (comp[:, None], mean[None], std), strict=True))
    path = tmp_path / ("pca.pt" if "comp" in names else "pca.npz")
    torch.save(parts, path) if "comp" in names else np.savez(path, **{n: v.numpy() for n, v in parts.items()})  # pyright: ignore[reportArgumentType]
    found = read(path, prior, form="ganspace", component=3, layers=(2, 4), strength=-6)
    assert found.layers == (2, 4) and found.strength == -6
    assert_close(found.values["w"], comp[3] * std[3])
    assert found.origin == pytest.approx(float(mean @ comp[3] / std[3]), rel=1e-4)
    with pytest.raises(InputError, match="^finder.component: .* holds 5 components; name one"):
        read(path, prior, form="ganspace", component=5)


def test_stylespaces_channels(prior: Prior, tmp_path: Path) -> None:
    path = tmp_path / "glasses.txt"
    path.write_text("# glasses\n(0, 5)\n3,1\n(2,7): -0.5\n")
    assert read_pairs(path) == [(0, 5, 1), (3, 1, 1), (2, 7, -0.5)]
    found = read(path, prior, form="channels", strength=15)
    _, spread = style_statistics(prior.generator, draw(prior.generator, count=2000, seed=0, psi=0.7))
    names = list(style_widths(prior.generator))
    assert set(found.values) == {names[0], names[3], names[2]} == {"b4.conv1", "b8.conv1", "b8.conv0"}
    assert_close(found.values["b8.conv0"][7], -0.5 * spread["b8.conv0"][7])
    assert found.values["b4.conv1"].nonzero().flatten().tolist() == [5]


@pytest.mark.parametrize(
    "text", ["(3,288)(2,175)", "(3, 288), (2, 175)", "(3,288): 1; (2,175)", "3,288 (2,175)", "(3,288)\n(2,175) # brow"]
)
def test_several_channels_on_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(text)
    assert read_pairs(tmp_path / "x.txt") == [(3, 288, 1), (2, 175, 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(0, 5): 2\n3, 1\n0 5\n", "names channel 5 of layer 0 twice; give it once"),
        ("(0,5)(0,5)", "names channel 5 of layer 0 twice"),
        ("(0,5)(0,x)", "'\\(0,x\\)' is no channel"),
        ("(90, 1)\n", "names layer 90, and this generator's styles have 8"),
        ("smile\n", "'smile' is no channel"),
        ("", "names no"),
    ],
)
def test_wrong_channels(prior: Prior, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(InputError, match=f"x.txt: {said}"):
        read(tmp_path / "x.txt", prior, form="channels")


def test_a_channel_beyond_the_layers_width(prior: Prior, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("6, 501\n")
    with pytest.raises(InputError, match="^x: this generator has no channel 501 in b16.conv1"):
        read(tmp_path / "x.txt", prior, form="channels")


def test_styleclips_global_direction(prior: Prior, tmp_path: Path) -> None:
    widths = style_widths(prior.generator)
    count = sum(width for layer, width in widths.items() if "torgb" not in layer)
    change = np.zeros(count, np.float32)
    change[[1, 9, 20]] = 0.4, -0.2, 0.05
    np.save(tmp_path / "clip.npy", change)
    found = read(tmp_path / "clip.npy", prior, form="styleclip", threshold=0.1)
    _, spread = style_statistics(prior.generator, draw(prior.generator, count=2000, seed=0, psi=0.7))
    assert_close(found.values["b4.conv1"][1], spread["b4.conv1"][1])
    assert_close(found.values["b8.conv0"][1], -0.5 * spread["b8.conv0"][1])
    assert sum(int(value.count_nonzero()) for value in found.values.values()) == 2
    with pytest.raises(InputError, match="^finder.threshold: no channel of .* reaches 0.5"):
        read(tmp_path / "clip.npy", prior, form="styleclip", threshold=0.5)
    np.save(tmp_path / "clip.npy", change[:-1])
    with pytest.raises(InputError, match=f"holds {count - 1} channels, and this generator's styles have {count}"):
        read(tmp_path / "clip.npy", prior, form="styleclip")


def fs3(path: Path, rows: dict[int, list[float]], count: int) -> Path:
    """A matrix [count, 4] as StyleCLIP's fs3.npy, zero but for `rows`."""
    matrix = np.zeros((count, 4))
    for row, values in rows.items():
        matrix[row] = values
    np.save(path, matrix)
    return path


def convolutions(prior: Prior) -> dict[str, int]:
    return {layer: width for layer, width in style_widths(prior.generator).items() if "torgb" not in layer}


# By hand: |Δt| = 5, so the rows give 0.6, −0.8, 0.48 and 0.04; β = 0.5 leaves the first two, over 0.8.
@pytest.mark.parametrize("shape", [(4,), (1, 4)])
def test_styleclips_matrix_for_a_text(shape, prior: Prior, tmp_path: Path) -> None:
    count = sum(convolutions(prior).values())
    rows = {1: [1.0, 0, 0, 0], 9: [0, -1.0, 0, 0], 10: [0.8, 0, 0.6, 0], 20: [0, 0.05, 0, 0]}
    np.save(tmp_path / "text.npy", np.array([3.0, 4.0, 0, 0], np.float16).reshape(shape))
    matrix = fs3(tmp_path / "fs3.npy", rows, count)
    found = read(matrix, prior, form="styleclip", text=str(tmp_path / "text.npy"), threshold=0.5)
    _, spread = style_statistics(prior.generator, draw(prior.generator, count=2000, seed=0, psi=0.7))
    assert found.values.keys() == {"b4.conv1", "b8.conv0"}
    assert_close(found.values["b4.conv1"][1], 0.75 * spread["b4.conv1"][1])
    assert_close(found.values["b8.conv0"][1], -spread["b8.conv0"][1])
    assert sum(int(value.count_nonzero()) for value in found.values.values()) == 2
    assert found.made["text"] == "text.npy" and found.made["threshold"] == 0.5


# All layers; without ToRGB; and without what is above 128 pixels too.
def test_which_layers_a_file_of_styleclip_has() -> None:
    widths = {"b64.conv1": 8, "b64.torgb": 8, "b128.conv0": 4, "b128.torgb": 4, "b256.conv0": 2, "b256.torgb": 2}
    assert covered(28, widths) == widths
    assert covered(14, widths) == {"b64.conv1": 8, "b128.conv0": 4, "b256.conv0": 2}
    assert covered(12, widths) == {"b64.conv1": 8, "b128.conv0": 4}
    assert covered(8, widths) is None, "no first layers alone: a direction in w has as many numbers"


@pytest.mark.parametrize(
    ("held", "text", "said"),
    [
        ([5, 4], None, "fs3.npy: holds a matrix .*; name the difference of two texts' CLIP features beside it"),
        ([5, 4], [3], r"^finder.text: .*text.npy must hold one text's CLIP feature less another's, \[4\] as the rows"),
        ([5, 4], [2, 4], r"^finder.text: .* it has the shape \[2, 4\]"),
        ([5, 4], 0, "^finder.text: .* not all zero"),
        ([5], [4], "^finder.text: .*fs3.npy holds a change for each channel already; leave text out"),
        ([5, 4, 2], [4], r"holds an array \[5, 4, 2\], and \[channels\] or \[channels, D\] is asked"),
        ([5, 4], [4], "holds 5 channels, and this generator's styles have"),
    ],
)
def test_wrong_matrices_and_texts(held, text, said: str, prior: Prior, tmp_path: Path) -> None:
    np.save(tmp_path / "fs3.npy", np.ones(held))
    np.save(tmp_path / "text.npy", np.zeros(4) if text == 0 else np.ones(text or 1))
    given = {} if text is None else {"text": str(tmp_path / "text.npy")}
    with pytest.raises(InputError, match=said):
        read(tmp_path / "fs3.npy", prior, form="styleclip", **given)


class Evil:
    def __reduce__(self):
        return (Path("evil").touch, ())


def test_nothing_in_a_file_is_run(prior: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"comp": Evil()}, "evil.pt")
    np.save("evil.npy", np.array([Evil()], dtype=object))
    for name in ("evil.pt", "evil.npy"):
        with pytest.raises(InputError, match="not a whole file of plain arrays"):
            read(Path(name), prior, form="vector")
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    ("form", "given", "said"),
    [
        ("channels", {"layers": (0, 2)}, "^finder.layers: form=channels names the channels of each layer itself"),
        ("styleclip", {"layers": (0, 2)}, "^finder.layers: form=styleclip"),
        ("ganspace", {"space": "z"}, "^finder.space: form=ganspace lies in w"),
        ("channels", {"space": "z"}, "^finder.space: form=channels lies in s"),
        ("vector", {"text": "x.npy"}, "^finder.text: form=vector takes no text; leave text out, or set finder.form=st"),
        ("styleclip", {"text": "nowhere.npy"}, "^finder.text: nowhere.npy does not exist; name a .npy"),
    ],
)
def test_what_a_form_does_not_take_is_told(form: str, given: dict, said: str, prior: Prior, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones([3, 5], np.float32))
    with pytest.raises(InputError, match=said):
        read(tmp_path / "x.npy", prior, form=form, **given)


def test_wrong_files(prior: Prior, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^finder.path: nowhere.pt does not exist"):
        Published(path="nowhere.pt", form="vector")
    torch.save(torch.full([8], torch.nan), tmp_path / "x.pt")
    with pytest.raises(InputError, match="x.pt: holds NaN or infinite numbers"):
        read(tmp_path / "x.pt", prior, form="vector")
    torch.save({"a": torch.ones(8), "b": torch.ones(8)}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="x.pt: holds no single array of real numbers"):
        read(tmp_path / "x.pt", prior, form="vector")
    with pytest.raises(InputError, match="x.pt: has no comp or lat_comp"):
        read(tmp_path / "x.pt", prior, form="ganspace", component=0)
