"""Sweeps as MP4."""

import io
import sys

import pytest
import torch

from ganinv.edit.edits import Edits
from ganinv.edit.sheet import FRAME
from ganinv.edit.video import even_sides, mp4
from ganinv.errors import InputError

av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'ganinv[video]'")


def test_a_sweep_there_and_back_comes_out_as_it_went_in() -> None:
    levels = [0, 100, 200]
    film = mp4(torch.stack([torch.full([3, 65, 65], level, dtype=torch.uint8) for level in levels]))
    with av.open(io.BytesIO(film)) as container:
        (stream,) = container.streams
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        assert float(stream.average_rate) == pytest.approx(1000 / FRAME, rel=1e-3)
    assert [round(float(frame.mean())) for frame in frames] == pytest.approx([0, 100, 200, 100], abs=3)
    assert all(side % 2 == 0 for frame in frames for side in frame.shape[:2])


def test_odd_sides_repeat_their_last_row_and_column() -> None:
    picture = torch.arange(27, dtype=torch.uint8).reshape(3, 3, 3)
    found = even_sides(picture)
    assert found.shape == (3, 4, 4) and torch.equal(found[:, :3, :3], picture)
    assert torch.equal(found[:, 3, :3], picture[:, 2]) and torch.equal(found[:, :3, 3], picture[:, :, 2])
    assert torch.equal(even_sides(found), found)


def test_without_pyav_it_is_said_before_anything_is_done(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="^edit.animate: mp4 needs PyAV with x264: pip install 'ganinv\\[video\\]'"):
        Edits(directions={}, animate="mp4")


def test_other_forms_are_refused() -> None:
    with pytest.raises(InputError, match="^edit.animate: must be gif, mp4 or null, got true"):
        Edits(directions={}, animate=True)  # pyright: ignore[reportArgumentType]
