"""Downloads from a server of this process that cuts connections, knows no ranges, or answers with something else."""

import errno
import hashlib
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ganinv import download, weights
from ganinv.errors import InputError
from ganinv.published import TABLE, Entry

DATA = bytes(range(256)) * 8192  # 2 MiB, more than one chunk
CUT = 700_001  # bytes after which a connection breaks
PAGE = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


@dataclass
class Site:
    """What the server does, and what it was asked for."""

    url: str = ""
    body: bytes = DATA
    tag: str | None = '"1"'
    cuts: list[int] = field(default_factory=list)  # bytes of each answer in turn; none left: whole
    knows_ranges: bool = True
    states_length: bool = True
    status: list[int] = field(default_factory=list)  # of each answer in turn; none left: 200 or 206
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}/net.pkl"
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.ranges.append(asked)
            if site.status:
                self.send_error(site.status.pop(0))
                return
            start = int(asked[len("bytes=") : -1]) if asked and site.knows_ranges else 0
            start = start if self.headers.get("If-Range") == site.tag else 0
            if start and start >= len(site.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(site.body)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
            if site.states_length:
                self.send_header("Content-Length", str(len(site.body) - start))
            if site.tag:
                self.send_header("ETag", site.tag)
            self.end_headers()
            rest = site.body[start:]
            self.wfile.write(rest[: site.cuts.pop(0)] if site.cuts else rest)

    return Handler


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no weights of this machine."""
    for name in ("GANINV_WEIGHTS", "GANINV_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def net(site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of the table whose file the server has, its hash and size known."""
    known = hashlib.sha256(DATA).hexdigest()
    entry = Entry(file="net.pkl", url=site.url, what="a net", licence="free", sha256=known, size=len(DATA))
    monkeypatch.setitem(TABLE, "net", entry)
    return "net"


def unhashed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry(file="net.pkl", url=site.url, what="a net", licence="free", page="https://drive/net")
    monkeypatch.setitem(TABLE, "net", entry)


def visible(folder: Path) -> list[str]:
    """All but the empty files by which processes wait for each other."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".net.pkl.lock")


def fetched(site: Site, target: Path) -> bytes:
    return download.fetch(site.url, target, check=lambda first: None).read_bytes()


def refusal(name: str) -> str:
    with pytest.raises(InputError) as caught:
        weights.download(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_file_comes_and_nothing_else_stays(site: Site, net: str, cache: Path) -> None:
    assert weights.download(net) == cache / "net.pkl" == weights.find(net)
    assert (cache / "net.pkl").read_bytes() == DATA and visible(cache) == ["net.pkl"]
    assert weights.download(net) == cache / "net.pkl" and site.ranges == [None], "what is at hand is not asked for"


def test_a_cut_connection_goes_on_where_it_broke(site: Site, tmp_path: Path, capsys) -> None:
    site.cuts = [CUT, 100]
    assert fetched(site, tmp_path / "net.pkl") == DATA
    assert site.ranges == [None, f"bytes={CUT}-", f"bytes={CUT + 100}-"]
    assert f"the connection broke after {CUT:,} of {len(DATA):,} bytes; attempt 2 of 5" in capsys.readouterr().err


def test_attempts_are_bounded_and_a_later_call_goes_on(site: Site, net: str, cache: Path) -> None:
    site.cuts = [1000] * download.ATTEMPTS
    assert "5 attempts); the same command goes on from what has come" in refusal(net)
    assert len(site.ranges) == download.ATTEMPTS and not (cache / "net.pkl").exists()
    assert weights.download(net).read_bytes() == DATA
    assert site.ranges[-1] == f"bytes={1000 * download.ATTEMPTS}-"


def test_a_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    site.cuts, site.knows_ranges = [CUT], False
    assert fetched(site, tmp_path / "net.pkl") == DATA
    assert site.ranges == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize("tag", [None, 'W/"1"'])
def test_without_a_mark_of_the_bytes_it_starts_again(site: Site, tmp_path: Path, tag: str | None) -> None:
    site.cuts, site.tag = [CUT], tag
    assert fetched(site, tmp_path / "net.pkl") == DATA
    assert site.ranges == [None, None]


def test_a_file_that_changed_meanwhile_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    site.body, site.tag, site.cuts = b"old" * 300_000, '"0"', [1000] * download.ATTEMPTS
    with pytest.raises(InputError, match="cannot be fetched"):
        fetched(site, tmp_path / "net.pkl")
    site.body, site.tag = DATA, '"1"'
    assert fetched(site, tmp_path / "net.pkl") == DATA and site.ranges[-1] == f"bytes={1000 * download.ATTEMPTS}-"


def test_a_part_of_another_address_is_not_gone_on_with(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "net.pkl"
    download.part_of(target).write_bytes(b"x" * 10)
    (tmp_path / ".net.pkl.part.json").write_text(json.dumps({"url": "http://other", "validator": '"1"'}))
    assert fetched(site, target) == DATA and site.ranges == [None]


def test_all_had_come_before_the_last_call_ended(site: Site, tmp_path: Path) -> None:
    assert fetched(site, tmp_path / "net.pkl") == DATA
    assert fetched(site, tmp_path / "net.pkl") == DATA
    assert site.ranges == [None, f"bytes={len(DATA)}-"]


def test_no_content_length(site: Site, net: str) -> None:
    site.states_length = False
    assert weights.download(net).read_bytes() == DATA


def test_no_content_length_and_cut_short(site: Site, net: str) -> None:
    site.states_length, site.cuts = False, [CUT]
    assert weights.download(net).read_bytes() == DATA, "the table knows the size"


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


def test_a_busy_server_is_asked_again(site: Site, net: str) -> None:
    site.status = [503, 500]
    assert weights.download(net).read_bytes() == DATA


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals(site: Site, net: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    weights.download(net).unlink()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    weights.download(net)
    assert "net.pkl: 100%" in screen.getvalue() and "2.10M/2.10M" in screen.getvalue()


FETCH = """
import sys
from ganinv import weights
from ganinv.published import TABLE, Entry
url, sha256, size = sys.argv[1:]
TABLE["net"] = Entry(file="net.pkl", url=url, what="", licence="", sha256=sha256, size=int(size))
print(weights.download("net"))
"""


def test_two_processes_fetch_the_same_file(site: Site, cache: Path) -> None:
    site.body = DATA * 16
    arguments = [sys.executable, "-c", FETCH, site.url, hashlib.sha256(site.body).hexdigest(), str(len(site.body))]
    runs = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [run.communicate()[0].strip() for run in runs] == [str(cache / "net.pkl")] * 2
    assert (cache / "net.pkl").read_bytes() == site.body and visible(cache) == ["net.pkl"]
    assert site.ranges == [None], "the second waits for the first"
