"""Photos that are changed a little: how much, how many of them, and by whose random numbers."""

import torch

from ganinv.training.vary import Vary


def photos() -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    return torch.stack([rows, columns, rows * columns]).expand(64, -1, -1, -1)


def test_none_is_changed_without_a_chance() -> None:
    assert torch.equal(Vary(0.0)(photos()), photos())


def test_photos_change_a_little_each_in_its_own_way() -> None:
    torch.manual_seed(0)
    changed = Vary(1.0)(photos())
    assert changed.min() >= -1 and changed.max() <= 1
    off = (changed - photos()).square().mean(dim=[1, 2, 3])
    assert (off > 0).all() and off.mean() < 0.1 and len(off.unique()) == 64
    torch.manual_seed(0)
    assert torch.equal(Vary(1.0)(photos()), changed)


def test_the_chance_is_of_each_change() -> None:
    torch.manual_seed(0)
    same = (Vary(0.5)(photos()) - photos()).abs().amax(dim=[1, 2, 3]) < 1e-6
    assert 6 <= same.sum() <= 28  # a quarter has neither change
