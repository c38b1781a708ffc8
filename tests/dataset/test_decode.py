"""Every kind of picture file becomes 8-bit RGB at the resolution, or one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv.dataset.decode import Unreadable, decode


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def noise(width=32, height=32, bands=3):
    values = np.random.default_rng(0).integers(0, 256, (height, width, bands), dtype=np.uint8)
    return Image.fromarray(values.squeeze())


def flat(mode, colour, size=(32, 32)):
    return Image.new(mode, size, colour)


def colour_of(data):
    pixels, _ = decode(data, resolution=16)
    assert (pixels == pixels[:, :1, :1]).all()
    return pixels[:, 0, 0].tolist()


def png(width, height, *, bits, colour_type, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_at_the_resolution_pixels_are_untouched():
    image = noise()
    pixels, notes = decode(encoded(image), resolution=32)
    assert pixels.dtype == torch.uint8 and notes == []
    np.testing.assert_array_equal(pixels.permute(1, 2, 0), image)


def test_reduction_is_pillows_antialiased_lanczos():
    image = noise(64, 64)
    pixels, _ = decode(encoded(image), resolution=16)
    np.testing.assert_array_equal(pixels.permute(1, 2, 0), image.resize((16, 16), Image.Resampling.LANCZOS))
    assert pixels.float().std() < 40  # picking every fourth pixel would keep the 74 of uniform noise


@pytest.mark.parametrize("size", [(48, 32), (33, 48)])
def test_middle_square_is_used(size):
    image = noise(*size)
    pixels, notes = decode(encoded(image), resolution=min(size))
    left, top = (size[0] - min(size)) // 2, (size[1] - min(size)) // 2
    np.testing.assert_array_equal(
        pixels.permute(1, 2, 0), np.asarray(image)[top : top + min(size), left : left + min(size)]
    )
    assert notes == ["not square: the middle square is used"]


def test_small_pictures_are_enlarged_with_a_word():
    pixels, notes = decode(encoded(flat("RGB", (1, 2, 3))), resolution=64)
    assert pixels.shape == (3, 64, 64)
    assert notes == ["smaller than the generator's 64 pixels: enlarged"]


def test_grey():
    assert colour_of(encoded(flat("L", 77))) == [77, 77, 77]
    assert colour_of(encoded(flat("1", 1))) == [255, 255, 255]


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (128, 0), (129, 1), (257 * 77, 77), (40000, 156), (65535, 255)]
)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_not_clipped(value, expected, format):
    image = Image.fromarray(np.full((32, 32), value, dtype=np.uint16))
    assert colour_of(encoded(image, format)) == [expected] * 3


def test_16_bit_colour():
    row = b"\0" + struct.pack(">3H", 257 * 10, 257 * 128, 65535) * 32
    assert colour_of(png(32, 32, bits=16, colour_type=2, rows=row * 32)) == [10, 128, 255]


def test_32_bit_pixels_are_refused():
    with pytest.raises(Unreadable, match="32-bit integer pixels; save it as"):
        decode(encoded(flat("I", 70000), "TIFF"), resolution=16)
    with pytest.raises(Unreadable, match="kind 'F'; save it as"):
        decode(encoded(flat("F", 0.5), "TIFF"), resolution=16)


def test_palette():
    image = flat("RGB", (255, 0, 0)).quantize()
    assert image.mode == "P"
    assert colour_of(encoded(image)) == [255, 0, 0]


@pytest.mark.parametrize(("alpha", "expected"), [(255, [200, 0, 100]), (0, [255, 255, 255]), (51, [244, 204, 224])])
def test_transparency_is_laid_on_white(alpha, expected):
    data = encoded(flat("RGBA", (200, 0, 100, alpha)))
    assert colour_of(data) == expected
    assert decode(data, resolution=32)[1] == (["transparent: laid on white"] if alpha < 255 else [])


def test_transparent_palette():
    image = flat("RGB", (255, 0, 0)).quantize()
    assert colour_of(encoded(image, transparency=image.getpixel((0, 0)))) == [255, 255, 255]


def test_transparent_grey():
    assert colour_of(encoded(flat("LA", (0, 51)))) == [204, 204, 204]


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_cmyk(format):
    assert colour_of(encoded(flat("CMYK", (0, 255, 255, 0)), format)) == pytest.approx([255, 0, 0], abs=2)
    assert colour_of(encoded(flat("CMYK", (0, 0, 0, 255)), format)) == pytest.approx([0, 0, 0], abs=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_exif_rotation_is_applied(orientation, format):
    # the marked corner of the upright picture, and where a camera held so stores it
    upright = np.zeros((32, 32, 3), dtype=np.uint8)
    upright[:16, :16] = 255
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),  # to be shown turned clockwise by a quarter
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels, _ = decode(encoded(Image.fromarray(np.ascontiguousarray(stored)), format, exif=exif), resolution=32)
    np.testing.assert_allclose(pixels.permute(1, 2, 0), upright, atol=4)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_several_with_a_word(format):
    frames = [flat("RGB", colour) for colour in ((255, 0, 0), (0, 0, 255))]
    data = encoded(
        frames[0], format, save_all=True, append_images=frames[1:], **{"lossless": True} if format == "WEBP" else {}
    )
    assert colour_of(data) == [255, 0, 0]
    assert decode(data, resolution=32)[1] == ["several frames: the first is used"]


def test_a_phones_jpeg_with_a_second_picture_is_no_animation():
    frames = [flat("RGB", colour) for colour in ((255, 0, 0), (0, 0, 255))]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert colour_of(data) == pytest.approx([255, 0, 0], abs=2)
    assert decode(data, resolution=32)[1] == []


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"])
def test_truncated(format):
    data = encoded(noise(64, 64), format)
    with pytest.raises(Unreadable, match="is damaged or cut short|is not a picture"):
        decode(data[: len(data) // 2], resolution=16)


@pytest.mark.parametrize("data", [b"PK not a picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", b"\xff"])
def test_not_a_picture(data):
    with pytest.raises(Unreadable, match="is not a picture in one of the formats PNG, JPEG"):
        decode(data, resolution=16)


def test_no_bytes():
    with pytest.raises(Unreadable, match="is empty"):
        decode(b"", resolution=16)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((1, 1), "is 1 x 1 pixels; each side must have at least 16"),
        ((40, 15), "is 40 x 15 pixels; each side must have at least 16"),
        ((20_000, 10), "is 20000 x 10 pixels"),
        ((20_000, 100), "is 20000 x 100 pixels; the longer side may be at most 2 times the shorter"),
        ((32, 65), "is 32 x 65 pixels; the longer side may be at most 2 times the shorter"),
    ],
)
def test_sizes_that_are_no_photo(size, message):
    with pytest.raises(Unreadable, match=message):
        decode(encoded(flat("L", 0, size)), resolution=16)


@pytest.mark.parametrize("side", [9_000, 12_000, 20_000])
def test_too_many_pixels_are_refused_by_the_header(side):
    bomb = png(side, side, bits=8, colour_type=2, rows=b"")  # a few bytes that claim up to 1.2 GB
    with pytest.raises(Unreadable, match="80,000,000"):
        decode(bomb, resolution=16)
