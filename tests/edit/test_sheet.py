"""Sheets, strips and sweeps."""

import io

import torch
from PIL import Image

from ganinv.edit.sheet import fit, gif, plain, sheet
from ganinv.report.grid import CELL, GAP, LINE, MARGIN


def flat(level: int) -> torch.Tensor:
    return torch.full([3, 16, 16], level, dtype=torch.uint8)


def test_pictures_stand_in_rows_and_columns() -> None:
    found = sheet([("a", [flat(10), flat(20)]), ("b", [flat(30), flat(40)])], columns=["-1", "+1"])
    assert found.shape == (3, 2 * MARGIN + LINE + 2 * (CELL + LINE), 2 * MARGIN + 2 * CELL + GAP)
    for j, row in enumerate(((10, 20), (30, 40))):
        for i, level in enumerate(row):
            top, left = MARGIN + LINE + j * (CELL + LINE), MARGIN + i * (CELL + GAP)
            assert (found[:, top : top + CELL, left : left + CELL] == level).all()
    assert (found[:, MARGIN : MARGIN + LINE] != found[0, 0, 0]).any()  # the titles


def test_without_labels_rows_stand_closer() -> None:
    assert sheet([("", [flat(1)])] * 2, columns=["x"]).shape[1] < sheet([("a", [flat(1)])] * 2, columns=["x"]).shape[1]


def test_names_of_any_kind_are_drawn() -> None:
    assert plain("Zoë\n 笑") == "Zo? ?"
    from PIL import ImageDraw, ImageFont

    draw, font = ImageDraw.Draw(Image.new("RGB", (10, 10))), ImageFont.load_default(size=15)
    cut = fit("a very long name of a photo", draw, font, 60)
    assert cut.endswith("...") and draw.textlength(cut, font=font) <= 60


def test_a_sweep_goes_there_and_back_without_an_end() -> None:
    pictures = torch.stack([flat(level) for level in (0, 100, 200)])
    with Image.open(io.BytesIO(gif(pictures))) as image:
        assert image.format == "GIF" and getattr(image, "n_frames", 1) == 4 and image.info["loop"] == 0
        levels = []
        for frame in range(4):
            image.seek(frame)
            levels.append(image.convert("RGB").getpixel((5, 5))[0])  # pyright: ignore
    assert levels == [0, 100, 200, 100]
