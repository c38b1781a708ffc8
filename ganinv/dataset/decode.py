"""A picture file's bytes -> a square 8-bit RGB tensor at the generator's resolution."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .frame import SQUARE, Frame

# Named, so that a stray file cannot start one of Pillow's readers that call other programs (EPS: Ghostscript).
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
MAX_PIXELS = 80_000_000  # 320 MB once decoded; below Pillow's own guard against decompression bombs
MAX_ASPECT = 2  # longer over shorter side
MIN_SIDE = 16  # pixels
BLACK = 2  # mean of 0..255 of black bars that JPEG or a resize has touched
DEEP_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's names for grey of more than 8 bits


class Unreadable(Exception):
    """Why a file cannot be used as a photo: a clause that goes after its name."""


def decode(data: bytes, *, resolution: int, frame: Frame = SQUARE) -> tuple[Tensor, list[str]]:
    """File contents -> uint8 [3, resolution, resolution], RGB, and a word on each thing that was done to get there.

    EXIF rotation is applied and ICC profiles are ignored; then what the frame takes, by default the middle square, is
    turned to 8-bit RGB and resized by Lanczos with antialiasing. Unreadable: anything that is not a picture of usable
    size.
    """
    if not data:
        raise Unreadable("is empty (0 bytes)")
    image, notes = load(data)
    pixels, more = to_square(image, resolution=resolution, frame=frame)
    return pixels, notes + more


def to_square(image: Image.Image, *, resolution: int, frame: Frame = SQUARE) -> tuple[Tensor, list[str]]:
    """A picture in any of Pillow's modes, upright -> as `decode`."""
    if is_framed(image, frame):
        frame = SQUARE
    image, notes = frame.cut(image)
    image, was_transparent = to_rgb(image)
    if was_transparent:
        notes.append("transparent: laid on white")
    image, more = frame.place(image, resolution=resolution)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous(), notes + more  # [H, W, 3] -> [3, H, W]


def is_framed(image: Image.Image, frame: Frame) -> bool:
    """Whether a square picture stands between the frame's black bars already, as training images of cars do."""
    region = frame.region(image.width) if image.width == image.height else None
    if region is None:
        return False
    grey = np.array(to_rgb(image)[0].convert("L"), dtype=float)
    bars = np.ones(grey.shape, dtype=bool)
    bars[region.top : region.bottom, region.left : region.right] = False
    return grey[bars].mean() <= BLACK


def load(data: bytes) -> tuple[Image.Image, list[str]]:
    """First frame, upright, in the file's own pixel format."""
    with readable():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        check_size(image)
        # a JPEG with a second, hidden picture (MPO) is what many phones write: no animation
        is_animated = getattr(image, "is_animated", False) and image.format != "MPO"
        return upright(image), ["several frames: the first is used"] if is_animated else []


def upright(image: Image.Image) -> Image.Image:
    """A picture that Pillow has opened, read and turned as its EXIF says; Unreadable where that does not go."""
    with readable():
        check_size(image)
        image.load()
        return ImageOps.exif_transpose(image)


@contextmanager
def readable() -> Iterator[None]:
    """What Pillow raises inside comes out as Unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's words on odd metadata; its size warning is the refusal below
            yield
    except Image.UnidentifiedImageError as error:
        raise Unreadable(f"is not a picture in one of the formats {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise Unreadable(f"has too many pixels (at most {MAX_PIXELS:,}); reduce it first") from error
    except Unreadable:
        raise
    except Exception as error:  # on damaged files Pillow's readers raise anything from OSError to struct.error
        raise Unreadable(f"is damaged or cut short ({error})") from error


def check_size(image: Image.Image) -> None:
    """From the header alone, before memory is taken."""
    size = f"is {image.width} x {image.height} pixels"
    if image.width * image.height > MAX_PIXELS:
        raise Unreadable(f"{size}; at most {MAX_PIXELS:,} in all are read: reduce it first")
    if min(image.size) < MIN_SIDE:
        raise Unreadable(f"{size}; each side must have at least {MIN_SIDE}")
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise Unreadable(f"{size}; the longer side may be at most {MAX_ASPECT} times the shorter: crop it first")


def to_rgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """Any of Pillow's modes -> 8-bit RGB, and whether anything was transparent."""
    if image.mode in DEEP_GREY:
        return deep_grey_to_rgb(image), False
    if image.mode in ("F", "LAB", "La"):
        raise Unreadable(f"has pixels of the kind {image.mode!r}; save it as an 8-bit or 16-bit PNG")
    if not image.has_transparency_data:
        return image.convert("RGB"), False
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    on_white = Image.new("RGB", image.size, "white")
    on_white.paste(image, mask=alpha)
    return on_white, np.asarray(alpha).min() < 255


def deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """16-bit grey; its white is 65535 also where Pillow widens it to 32 bits. Of 16-bit colour Pillow reads 8 bits."""
    grey = np.asarray(image).astype(np.int64)
    if grey.min() < 0 or grey.max() > 65535:
        raise Unreadable("has 32-bit integer pixels; save it as an 8-bit or 16-bit PNG")
    # 65535 / 255 = 257: scaled, where Pillow's own convert would clip at 255
    return Image.fromarray(np.rint(grey / 257).astype(np.uint8)).convert("RGB")
