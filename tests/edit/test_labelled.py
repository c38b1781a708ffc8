"""Scores of heads from labelled photos: what labels say, what a head learns, the part of a photo that it sees."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from ganinv.edit.head import rotated, train
from ganinv.edit.labelled import Labelled, evened
from ganinv.edit.samples import Samples
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior


class Brightness(torch.nn.Module):
    """Features that say how bright each quarter of a picture is."""

    title = "brightness"
    num_features = 12

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.graded(pixels)

    def graded(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(pixels.float(), 2).flatten(1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Forty grey squares of 16 pixels, every other one bright; the labels say so, two of them are not known."""
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = ["file,bright,mood,degree"]
    for i in range(40):
        level = 40 + 3 * (i % 5) + 120 * (i % 2)
        Image.new("RGB", (16, 16), (level, level, level)).save(folder / f"{i:03d}.png")
        known = -9 if i in (3, 4) else i % 2
        lines.append(f"{i:03d}.png,{known},{'joy' if i % 2 else 'calm'},{level}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


class Redness(Brightness):
    """The red alone, beside the mean."""

    title, num_features = "red", 2

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.stack([pixels[:, 0].float().mean(dim=[1, 2]), pixels.float().mean(dim=[1, 2, 3])], dim=1)


def test_a_head_from_labelled_photos(prior: Prior, samples: Samples, photos: Path) -> None:
    head = Labelled(network=Brightness(), photos=str(photos), column="bright").head(resolution=16)
    assert head.made["kind"] == "logistic" and head.made["labels"] == 38 and head.made["auc"] == 1
    dark, light = (head(Brightness()(torch.full([1, 3, 16, 16], level, dtype=torch.uint8))) for level in (40, 190))
    assert dark < 0 < light
    found = Labelled(network=Brightness(), photos=str(photos), column="bright")(prior=prior, samples=samples)
    assert found.values.shape == (6,) and found.made["from"] == "labelled"


def test_texts_degrees_and_thresholds(photos: Path) -> None:
    by_text = Labelled(network=Brightness(), photos=str(photos), column="mood", value="joy").read_labels()
    assert by_text["001.png"] == 1 and by_text["000.png"] == 0
    least = Labelled(network=Brightness(), photos=str(photos), column="degree", at_least=160).read_labels()
    assert least["001.png"] == 1 and least["000.png"] == 0
    head = Labelled(network=Brightness(), photos=str(photos), column="degree").head(resolution=16)
    assert head.made["kind"] == "ridge" and head.made["correlation"] > 0.99
    found = head(Brightness()(torch.full([1, 3, 16, 16], 100, dtype=torch.uint8)))
    assert abs(float(found) - 100) < 5


@pytest.mark.parametrize("cell", ["", "-9", "nan", "NaN"])
@pytest.mark.parametrize("way", [{}, {"at_least": 1}, {"value": "1"}])
def test_a_label_that_is_not_known_is_none(photos: Path, cell: str, way: dict[str, Any]) -> None:
    labels = photos / "labels.csv"
    labels.write_text(labels.read_text().replace("001.png,1,", f"001.png,{cell},"))
    known = Labelled(network=Brightness(), photos=str(photos), column="bright", **way).read_labels()
    assert "001.png" not in known and known["005.png"] == 1 and known["000.png"] == 0
    labels.write_text(labels.read_text().replace("005.png,1,", "005.png,inf,"))
    if "value" not in way:
        with pytest.raises(InputError, match="^scores: bright of 005.png is 'inf'; a label is a finite number"):
            Labelled(network=Brightness(), photos=str(photos), column="bright", **way).read_labels()


def test_photos_in_a_zip_with_a_table_beside_them(photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in photos.iterdir():
            archive.write(path, path.name)
    of_zip = Labelled(network=Brightness(), photos=str(tmp_path / "photos.zip"), column="bright")
    of_folder = Labelled(network=Brightness(), photos=str(photos), column="bright", labels=str(photos / "labels.csv"))
    assert_close(of_zip.head(resolution=16).weights, of_folder.head(resolution=16).weights)


def test_wrong_labels(photos: Path, tmp_path: Path) -> None:
    def read(**settings) -> dict[str, float]:
        return Labelled(network=Brightness(), photos=str(photos), **settings).read_labels()

    with pytest.raises(InputError, match="has no column 'smile'; its columns are file, bright, mood, degree"):
        read(column="smile")
    with pytest.raises(InputError, match=r"column mood holds texts \(calm, joy\); name the one that counts"):
        read(column="mood")
    with pytest.raises(InputError, match="^scores.value: 'rage' is never in mood; it holds calm, joy"):
        read(column="mood", value="rage")
    with pytest.raises(InputError, match="^scores: value and at_least exclude each other"):
        read(column="mood", value="joy", at_least=1)
    with pytest.raises(InputError, match="^scores.photos: 'nowhere' is no folder and no zip"):
        Labelled(network=Brightness(), photos="nowhere", column="mood")
    (tmp_path / "other.csv").write_text("file,bright\nx.png,1\n")
    with pytest.raises(InputError, match="no photo of .* has a label"):
        Labelled(network=Brightness(), photos=str(photos), column="bright", labels=str(tmp_path / "other.csv")).head(
            resolution=16
        )
    (photos / "labels.csv").unlink()
    with pytest.raises(InputError, match="has no labels.csv; name the table with scores.labels"):
        read(column="bright")


def test_photos_of_which_none_can_be_read(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    for path in photos.glob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match="^scores: no photo of .*photos that has a label can be read"):
        Labelled(network=Brightness(), photos=str(photos), column="bright").head(resolution=16)
    assert sum("is not a picture" in message for message in caplog.messages) == 38, "each is named"


def test_a_photo_that_cannot_be_read_takes_its_label_with_it(photos: Path) -> None:
    (photos / "000.png").write_bytes(b"no picture")
    head = Labelled(network=Brightness(), photos=str(photos), column="bright").head(resolution=16)
    assert head.made["labels"] == 37 and head.made["auc"] == 1


def test_a_head_of_noise_says_so() -> None:
    x = torch.randn(60, 20)
    told, noise = (train(x, y, name="smile").made for y in (x @ torch.randn(20), torch.randn(60)))
    assert told["penalty"] == pytest.approx(100) and told["correlation"] > 0.7 > 0.4 > noise["correlation"]
    told, noise = (train(x, (y > y.median()).float(), name="smile").made for y in (x.sum(dim=1), torch.randn(60)))
    assert told["auc"] > 0.75 > 0.7 > noise["auc"]


def test_labels_all_equal_or_too_few() -> None:
    with pytest.raises(InputError, match="^smile: all 30 have the same score or label, 1"):
        train(torch.randn(30, 4), torch.ones(30), name="smile")
    with pytest.raises(InputError, match="^smile: only 4 photos have the label 1, and 10 are needed"):
        train(torch.randn(30, 4), torch.tensor([1.0] * 4 + [0.0] * 26), name="smile")


def test_fewer_photos_than_features_change_nothing() -> None:
    x = torch.randn(20, 50, dtype=torch.float64)
    turned, back = rotated(x)
    assert turned.shape == (20, 20) and back.shape == (50, 20)
    np.testing.assert_allclose(turned @ turned.T, (x @ x.t()).numpy(), atol=1e-9)
    weights = torch.randn(20, dtype=torch.float64)
    assert_close(x @ (back @ weights), torch.from_numpy(turned) @ weights)


def halves(photos: Path) -> Path:
    """The same labels; the left half of each photo tells them, the right one says the contrary."""
    for path in photos.glob("*.png"):
        picture = Image.open(path)
        other = 255 - int(np.asarray(picture)[0, 0, 0])
        picture.paste((other, other, other), (8, 0, 16, 16))
        picture.save(path)
    return photos


def test_a_part_of_the_photos_and_of_the_samples(photos: Path) -> None:
    left, right = [0, 0, 1, 0.5], [0, 0.5, 1, 1]
    parts: dict[str, Any] = {"network": Brightness(), "photos": str(halves(photos)), "column": "bright"}
    bright = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    bright[..., :8] = 255
    same = Labelled(**parts, region=left).on_pictures(resolution=16)
    contrary = Labelled(**parts, region=right).on_pictures(resolution=16)
    elsewhere = Labelled(**parts, region=left, frame=right).on_pictures(resolution=16)
    assert same.score(bright) > 0 and same.score(bright.flip(-1)) < 0
    assert contrary.score(bright) > 0 and contrary.score(bright.flip(-1)) < 0
    assert elsewhere.score(bright) < 0 and elsewhere.score(bright.flip(-1)) > 0
    assert elsewhere.made["region"] == left and elsewhere.made["frame"] == right


@pytest.mark.parametrize(
    ("key", "box", "said"),
    [
        ("region", [0, 0, 1], "scores.region: needs .* in 0 to 1"),
        ("frame", [0, 0, 2, 1], "scores.frame: needs .* in 0 to 1"),
        ("frame", [0.5, 0, 0.5, 1], "scores.frame: needs bottom and right at least 0.1 beyond"),
    ],
)
def test_wrong_parts(photos: Path, key: str, box: list[float], said: str) -> None:
    part: dict[str, Any] = {key: box}
    with pytest.raises(InputError, match=said):
        Labelled(network=Brightness(), photos=str(photos), column="bright", **part)


def test_a_part_of_exactly_a_tenth_will_do(photos: Path) -> None:
    box = [0.2, 0, 0.3, 1]  # 0.3 - 0.2 < 0.1 in floating point
    assert Labelled(network=Brightness(), photos=str(photos), column="bright", region=box).frame == box


def test_without_colour(photos: Path) -> None:
    coloured = torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8)
    coloured[:, 0] = 255
    luma = (coloured.float() * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1, keepdim=True)
    colourless = luma.to(torch.uint8).expand(-1, 3, -1, -1)
    heads = {
        grey: Labelled(network=Redness(), photos=str(photos), column="degree", grey=grey).on_pictures(resolution=16)
        for grey in (False, True)
    }
    assert torch.allclose(heads[True].score(coloured), heads[True].score(colourless), atol=2)
    assert not torch.allclose(heads[False].score(coloured), heads[False].score(colourless), atol=2)
    assert heads[True].made["grey"] is True and heads[False].made["grey"] is False


def test_evened_pictures_differ_in_form_alone() -> None:
    picture = torch.randint(256, [1, 3, 8, 8]).float()
    found = evened(torch.cat([picture, 0.5 * picture + 70, torch.full([1, 3, 8, 8], 9.0)]))
    assert_close(found[0], found[1])
    assert_close(torch.stack([found[0].mean(), found[0].std()]), torch.tensor([128.0, 64.0]))
    assert torch.equal(found[2], torch.full([3, 8, 8], 128.0))


def test_light_is_no_cue_where_pictures_are_evened(photos: Path) -> None:
    for i, path in enumerate(sorted(photos.glob("*.png"))):
        levels = np.full([16, 16, 3], 40 + i + 90 * (i % 2), dtype=np.uint8)
        levels[: 4 + i % 2 * 8] += 60
        Image.fromarray(levels).save(path)
    named: dict[str, Any] = {"network": Brightness(), "photos": str(photos), "column": "bright"}
    plain, even = (Labelled(**named, even=even).on_pictures(resolution=16) for even in (False, True))
    pixels = torch.randint(100, [1, 3, 16, 16], dtype=torch.uint8)
    changes = [float((head.score(2 * pixels) - head.score(pixels)).abs()) for head in (even, plain)]
    assert changes[0] < 1e-5 < 1e-3 < changes[1]
    assert even.made["even"] is True and plain.made["even"] is False


def test_a_network_of_whole_numbers_cannot_look_at_evened_pictures(photos: Path) -> None:
    class Whole:
        title, num_features = "whole", 1

        def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels.float()

        def to(self, device: torch.device) -> None: ...

    with pytest.raises(InputError, match="^scores.even: whole takes whole numbers alone"):
        Labelled(network=Whole(), photos=str(photos), column="bright", even=True)
