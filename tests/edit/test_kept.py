"""What an edit is to leave as it was."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close

from ganinv.edit.gradient import Gradient
from ganinv.edit.kept import Kept
from ganinv.edit.scores import Own
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.loss.identity import IdentityDistance
from ganinv.metric.identity import MobileFaceNet, aligned

from .test_gradient import Redness


@pytest.fixture
def face(tmp_path: Path) -> str:
    """A face network's file, of random weights, whose features depend on the picture alone."""
    torch.manual_seed(0)
    network = MobileFaceNet()
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
            torch.nn.init.zeros_(part.bias) if part.bias is not None else None
    save_file(network.state_dict(), tmp_path / "face.safetensors")
    return str(tmp_path / "face.safetensors")


def test_a_picture_alone_is_its_mean_squared_change(prior: Prior) -> None:
    before = torch.full([2, 3, 16, 16], 100.0)
    kept = Kept(picture=3.0, realism=0.0)(prior, before, before + 12.75)
    assert_close(kept, torch.tensor(3.0 * 0.1**2))


def test_identity_is_one_minus_the_cosine_with_a_gradient(prior: Prior, face: str) -> None:
    identity = IdentityDistance(weights=face)
    before, after = (torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(i)) * 255 for i in range(2))
    kept = Kept(picture=0.0, realism=0.0, identity=identity, identity_weight=2.0)
    assert float(kept(prior, before, before)) == pytest.approx(0, abs=1e-5)
    after.requires_grad_()
    loss = kept(prior, before, after)
    cosines = torch.nn.functional.cosine_similarity(
        *(identity.network(aligned(x / 127.5 - 1)) for x in (after, before))
    )
    assert loss.item() == pytest.approx(2 * (1 - cosines.mean().item()), rel=1e-4)
    loss.backward()
    assert after.grad is not None and bool(after.grad.any())


def test_a_direction_learned_with_it_says_so_and_is_another(prior: Prior, face: str) -> None:
    settings = {"samples": 200, "steps": 5, "picture": 0.0, "realism": 0.0}
    find = {"prior": prior, "name": "red", "scorer": Own(score=Redness())}
    (plain,) = Gradient(**settings)(**find)
    (kept,) = Gradient(**settings, identity=face, identity_weight=100.0)(**find)
    assert kept.made["identity_weight"] == 100 and kept.made["identity"].startswith("sha256:")
    assert not {"identity", "identity_weight"} & plain.made.keys()
    assert not torch.allclose(kept.values["w"], plain.values["w"], atol=1e-3)


def test_a_weight_of_0_leaves_it_out(prior: Prior, face: str) -> None:
    before, after = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)
    kept = Kept(picture=1.0, realism=0.0, identity=IdentityDistance(weights=face), identity_weight=0.0)
    assert torch.equal(kept(prior, before, after), Kept(picture=1.0, realism=0.0)(prior, before, after))
    assert "identity" not in kept.made()


def test_no_such_face_network(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none.safetensors"):
        Gradient(identity=str(tmp_path / "none.safetensors"))
