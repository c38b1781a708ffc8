import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganinv import download, weights
from ganinv.errors import InputError
from ganinv.weights import TABLE, MissingWeights

NAME = "lpips_alexnet_features"
STATE = {"features.0.weight": torch.arange(6.0).view(2, 3)}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights of this machine are found; the cache is an empty folder."""
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    monkeypatch.delenv("GANINV_OFFLINE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table's AlexNet becomes a small file at a file:// address."""
    path = tmp_path / "server" / TABLE[NAME].file
    path.parent.mkdir()
    torch.save(STATE, path)
    monkeypatch.setattr(download, "PAUSE", 0)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(TABLE, NAME, dataclasses.replace(TABLE[NAME], url=path.as_uri(), sha256=digits))
    return path


def refusal(name: str) -> str:
    with pytest.raises(InputError) as caught:
        weights.load(name)
    message = str(caught.value)
    assert "\n" not in message and "Traceback" not in message
    return message


def test_packaged_prior_is_found_and_others_are_refused() -> None:
    assert weights.find("package:ffhq64.safetensors").is_file()
    assert "package:ffhq64.safetensors" in refusal("package:ffhq1024.safetensors")
    assert "no such file in the package" in refusal("package:../errors.py")


def test_path_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save(STATE, path)
    assert weights.find(str(path)) == path
    assert torch.equal(weights.load(str(path))["features.0.weight"], STATE["features.0.weight"])


def test_missing_weights_say_how_to_get_them() -> None:
    with pytest.raises(MissingWeights, match=f"python -m ganinv.weights {NAME}.*alexnet-owt-7be5be79.pth"):
        weights.find(NAME)


def test_order_of_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    monkeypatch.setenv("GANINV_WEIGHTS", str(own))
    places = [tmp_path / "torch/hub/checkpoints", tmp_path / "cache", own]
    own.mkdir()
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        save_file(STATE, place / f"{NAME}.safetensors")
        assert weights.find(NAME).parent == place


def test_a_wrong_own_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", "/nowhere/at all")
    assert "GANINV_WEIGHTS: /nowhere/at all is not a folder" in refusal(NAME)


def test_table_of_published_files() -> None:
    assert len({entry.file for entry in TABLE.values()}) == len(TABLE) == len({entry.url for entry in TABLE.values()})
    for name, entry in TABLE.items():
        assert entry.url.startswith("https://") and entry.licence and entry.what, name
        assert all(digit in "0123456789abcdef" for digit in entry.sha256), name
        by_publisher = entry.hash_from == "publisher"
        assert len(entry.sha256) == 8 if by_publisher else len(entry.sha256) in (0, 64), name
        assert not by_publisher or entry.file.endswith(f"-{entry.sha256}.pth"), name


@pytest.mark.parametrize(
    ("name", "url", "digits"),
    [
        ("ffhq1024", "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/ffhq.pkl", "a205a346"),
        ("lsun_car", "https://nvlabs-fi-cdn.nvidia.com/stylegan2/networks/stylegan2-car-config-f.pkl", "e1618eee"),
        (
            "stylegan3_r_afhqv2",
            "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan3/versions/1/files/stylegan3-r-afhqv2-512x512.pkl",
            "",
        ),
        (
            "ffhq1024_rosinality",
            "https://drive.google.com/uc?export=download&confirm=t&id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
            "bae494ef",
        ),
        (
            "e4e_ffhq",
            "https://drive.google.com/uc?export=download&confirm=t&id=1cUv_reLE6k3604or78EranS7XzuVMWeO",
            "2ace1d9a",
        ),
        (
            "restyle_e4e_ffhq",
            "https://drive.google.com/uc?export=download&confirm=t&id=1e2oXVeBPXMQoUoC_4TNwAWpOPpSEhE_e",
            "89afa8b3",
        ),
        ("ffhq256_rosinality", "https://drive.google.com/open?id=1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO", ""),
        (
            "inception",
            "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
            "6726825d",
        ),
    ],
)
def test_entries_of_each_publisher(name: str, url: str, digits: str) -> None:
    assert TABLE[name].url == url and TABLE[name].sha256[:8] == digits


