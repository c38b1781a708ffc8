"""grid.png: the right pixels in the right places."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganinv.files import read_png
from ganinv.report.grid import CELL, GAP, LINE, MARGIN, grid, write_grid
from ganinv.report.pictures import enlarge, error_map, reduce


def flat(value: int, side: int = 64) -> Tensor:
    return torch.full([3, side, side], value, dtype=torch.uint8)


def blank(name: str, side: int = 64) -> tuple[str, Tensor, Tensor, Tensor]:
    return name, flat(0, side), flat(0, side), flat(0, side)


def cell(picture: Tensor, row: int, column: int) -> Tensor:
    top, left = MARGIN + LINE + row * (CELL + LINE), MARGIN + column * (CELL + GAP)
    return picture[:, top : top + CELL, left : left + CELL]


def test_the_error_map_is_ten_times_the_distance_and_clamped() -> None:
    target = torch.tensor([100, 100, 100], dtype=torch.uint8).view(3, 1, 1)
    image = torch.tensor([103, 98, 200], dtype=torch.uint8).view(3, 1, 1)
    assert error_map(image, target).flatten().tolist() == [30, 20, 255]


def test_small_pictures_are_repeated_and_large_ones_averaged() -> None:
    pixels = torch.arange(12, dtype=torch.uint8).view(3, 2, 2)
    assert torch.equal(enlarge(pixels, least=5)[:, ::3, ::3], pixels) and enlarge(pixels, least=5).shape == (3, 6, 6)
    assert reduce(pixels * 10, most=1).flatten().tolist() == [15, 55, 95]
    assert torch.equal(reduce(pixels, most=2), pixels)


def test_each_picture_stands_in_its_place() -> None:
    photos = [("a", flat(10), flat(20), flat(13)), ("b", flat(40), flat(50), flat(60))]
    picture = grid(photos)
    expected = [[10, 20, 13, 30], [40, 50, 60, 200]]
    for row, values in enumerate(expected):
        for column, value in enumerate(values):
            assert torch.equal(cell(picture, row, column), flat(value, CELL)), (row, column)


@pytest.mark.parametrize("side", [4, 64, 1024])
def test_every_resolution_fits(side: int) -> None:
    picture = grid([blank("a", side)])
    assert CELL * 4 < picture.shape[2] < 2 * CELL * 4 + 100


def test_titles_names_and_what_is_left_out_are_drawn() -> None:
    alone, more = grid([blank("a")]), grid([blank("a")], total=9)
    assert (alone[:, MARGIN : MARGIN + LINE] < 100).any(), "no titles"
    assert (alone[:, MARGIN + LINE + CELL : -MARGIN] < 100).any(), "no name"
    assert more.shape[1] == alone.shape[1] + LINE and (more[:, -MARGIN - LINE :] < 100).any()


def test_odd_names_are_drawn_and_long_ones_cut() -> None:
    width = grid([blank("a")]).shape[2]
    for name in ("写真 é\n", "x" * 500, ""):
        assert grid([blank(name)]).shape[2] == width


def test_many_photos_make_a_bounded_grid(saved: Callable[..., Path], tmp_path: Path) -> None:
    folders = {name: saved(name) for name in ("a", "b", "c")}
    write_grid(tmp_path / "grid.png", folders, most=2)
    target = read_png(folders["b"] / "target.png")
    picture = read_png(tmp_path / "grid.png")
    assert picture.shape[1] == 2 * MARGIN + LINE + 2 * (CELL + LINE) + LINE
    assert torch.equal(cell(picture, 1, 0)[:, ::12, ::12], target)
