"""One folder name a photo."""

import unicodedata

import pytest

from ganinv.dataset.names import folder_names


def test_stem_where_it_is_enough():
    assert folder_names(["a.jpg", "b.c.png"]) == {"a.jpg": "a", "b.c.png": "b.c"}


def test_spaces_and_unicode_are_kept():
    assert folder_names(["my photo.jpg", "小川 é.png"]) == {"my photo.jpg": "my photo", "小川 é.png": "小川 é"}


def test_same_stem_takes_the_ending():
    assert folder_names(["a.jpg", "a.png", "b.png"]) == {"a.jpg": "a_jpg", "a.png": "a_png", "b.png": "b"}


def test_same_name_in_two_folders_of_a_zip():
    assert folder_names(["x/1.png", "y/1.png"]) == {"x/1.png": "x_1_png", "y/1.png": "y_1_png"}


@pytest.mark.parametrize(
    "keys",
    [
        ["A.jpg", "a.jpg", "a.JPG"],
        ["a?.jpg", "a*.jpg"],
        ["caf\u00e9.jpg", "cafe\u0301.jpg"],
        ["a.jpg", "a.png", "a_jpg.png", "a_png.gif"],
        ["straße.jpg", "STRASSE.jpg"],
        ["x" * 240 + "1.jpg", "x" * 240 + "2.jpg"],
        ["x/y.png", "x_y.png", "x/y_png.png"],
        ["a .jpg", "a_.jpg", "a..jpg"],
    ],
)
def test_never_two_alike_and_order_does_not_count(keys):
    names = folder_names(keys)
    assert len({unicodedata.normalize("NFD", name.casefold()) for name in names.values()}) == len(keys)
    assert folder_names(keys[::-1]) == names


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ('a:b"c<d>e|f?g*h.png', "a_b_c_d_e_f_g_h"),
        ("tab\there.png", "tab_here"),
        ("..png", "_"),
        ("end .png", "end_"),
        ("cafe\u0301.png", "caf\u00e9"),
        ("CON.png", "_CON"),
        ("com1.left.png", "_com1.left"),
        ("metrics.csv.png", "_metrics.csv"),
        ("bytes\udcff.png", "bytes_"),
        ("é" * 200 + ".png", "é" * 100),
    ],
)
def test_what_file_systems_refuse(key, name):
    assert folder_names([key]) == {key: name}