def test_download_is_whole_and_then_found(published: Path, tmp_path: Path) -> None:
    path = weights.download(NAME)
    assert path == weights.find(NAME) == tmp_path / "cache" / published.name
    assert torch.equal(weights.load(NAME)["features.0.weight"], STATE["features.0.weight"])
    assert {file.name for file in path.parent.iterdir()} == {published.name, f".{published.name}.lock"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>quota</html>", "is a web page, not weights; fetch file:.* with a browser"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS"),
        (b"", "is empty"),
        (b"PK\x03\x04", "its SHA-256 begins with .*; fetch file:.* again"),
    ],
)
def test_bad_download_leaves_nothing(published: Path, tmp_path: Path, content: bytes, said: str) -> None:
    published.write_bytes(content)
    with pytest.raises(InputError, match=said):
        weights.download(NAME)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [f".{published.name}.lock"]


def test_unreachable_address_says_where_to_put_the_file(published: Path, tmp_path: Path) -> None:
    published.unlink()
    with pytest.raises(InputError, match="cannot be fetched.*put it, named alexnet-.*, into .*cache"):
        weights.download(NAME)


def test_unwritable_cache_says_which_setting_helps(published: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands in its place")
    with pytest.raises(InputError, match="cannot be written.*GANINV_HOME"):
        weights.download(NAME)


@pytest.mark.parametrize("content", [b"<html>", b"", b"\x80\x02trunc"])
def test_bad_file_in_the_cache_is_named(published: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cache" / published.name
    path.parent.mkdir()
    path.write_bytes(content)
    assert refusal(NAME).startswith(str(path)) and published.as_uri() in refusal(NAME)


@pytest.mark.parametrize("start", [b"<html>", b"\n<!doctype HTML>", b"version https://git-lfs.github.com/spec/v1"])
def test_a_page_under_the_name_of_weights_is_said(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "ffhq.pkl").write_bytes(start)
    assert "ffhq.pkl: is a " in refusal(str(tmp_path / "ffhq.pkl"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{NAME}.safetensors").write_bytes(start)
    assert f"{NAME}.safetensors: is a " in refusal(NAME)


def test_a_file_that_begins_with_the_sign_of_a_page_is_still_weights(tmp_path: Path) -> None:
    # 0x3c, "<", is the lowest byte of a header's length of 60 bytes
    (tmp_path / "a.safetensors").write_bytes(b"<" + bytes(7) + b'{"a":')
    assert weights.find(str(tmp_path / "a.safetensors"))


def test_a_file_that_changes_is_hashed_again(published: Path, tmp_path: Path) -> None:
    path = weights.download(NAME)
    assert weights.find(NAME) == path
    path.write_bytes(path.read_bytes() + b"x")
    assert "its SHA-256 begins with" in refusal(NAME)


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "number.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x08\x00")
    assert "no state dict" in refusal(str(tmp_path / "list.pth"))
    assert "no state dict" in refusal(str(tmp_path / "number.pth"))
    assert "not a whole file" in refusal(str(tmp_path / "cut.safetensors"))


def test_code_in_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    torch.save(Evil(), tmp_path / "evil.pth")
    refusal(str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["lpips_alexnet", "no/such/file.pth", "https://example.org/w.pth", "."])
def test_wrong_name_or_path(name: str) -> None:
    assert name in refusal(name)


def test_command_line(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights.main([]) == 0
    assert f"{NAME}: " in (before := capsys.readouterr().out) and "not at hand" in before
    assert weights.main([NAME]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cache" / published.name)
    assert weights.main(["ffhq1025"]) == 2
    assert "did you mean ffhq1024?" in capsys.readouterr().err


def test_listing_goes_on_past_a_bad_file(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / published.name).write_bytes(b"<html>")
    assert weights.main([]) == 0
    assert "is a web page" in (out := capsys.readouterr().out) and len(out.splitlines()) == len(TABLE)


def test_a_stopped_download_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "fetch", stop)
    assert weights.main([NAME]) == 130
    assert "the same command goes on" in capsys.readouterr().err
