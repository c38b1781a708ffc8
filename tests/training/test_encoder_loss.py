"""The terms that an encoder is trained for, by hand; the latent discriminator and its pools."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganinv.errors import InputError
from ganinv.training.encoder_loss import EncoderObjective, Reached
from ganinv.training.latent_discriminator import LatentDiscriminator, Pool


def objective(**settings: Any) -> EncoderObjective:
    given: dict[str, Any] = {"lpips_weight": 0.0} | settings
    return EncoderObjective(**given)


def reached(**changes: Any) -> Reached:
    zero = torch.zeros(2, 3, 4, 4)
    base = Reached(
        photo=zero,
        image=torch.stack([zero[0], zero[0] + 0.5]),
        ws=torch.tensor([[1.0, 0.0], [1.0, 3.0], [5.0, 0.0]]).expand(2, 3, 2),
        start=torch.zeros(1, 3, 2),
        known=torch.ones(1, 3, 2),
        layers=3,
    )
    return replace(base, **changes)


def test_terms_by_hand() -> None:
    every = objective(latent=0.1, w_norm=0.01, delta_norm=0.01)
    terms = every.terms(reached(), variance=torch.tensor([1.0, 3.0]), discriminator=None)
    assert terms["mse"].tolist() == [0.0, 0.25]
    # (0 + 1 + 0 + 4 + 16 + 1) / 6 over the mean variance 2
    assert terms["latent"].tolist() == pytest.approx([22 / 12])
    assert terms["w_norm"].tolist() == pytest.approx([6.0, 6.0])
    assert terms["delta_norm"].tolist() == pytest.approx([3 + 4, 3 + 4])
    fewer = every.terms(reached(layers=2), variance=torch.ones(2), discriminator=None)
    assert fewer["delta_norm"].tolist() == pytest.approx([3.0, 3.0])
    assert "delta_norm" not in every.terms(reached(layers=1), variance=torch.ones(2), discriminator=None)
    assert "latent" not in every.terms(reached(known=torch.ones(0, 3, 2)), variance=torch.ones(2), discriminator=None)
    total = objective(mse=2.0, w_norm=0.5).total({"mse": terms["mse"], "w_norm": terms["w_norm"]})
    assert total.item() == pytest.approx(2 * 0.125 + 0.5 * 6)


def test_the_discriminator_has_its_say_on_layers_of_their_own() -> None:
    class Sum(LatentDiscriminator):
        def forward(self, w: Tensor) -> Tensor:
            return w.sum(dim=-1)

    terms = objective(adversarial=0.1).terms(reached(layers=2), variance=torch.ones(2), discriminator=Sum(w_dim=2))
    # (log(1 + e⁻¹) + log(1 + e⁻⁴)) / 2
    assert terms["adversarial"].tolist() == pytest.approx([(0.3132616875 + 0.0181499279) / 2] * 2)


def test_networks_of_features_count() -> None:
    class Brightness(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return (a - b).mean(dim=[1, 2, 3]).abs()

    terms = objective(lpips_weight=1.0, lpips=Brightness(), identity_weight=0.1, identity=Brightness())
    found = terms.terms(reached(), variance=torch.ones(2), discriminator=None)
    assert found["lpips"].tolist() == found["identity"].tolist() == [0.0, 0.5]


def test_terms_without_a_network_or_a_target() -> None:
    with pytest.raises(InputError, match="lpips_weight: is 0.8, but there is no network lpips; set it to 0 or name"):
        EncoderObjective()
    with pytest.raises(InputError, match="are 0, so there is no target"):
        objective(mse=0.0, w_norm=1.0)


def test_latent_discriminator_by_hand() -> None:
    network = LatentDiscriminator(w_dim=2)
    assert sum(isinstance(layer, nn.Linear) for layer in network.layers) == 4
    assert network(torch.zeros(5, 3, 2)).shape == (5, 3)
    linear = nn.Linear(2, 1, bias=False)
    linear.weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    network.layers = nn.Sequential(linear)
    assert network.penalty(torch.zeros(7, 2)).item() == pytest.approx(25.0)
    # −log σ(3) − log(1 − σ(−4))
    loss = network.loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, -1.0]]))
    assert loss.item() == pytest.approx(0.0485873516 + 0.0181499279, rel=1e-5)


def test_pool_gives_back_half_of_what_it_holds() -> None:
    pool, random = Pool(size=50, w_dim=1), torch.Generator().manual_seed(0)
    first = torch.arange(50.0)[:, None]
    assert torch.equal(pool.exchange(first, random=random), first) and torch.equal(pool.stored, first)
    given = pool.exchange(torch.full([400, 1], 100.0), random=random)
    old = given[given < 100].tolist()
    assert len(old) == len(set(old)) > 40 and not set(old) & set(pool.stored[pool.stored < 100].tolist())
