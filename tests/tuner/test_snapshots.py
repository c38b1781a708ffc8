"""Pictures from the way of a tuning."""

import pytest
import torch

from ganinv.dataset.pixels import to_uint8
from ganinv.tuner.snapshots import Snapshots

from .tuning import objective, tune


def test_steps_lie_ever_further_apart() -> None:
    snapshots = Snapshots()
    for step in range(300):
        snapshots.show(torch.full([1, 3, 2, 2], step % 256, dtype=torch.uint8), step=step)
    assert list(snapshots.pictures) == [0, 1, 4, 16, 64, 256]
    assert [int(picture[0, 0, 0]) for picture in snapshots.pictures.values()] == [0, 1, 4, 16, 64, 0]


def test_a_step_without_the_photo_is_made_up_for_by_the_next() -> None:
    snapshots = Snapshots()
    for step in (3, 5, 40, 41, 63, 64):
        snapshots.show(torch.zeros([1, 3, 2, 2], dtype=torch.uint8), step=step)
    assert list(snapshots.pictures) == [3, 5, 40, 64]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_tuning_shows_the_photos_picture_by_the_weights_of_the_step(prior, photo, latent, precision) -> None:
    how = {"steps": 6, "precision": precision, "log_interval": 2}
    tuned = tune(prior, photo, latent, loss=objective(adversarial_local=0, adversarial_global=0), **how)
    assert list(tuned.pictures) == ([0, 1, 4] if precision == "float32" else [0, 2, 4])
    with torch.no_grad():
        start = to_uint8(prior.generator.synthesis(latent.ws)[0])
    assert torch.equal(tuned.pictures[0], start) and not torch.equal(tuned.pictures[4], start)
    assert all(each.shape == (3, 16, 16) and each.dtype == torch.uint8 for each in tuned.pictures.values())
