"""Whether a photo is finished: by whose marks, and never where a file is missing or a record broken."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ganinv.errors import InputError
from ganinv.report.artefacts import FILES, is_finished


def finished(folder: Path, case, **changes: Any) -> bool:
    marks = {
        "settings_hash": case.settings_hash,
        "prior_fingerprint": case.prior.fingerprint,
        "photo_digest": case.photo.digest,
    }
    return is_finished(folder, **(marks | changes))


def test_a_finished_photo_is_known_by_settings_prior_and_pixels(case, tmp_path: Path) -> None:
    assert not finished(tmp_path, case)
    case.save(tmp_path)
    assert finished(tmp_path, case)
    for key in ("settings_hash", "prior_fingerprint", "photo_digest"):
        assert not finished(tmp_path, case, **{key: "another"}), key


def test_a_finished_photo_is_known_by_the_users_other_files(case, tmp_path: Path) -> None:
    case.save(tmp_path, inputs={"inverter.path": "one"})
    assert finished(tmp_path, case, inputs={"inverter.path": "one"})
    for other in ({"inverter.path": "another"}, {"tuner.reals": "one"}, {}):
        assert not finished(tmp_path, case, inputs=other), other


def test_a_record_without_inputs_is_one_of_no_inputs(case, tmp_path: Path) -> None:
    case.save(tmp_path)
    record = json.loads((tmp_path / "metrics.json").read_text())
    del record["inputs"]
    (tmp_path / "metrics.json").write_text(json.dumps(record))
    assert finished(tmp_path, case) and not finished(tmp_path, case, inputs={"inverter.path": "one"})


@pytest.mark.parametrize("name", FILES)
def test_a_photo_with_a_missing_file_is_not_finished(name: str, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    (tmp_path / name).unlink()
    assert not finished(tmp_path, case)


@pytest.mark.parametrize("text", ["", "{}", '{"format": "ganinv-photo", "version": 1}'])
def test_a_broken_record_is_not_finished(text: str, case, tmp_path: Path) -> None:
    case.save(tmp_path)
    (tmp_path / "metrics.json").write_text(text)
    assert not finished(tmp_path, case)


def test_a_stop_at_any_file_leaves_the_photo_unfinished(case, tmp_path: Path, monkeypatch) -> None:
    """Also where an older result of the same settings lay in the folder."""
    case.save(tmp_path)
    rename = os.replace
    for last in range(len(FILES)):
        left = iter(range(last))

        def some(source, target, left=left) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rename(source, target)

        monkeypatch.setattr(os, "replace", some)
        with pytest.raises(InputError, match="No space left"):
            case.save(tmp_path)
        assert not finished(tmp_path, case) and not list(tmp_path.glob(".*"))
