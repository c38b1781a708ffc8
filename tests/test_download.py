"""Downloads from a server of this process that cuts connections, is busy or knows no ranges: all of the file comes."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganinv import download, weights
from ganinv.errors import InputError

from .serving import CUT, DATA, Site, fetched, refusal, visible


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


def test_a_busy_server_is_asked_again(site: Site, net: str) -> None:
    site.status = [503, 500]
    assert weights.download(net).read_bytes() == DATA


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
