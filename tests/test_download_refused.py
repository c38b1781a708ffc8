"""Downloads that are refused, and what stays then: wrong bytes, a web page, a server's no, a full disk, no network."""

import errno
import hashlib
from pathlib import Path

import pytest

from ganinv import download, weights
from ganinv.errors import InputError
from ganinv.published import TABLE, Entry

from .serving import CUT, DATA, PAGE, Site, refusal, unhashed, visible


def test_wrong_bytes_leave_nothing(site: Site, net: str, cache: Path) -> None:
    site.body = DATA[::-1]
    message = refusal(net)
    assert "its SHA-256 begins with" in message and "a mirror's, since the publisher states none" in message
    assert visible(cache) == []


def test_another_size_is_refused_before_it_is_fetched(site: Site, net: str, cache: Path) -> None:
    site.body = DATA + b"more"
    assert "has 2,097,156 bytes, not 2,097,152" in refusal(net)
    assert visible(cache) == []


@pytest.mark.parametrize("body", [PAGE, b"\n  " + PAGE.lower(), b'<?xml version="1.0"?><Error>AccessDenied</Error>'])
def test_a_web_page_is_said_with_the_way_by_hand(site: Site, cache: Path, monkeypatch, body: bytes) -> None:
    unhashed(site, monkeypatch)
    site.body = body
    expected = "is a web page, not weights; fetch https://drive/net with a browser and put it, named net.pkl, into"
    assert expected in refusal("net") and visible(cache) == []


def test_a_web_page_does_not_cost_what_came_before(site: Site, net: str, tmp_path: Path) -> None:
    site.cuts = [CUT] + [0] * (download.ATTEMPTS - 1)
    refusal(net)
    site.body, site.tag, site.cuts = PAGE, None, []
    assert "is a web page" in refusal(net)
    site.body, site.tag = DATA, '"1"'
    assert weights.download(net).read_bytes() == DATA and site.ranges[-1] == f"bytes={CUT}-"


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (503, download.ATTEMPTS), (429, download.ATTEMPTS)])
def test_refusals_of_the_server(site: Site, net: str, status: int, asked: int) -> None:
    site.status = [status] * download.ATTEMPTS
    assert f"{status}" in refusal(net) and len(site.ranges) == asked


def test_nobody_answers(site: Site, net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, net, Entry(file="net.pkl", url="http://127.0.0.1:9/net.pkl", what="", licence=""))
    assert "cannot be fetched" in refusal(net) and "with a browser" in refusal(net)


def test_the_first_download_is_recorded_and_the_next_compared(site: Site, cache: Path, monkeypatch, capsys) -> None:
    unhashed(site, monkeypatch)
    path = weights.download("net")
    line = f"{hashlib.sha256(DATA).hexdigest()}  net.pkl\n"
    assert (cache / "weights.lock").read_text() == line and "no hash of it is known" in capsys.readouterr().err
    path.unlink()
    assert weights.download("net") == path and (cache / "weights.lock").read_text() == line
    assert "no hash" not in capsys.readouterr().err
    path.unlink()
    site.body = DATA[::-1]
    assert "weights.lock: take its line away" in refusal("net") and not path.exists()
    path.write_bytes(site.body)
    with pytest.raises(InputError, match="its SHA-256 begins with"):
        weights.find("net")


def test_a_bad_file_in_the_cache_is_fetched_again(site: Site, net: str, cache: Path, capsys) -> None:
    cache.mkdir()
    (cache / "net.pkl").write_bytes(PAGE)
    assert weights.download(net).read_bytes() == DATA
    assert "is a web page" in capsys.readouterr().err


def test_disk_full_before_and_while_writing(site: Site, net: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(download.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1_000_000})())
        assert "no room (net.pkl needs 2 MB more, 1 MB are free)" in refusal(net)

    def full(target: Path, *_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(download, "_write", full)
    assert "no room (No space left on device); free some space there" in refusal(net)


def test_offline_says_where_to_put_the_file(site: Site, net: str, cache: Path, monkeypatch) -> None:
    monkeypatch.setenv("GANINV_OFFLINE", "1")
    for told in (refusal(net), str(pytest.raises(weights.MissingWeights, weights.find, net).value)):
        assert "GANINV_OFFLINE is set" in told and site.url in told and f"named net.pkl, into {cache}" in told
    assert site.ranges == []
    cache.mkdir()
    (cache / "net.pkl").write_bytes(DATA)
    assert weights.download(net) == weights.find(net) == cache / "net.pkl"
