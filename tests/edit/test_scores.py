"""Scores: tables and own classifiers."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from ganinv.edit.samples import Samples
from ganinv.edit.scores import Own, Table
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior


def bright(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float().mean(dim=[1, 2, 3])


def test_a_table_is_read_by_the_samples_numbers(prior: Prior, samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("sample,smile\n5,0.5\n" + "\n".join(f"{i},{i}" for i in range(5)) + "\n9,9\n")
    found = Table(path=str(path), column="smile")(prior=prior, samples=samples)
    assert found.values.tolist() == [0, 1, 2, 3, 4, 0.5] and found.made == {"from": "table", "column": "smile"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample,smile\n0,1\n1,2\n", "has no score for 4 of 6 samples, first: 2"),
        ("sample,grin\n0,1\n", "has no column 'smile'; its columns are sample, grin"),
        ("sample,smile\n0,much\n", "the columns sample and smile must be numbers"),
        ("sample,smile\n", "has no rows"),
    ],
)
def test_wrong_tables(prior: Prior, samples: Samples, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=f"x.csv: {said}"):
        Table(path=str(tmp_path / "x.csv"), column="smile")(prior=prior, samples=samples)


def test_no_table(prior: Prior, samples: Samples) -> None:
    with pytest.raises(InputError, match="nowhere.csv: cannot be read as a table"):
        Table(path="nowhere.csv", column="smile")(prior=prior, samples=samples)


def test_an_own_classifier_sees_8_bit_pictures(prior: Prior, samples: Samples) -> None:
    found = Own(score=f"{__name__}:bright")(prior=prior, samples=samples)
    ws = samples.truncated(prior.generator.mapping.w_avg)[:, None].expand(-1, 6, -1)
    pictures = ((prior.generator.synthesis(ws) + 1) * 127.5).round().clamp(0, 255)
    assert_close(found.values, pictures.mean(dim=[1, 2, 3]), atol=0.01, rtol=0)


def test_wrong_classifiers(prior: Prior, samples: Samples) -> None:
    with pytest.raises(InputError, match="^scores: 'no.where:x' cannot be imported"):
        Own(score="no.where:x")
    with pytest.raises(InputError, match="^scores: 'math:pi' is no function of pictures"):
        Own(score="math:pi")
    with pytest.raises(InputError, match=r"gives the shape \[6, 2\] for 6 pictures; it must give \[6\]"):
        Own(score=lambda pixels: torch.zeros(len(pixels), 2))(prior=prior, samples=samples)
    with pytest.raises(InputError, match="'torch.nn:Linear' cannot be made without arguments"):
        Own(score="torch.nn:Linear")
    for wrong in (lambda: 1, lambda pixels: None):
        with pytest.raises(InputError, match="does not give numbers for uint8 pictures .6, 3, 16, 16."):
            Own(score=wrong)(prior=prior, samples=samples)
