"""Pixels between 8 bits and [-1, 1]."""

import pytest
import torch

from ganinv.dataset.pixels import resized, to_float, to_uint8

ALL = torch.arange(256, dtype=torch.uint8)


def test_every_value_survives_the_round_trip():
    assert torch.equal(to_uint8(to_float(ALL)), ALL)


def test_range_and_type():
    image = to_float(ALL)
    assert image.dtype == torch.float32
    assert (image[0], image[255]) == (-1, 1)
    torch.testing.assert_close(image[51], torch.tensor(-0.6))


def test_rounds_to_the_nearest_and_clamps():
    step = 1 / 127.5
    image = torch.tensor([-1 + 0.6 * step, -1 + 0.4 * step, 1.2, -7.0])
    assert to_uint8(image).tolist() == [1, 0, 255, 0]


def test_bfloat16_is_widened_before_it_is_scaled():
    image = to_float(ALL).bfloat16()  # about 0.4 % apart from the 8-bit grid
    assert torch.equal(to_uint8(image), to_uint8(image.float()))


def test_float_pixels_are_refused():
    with pytest.raises(ValueError, match="uint8, got torch.float32"):
        to_float(torch.zeros(3))


def test_a_picture_is_reduced_without_aliasing():
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(3, 48, 32)  # a pixel wide, so that grey is what remains
    small = resized(stripes, size=16)
    assert small.shape == (3, 16, 16) and small.dtype == torch.uint8
    assert (small.int() - 128).abs().max() <= 16  # at the borders; without a filter 128
