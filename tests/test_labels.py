"""benchmarks/labels.py: every other row finds, the others judge."""

import subprocess
import sys
import zipfile
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "labels.py"
ATTRIBUTES = "file,smile\na.jpg,0\nb.jpg,-9\nc.jpg,2\n"
EXPRESSIONS = "file,expression\n0.jpg,anger\n1.jpg,happiness\n2.jpg,neutral\n3.jpg,anger\n4.jpg,neutral\n5.jpg,anger\n"


def labels(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True)


def test_every_other_row_in_the_files_order(tmp_path: Path) -> None:
    (tmp_path / "attributes.csv").write_text(ATTRIBUTES)
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("labels.csv", EXPRESSIONS)
    out = tmp_path / "out"
    ended = labels(tmp_path / "attributes.csv", tmp_path / "faces.zip", "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "find.csv": "file,smile\na.jpg,0\nc.jpg,2\n",
        "judge.csv": "file,smile\nb.jpg,-9\n",
        "find_anger.csv": "file,expression\n0.jpg,anger\n3.jpg,anger\n5.jpg,anger\n",
        "judge_anger.csv": "file,expression\n2.jpg,neutral\n4.jpg,neutral\n",
    }


def test_a_zip_without_labels_is_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "attributes.csv").write_text(ATTRIBUTES)
    zipfile.ZipFile(tmp_path / "faces.zip", "w").close()
    ended = labels(tmp_path / "attributes.csv", tmp_path / "faces.zip", "--out", tmp_path / "out")
    assert ended.returncode == 1 and "no labels.csv can be read there" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()
