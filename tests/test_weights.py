import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganinv import weights
from ganinv.errors import InputError
from ganinv.weights import TABLE, MissingWeights

NAME = "lpips_alexnet_features"
STATE = {"features.0.weight": torch.arange(6.0).view(2, 3)}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights of this machine are found; the cache is an empty folder."""
    monkeypatch.delenv("GANINV_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table's AlexNet becomes a small file at a file:// address."""
    path = tmp_path / "server" / TABLE[NAME].file
    path.parent.mkdir()
    torch.save(STATE, path)
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


def test_published_hashes_are_the_digits_in_the_names() -> None:
    assert {entry.sha256 for entry in TABLE.values()} == {"7be5be79", "b8a52dc0", "397923af"}
    assert all(entry.url.startswith("https://") and entry.licence for entry in TABLE.values())


def test_download_is_whole_and_then_found(published: Path, tmp_path: Path) -> None:
    path = weights.download(NAME)
    assert path == weights.find(NAME) == tmp_path / "cache" / published.name
    assert torch.equal(weights.load(NAME)["features.0.weight"], STATE["features.0.weight"])
    assert [file.name for file in path.parent.iterdir()] == [published.name]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"<!DOCTYPE html><html>quota</html>", "is a web page"), (b"", "is empty"), (b"PK\x03\x04", "not a whole file")],
)
def test_bad_download_leaves_nothing(published: Path, tmp_path: Path, content: bytes, said: str) -> None:
    published.write_bytes(content)
    with pytest.raises(InputError, match=f"{said}.*SHA-256 begins with"):
        weights.download(NAME)
    assert list((tmp_path / "cache").iterdir()) == []


def test_unreachable_address_says_where_to_put_the_file(published: Path, tmp_path: Path) -> None:
    published.unlink()
    with pytest.raises(InputError, match="cannot be fetched.*put it into .*cache"):
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
    assert str(path) in refusal(NAME) and "again" in refusal(NAME)


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
    assert weights.main(["alexnet"]) == 1
    assert NAME in capsys.readouterr().err
