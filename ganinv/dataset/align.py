"""The oriented crop that FFHQ was made with (Karras et al. 2019, arXiv 1812.04948, appendix A), from five landmarks.

A prior trained on FFHQ knows faces in this frame alone. No detector here: the landmarks are the caller's.
Coordinates are x, y in pixels; whole numbers are the centres of pixels.
"""

import math

import numpy as np
from PIL import Image


def quad_from_landmarks(points: np.ndarray) -> np.ndarray:
    """Landmarks [5, 2] -> corners [4, 2] of the square to cut: upper left, lower left, lower right, upper right.

    The points: left eye, right eye, nose, left and right corner of the mouth, left and right as seen in the picture.
    On 50 photos of FFHQ the pupils and corners that YuNet finds give FFHQ's own frame back: median side 0.995 of it,
    median centre 0.010 of a side away. ValueError: not five finite points, or all in one place.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise ValueError(f"points: must be five finite x, y pairs, got shape {points.shape}")
    eyes, mouth = points[0:2].mean(axis=0), points[3:5].mean(axis=0)
    eye_to_eye, eye_to_mouth = points[1] - points[0], mouth - eyes
    # half a side, along the eyes:  x ∝ eye_to_eye - R eye_to_mouth,  |x| = max(2 |eye_to_eye|, 1.8 |eye_to_mouth|)
    x = eye_to_eye - rotate_90(eye_to_mouth)
    if np.hypot(*x) == 0:
        raise ValueError("points: eyes and mouth must lie apart, got all in one place")
    x *= max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eye_to_mouth)) / np.hypot(*x)
    # half a side, down the face:  y = R x;  centre a tenth of the way from the eyes to the mouth
    y, centre = rotate_90(x), eyes + 0.1 * eye_to_mouth
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def rotate_90(vector: np.ndarray) -> np.ndarray:
    """A quarter turn R that takes right to down, in a picture whose y points down."""
    return np.array([-vector[1], vector[0]])


def crop(image: Image.Image, quad: np.ndarray, size: int) -> Image.Image:
    """The square `quad` [4, 2] of an 8-bit RGB picture as `size` x `size` pixels; mirrored where it leaves the picture.

    ValueError: the quad reaches further out than the picture is large, so that hardly a mirror image would be left.
    """
    image, origin = mirror_pad(image, quad)
    # Pillow counts from the corner of the first pixel, half a pixel before its centre
    corners = (np.asarray(quad) - origin + 0.5).ravel().tolist()
    # first at the quad's own scale, then down with an antialiasing filter: the oriented cut alone would alias
    side = max(size, round(math.dist(quad[0], quad[1])))
    cut = image.transform((side, side), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    return cut.resize((size, size), Image.Resampling.LANCZOS)


def mirror_pad(image: Image.Image, quad: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """The picture continued by reflection until `quad` fits, and where its upper left pixel [2] now counts from."""
    margin = 2  # pixels that the bicubic filter reads beyond the cut
    low = np.floor(np.min(quad, axis=0)).astype(int) - margin
    high = np.ceil(np.max(quad, axis=0)).astype(int) + margin - (np.array(image.size) - 1)
    before, after = np.maximum(-low, 0), np.maximum(high, 0)  # x, y
    if max(*before, *after) > max(image.size) + margin:
        raise ValueError(f"quad: reaches out of the {image.width} x {image.height} picture by more than its size")
    widths = [(before[1], after[1]), (before[0], after[0]), (0, 0)]
    return Image.fromarray(np.pad(np.asarray(image), widths, mode="reflect")), -before
