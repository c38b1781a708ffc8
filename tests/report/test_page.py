"""report.html: complete, self-contained, and nobody's file name is markup."""

import base64
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv.files import read_png
from ganinv.report.drift_table import drift_table
from ganinv.report.page import lead, page, with_edits
from ganinv.report.summary import sheet_of
from ganinv.report.table import Aggregate, records

EVIL = "<script>alert('x')</script> & \"q\""


class Tags(HTMLParser):
    """Every tag and attribute of a page, and whether each tag is closed in its order."""

    VOID = {"meta", "img", "br", "line", "circle", "path"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture
def run(saved: Callable[..., Path]) -> Path:
    folder = saved("a", initial_lpips=0.5, lpips=0.1, lpips_network="alex", frechet_ratio=1.04)
    return folder.parent


def render(run: Path, **changes) -> str:
    arguments = {"settings": "seed: 0\n", "failed": {}, "most": 60}
    return page(records(run), **(arguments | changes))


def test_the_page_is_well_formed(run: Path) -> None:
    assert Tags(render(run, failed={"x.png": "is cut short"})).open == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.5, 0.4, "error 1.2 times smaller"),
        (0.5, 0.001, "error 500 times smaller"),
        (0.4, 0.39, None),
        (0.4, 0.5, None),
    ],
)
def test_by_how_much_the_error_fell(before: float, after: float, said: str | None) -> None:
    summary = {name: Aggregate(mean, None, 1) for name, mean in (("initial_mse", before), ("mse", after))}
    text = lead([{"prior": {"name": "tiny"}}], summary)
    assert said in text if said else "times smaller" not in text


def test_the_pictures_are_inside(run: Path) -> None:
    sources = [attributes["src"] or "" for tag, attributes in Tags(render(run)).tags if tag == "img"]
    assert len(sources) == 4
    for source, name in zip(sources, ("target", "initial", "tuned"), strict=False):
        kind, data = source.split(",")
        assert kind == "data:image/png;base64"
        found = np.array(Image.open(io.BytesIO(base64.b64decode(data))))
        assert np.array_equal(found, read_png(run / "a" / f"{name}.png").permute(1, 2, 0).numpy())


def test_nothing_comes_from_elsewhere_and_nothing_runs(run: Path) -> None:
    text = render(run)
    for tag, attributes in Tags(text).tags:
        assert tag not in {"script", "link", "iframe", "object"} and not any(
            name.startswith("on") for name in attributes
        )
        assert not (attributes.get("href") or "")
    assert "url(" not in text and "@import" not in text and not re.search(r"https?://", text)


def test_names_and_settings_are_text_not_markup(saved: Callable[..., Path], case, tmp_path: Path) -> None:
    case.save(tmp_path / "run" / "x", **case.named(EVIL, mse=0.1, lpips_network="<i>"))
    failed = {f"photos/{EVIL}": "is <b>bad</b>"}
    text = render(tmp_path / "run", settings=f"path: </pre>{EVIL}", failed=failed)
    assert "<script" not in text and "<b>bad" not in text and "<i>" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert Tags(text).open == []


def test_figures_settings_licence_and_hardware_are_told(run: Path) -> None:
    text = render(run, settings="seed: 17\n")
    for part in (
        "LPIPS (alex)",
        "40.0 dB",
        "seed: 17",
        "public domain",
        "cores",
        "torch",
        "Fréchet",
        "1.04",
        "ganinv.load",
    ):
        assert part in text, part
    assert "reconstruction" in text and 'class="curve"' in text


def test_failed_photos_are_named(run: Path) -> None:
    text = render(run, failed={"photos/broken.jpg": "is cut short"})
    assert "1 photo inverted, 1 failed" in text and "photos/broken.jpg" in text and "is cut short" in text


def test_of_many_photos_the_worst_are_shown_and_all_are_listed(saved: Callable[..., Path]) -> None:
    for i in range(4):
        run = saved(f"photo{i}", mse=[0.1, 0.4, 0.3, 0.2][i]).parent
    text = render(run, most=2)
    assert re.findall(r"<h3>(.*?)</h3>", text) == ["photo1", "photo2"]
    assert "the 2 photos with the largest error" in text and "<td>photo0</td>" in text


def test_the_sheet_of_edits_is_in_the_page(run: Path, tmp_path: Path) -> None:
    assert "<h2>Edits</h2>" not in render(run)
    assert 'src="data:image/png;base64,MTIz" alt="photos and their edits"' in render(run, edits=b"123")
    (tmp_path / "edits.png").write_bytes(b"1")
    assert sheet_of(tmp_path) == b"1" and sheet_of(tmp_path / "none") is None


def test_a_run_without_a_photo_still_has_a_page(tmp_path: Path) -> None:
    text = render(tmp_path, failed={"x.png": "is empty"})
    assert "No photo was inverted, 1 failed" in text and Tags(text).open == []


def test_an_exact_photo_is_called_exact(saved: Callable[..., Path]) -> None:
    text = render(saved("a", mse=0.0, psnr=float("inf"), exact_pixels=1.0).parent)
    assert "tuned, exact" in text and "100.0 %" in text and "inf" not in re.sub('base64,[^"]*', "", text)
    assert '<h2>PSNR</h2><p class="big">exact</p>' in text and "all 1 exact" in text
    assert "Every 8-bit value is the photo's." in text


@pytest.mark.parametrize("title", ["FID", "Fréchet distance (AlexNet)"])
def test_the_drift_table_says_which_frechet_distance_it_is(title: str) -> None:
    row = {"frechet_network": title, "frechet_ratio": 1.04, "frechet_tuned": 27.0}
    text = drift_table([row])
    assert f"<th>{title} to real images, tuned over untouched" in text and f"<th>{title}, tuned</th>" in text


@pytest.mark.parametrize("before", [None, b"12"])
def test_a_later_sheet_of_edits_takes_the_place_of_the_one_before(run: Path, before: bytes | None) -> None:
    assert with_edits(render(run, edits=before), b"123") == render(run, edits=b"123")
    assert with_edits("<p>a page of another making</p>", b"123") is None
    assert with_edits('<section id="edits"><p>cut', b"123") is None


def test_a_sheet_that_is_too_large_for_the_page_is_told(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("ganinv.report.summary.MOST_BYTES", 2)
    (tmp_path / "edits.png").write_bytes(b"123")
    text = with_edits(render(run, edits=b"12"), sheet_of(tmp_path))
    assert (
        text is not None
        and "edits.png, beside this page, is too large" in text
        and "photos and their edits" not in text
    )
