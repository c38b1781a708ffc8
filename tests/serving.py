"""A server of this process with one file: fixtures and helpers of the tests that download."""

import hashlib
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
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
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
