"""FFHQ's oriented crop."""

import numpy as np
import pytest
from PIL import Image

from ganinv.dataset.align import crop, quad_from_landmarks
from ganinv.dataset.images import DEMO

UPRIGHT = np.array([[40, 50], [60, 50], [50, 60], [42, 70], [58, 70]], dtype=float)
COLLINS = np.array([[203.35, 103.62], [247.52, 104.45], [224.10, 127.69], [203.96, 143.14], [242.91, 143.67]])


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def whole(image):
    right, bottom = image.width - 0.5, image.height - 0.5
    return np.array([[-0.5, -0.5], [-0.5, bottom], [right, bottom], [right, -0.5]])


def test_quad_of_an_upright_face():
    # eyes 20 apart, mouth 20 below: half a side max(2·20, 1.8·20) = 40, centre (50, 50 + 0.1·20)
    expected = [[10, 12], [10, 92], [90, 92], [90, 12]]
    np.testing.assert_allclose(quad_from_landmarks(UPRIGHT), expected)


def test_quad_of_a_long_face_follows_the_mouth():
    points = UPRIGHT + np.array([[0, 0], [0, 0], [0, 0], [0, 20], [0, 20]])
    quad = quad_from_landmarks(points)  # mouth 40 below: half a side 1.8·40
    np.testing.assert_allclose(np.linalg.norm(quad[0] - quad[1]), 144)


def test_quad_turns_and_moves_with_the_face():
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = quad_from_landmarks(UPRIGHT @ turn + [7, -3])
    np.testing.assert_allclose(moved, quad_from_landmarks(UPRIGHT) @ turn + [7, -3])


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.zeros((68, 2)), np.full((5, 2), np.nan)])
def test_bad_landmarks_are_refused(points):
    with pytest.raises(ValueError, match="points: "):
        quad_from_landmarks(points)


def test_the_whole_picture_at_its_size_is_the_picture():
    image = noise(24, 24)
    np.testing.assert_array_equal(crop(image, whole(image), 24), image)


def test_corners_go_round_the_picture_in_order():
    image = noise(16, 16)
    turned = crop(image, np.roll(whole(image), 1, axis=0), 16)  # its upper left corner is the picture's upper right
    np.testing.assert_array_equal(turned, image.transpose(Image.Transpose.ROTATE_90))


def test_reduction_is_antialiased():
    image = noise(64, 64)
    small = np.asarray(crop(image, whole(image), 16))
    # at its own scale the cut is the picture itself, so what is left is Pillow's antialiased reduction
    np.testing.assert_array_equal(small, image.resize((16, 16), Image.Resampling.LANCZOS))


def test_outside_is_the_mirror_image():
    image = noise(20, 20)
    quad = whole(image) - [5, 0]
    expected = np.pad(np.asarray(image), [(0, 0), (5, 0), (0, 0)], mode="reflect")[:, :20]
    np.testing.assert_array_equal(crop(image, quad, 20), expected)


def test_a_quad_far_outside_is_refused():
    image = noise(20, 20)
    with pytest.raises(ValueError, match="quad: reaches out of the 20 x 20 picture"):
        crop(image, whole(image) + [50, 0], 20)


def test_demo_photo_is_cut_as_its_note_says():
    data = pytest.importorskip("skimage.data")
    again = crop(Image.fromarray(data.astronaut()), quad_from_landmarks(COLLINS), 256)
    difference = np.abs(np.asarray(again).astype(int) - np.asarray(Image.open(DEMO)))
    assert difference.max() <= 1
