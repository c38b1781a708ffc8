"""The module of a prior's training: what a step moves, by how much, and that a cut one goes on to the bit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganinv.generator.checkpoint import fingerprint
from ganinv.training.architecture import Network, new_networks
from ganinv.training.augment import Adaptive
from ganinv.training.fit import fit
from ganinv.training.order import seed_of
from ganinv.training.prior import PriorTraining
from ganinv.training.schedule import Schedule
from ganinv.training.start import Networks

CPU = torch.device("cpu")
SCHEDULE = Schedule(
    kimg=0.02,
    batch=4,
    lr=0.002,
    betas=(0.0, 0.99),
    r1_gamma=0.1,
    r1_interval=2,
    path_weight=2,
    path_interval=2,
    path_shrink=2,
    path_decay=0.01,
    mixing=0.9,
    ema_kimg=0.01,
    ema_rampup=0.05,
    w_avg_beta=0.998,
    dtype=torch.float32,
    compile=False,
)


def module(*, adaptive: Adaptive | None = None, before: Any = None, **changes: Any) -> PriorTraining:
    record = Network(channel_base=64, channel_max=8, z_dim=8, mapping_layers=2).architecture(16, CPU)
    (generator, discriminator), (average, _) = new_networks(record, seed=0), new_networks(record, seed=0)
    networks = Networks(generator, average, discriminator, record, before=before)
    return PriorTraining(networks=networks, schedule=replace(SCHEDULE, **changes), seed=5, adaptive=adaptive)


class Batches:
    """Those from `first` on, the same whenever they are asked for."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def __iter__(self) -> Iterator[Tensor]:
        for step in range(self.first, self.last):
            yield torch.randint(
                0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(step)
            )


def run(training: PriorTraining, steps: int, watch: pl.Callback | None = None) -> PriorTraining:
    loader: Any = Batches(training.steps_done, training.steps_done + steps)
    fit(training, loader, name="prior", watch=watch or pl.Callback(), device=CPU, progress=False)
    return training


def test_a_step_moves_both_networks_and_the_average_by_its_share() -> None:
    training = module(ema_rampup=None)
    before = {name: fingerprint(getattr(training, name)) for name in ("generator", "discriminator", "average")}
    start = training.generator.synthesis.get_parameter("b4.const").detach().clone()
    run(training, 1)
    assert all(fingerprint(getattr(training, name)) != mark for name, mark in before.items())
    share = 0.5 ** (4 / 10)
    expected = share * start + (1 - share) * training.generator.synthesis.get_parameter("b4.const")
    assert torch.allclose(training.average.synthesis.get_parameter("b4.const"), expected, atol=1e-6)
    assert not any(p.requires_grad for p in training.average.parameters())
    assert set(training.report()) == {"loss_g", "loss_d", "logit_real", "logit_fake", "sign_real", "path_length", "r1"}


def test_regularisation_comes_every_so_many_steps() -> None:
    training = run(module(r1_interval=3, path_interval=2), 6)
    assert (
        training.means.sums["r1"][1] == 2
        and training.means.sums["path_length"][1] == 3
        and training.means.sums["loss_g"][1] == 6
    )
    without = run(module(r1_gamma=0, path_weight=0), 2)
    assert "r1" not in without.means.sums and "path_length" not in without.means.sums


def test_the_first_losses_are_those_of_the_formulas() -> None:
    training, again = run(module(), 1), module()
    torch.manual_seed(seed_of(5, 0, 0))
    fake = again.generator.synthesis(again.latents(4), noise_mode="random")
    logits = again.discriminator(fake).detach()
    assert training.report()["loss_g"] == pytest.approx(float((1 + (-logits).exp()).log().mean()), rel=1e-5)


def test_the_mean_of_path_lengths_begins_at_0_or_for_a_trained_network_at_its_own() -> None:
    fresh, trained = run(module(), 1), run(module(before={}), 1)
    first = trained.report()["path_length"]
    assert trained.path_mean.item() == pytest.approx(first)
    assert fresh.path_mean.item() == pytest.approx(0.01 * fresh.report()["path_length"], rel=1e-5)


def test_w_avg_follows_the_mapping_slowly() -> None:
    training = module()
    torch.manual_seed(0)
    ws = training.latents(64)
    first = training.generator.mapping.w_avg
    assert ws.shape == (64, training.generator.num_ws, 8)
    assert first.abs().sum() > 0 and first.abs().max() < 0.01 * ws.abs().max()


def test_styles_are_mixed_from_a_layer_on() -> None:
    training = module(mixing=1.0)
    ws = training.latents(3).detach()
    changes = (ws[:, 1:] != ws[:, :-1]).any(dim=2)
    assert (changes.sum(dim=1) == 1).all()
    pure = module(mixing=0.0).latents(3).detach()
    assert torch.equal(pure, pure[:, :1].expand_as(pure))


def test_a_cut_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    adaptive = Adaptive(mode="on", kimg=0.1, start=0.5, interval=2)
    whole = run(module(adaptive=adaptive), 7)

    class Kept(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
            if pl_module.steps_done == 3:
                torch.save(pl_module.state(), tmp_path / "state.pt")

    run(module(adaptive=adaptive), 4, Kept())
    cut = module(adaptive=adaptive)
    cut.resume(torch.load(tmp_path / "state.pt", weights_only=True))
    torch.manual_seed(99)  # what else was drawn does not matter
    run(cut, 4)
    assert cut.steps_done == whole.steps_done == 7 and cut.p == whole.p != 0.5
    for name, value in whole.state_dict().items():
        assert torch.equal(value, cut.state_dict()[name]), name
    assert cut.report() == whole.report()


def test_p_moves_with_the_sign_of_real_logits() -> None:
    adaptive = Adaptive(mode="on", kimg=0.08, interval=2, start=0.5, target=-0.99)
    assert run(module(adaptive=adaptive), 4).p == pytest.approx(0.7)  # 16 of 80 images up
    assert run(module(adaptive=replace_target(adaptive, 0.999)), 3).p == pytest.approx(0.4)
    assert run(module(), 2).p == 0


def replace_target(adaptive: Adaptive, target: float) -> Adaptive:
    return Adaptive(mode="on", kimg=adaptive.kimg, interval=adaptive.interval, start=adaptive.start, target=target)


def test_bfloat16_is_near_float32() -> None:
    exact, fast = run(module(), 2).report(), run(module(dtype=torch.bfloat16), 2).report()
    for name in ("loss_g", "loss_d", "path_length"):
        assert fast[name] == pytest.approx(exact[name], rel=0.05), name
    assert fast != exact


@pytest.mark.slow
def test_it_learns_one_colour() -> None:
    training = module(r1_gamma=0.01, path_weight=0.0, ema_kimg=0.02, lr=0.01)
    red = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    red[:, 0] = 255
    fit(training, DataLoader([red] * 120, batch_size=None), name="x", watch=pl.Callback(), device=CPU, progress=False)  # pyright: ignore
    with torch.no_grad():
        colour = training.average(torch.randn(32, 8)).mean(dim=[0, 2, 3])
    assert colour[0] > 0.4 and colour[1:].max() < -0.4


def losses(training: PriorTraining) -> list[float]:
    """The losses of its optimisers' steps, as they come."""
    found: list[float] = []
    step = training._step

    def noted(optimizer: Any, loss: Tensor) -> None:
        found.append(loss.item())
        step(optimizer, loss)

    training._step = noted
    return found


def test_r1_is_that_of_the_images_as_d_sees_them_times_its_interval() -> None:
    # γ/2 · k · mean ‖∇D(x)‖², by hand
    training = module(adaptive=Adaptive(mode="on", start=1.0, interval=100), path_weight=0, r1_interval=4)
    found, expected, step = losses(training), [], training._step_r1

    def by_hand(optimizer: Any, real: Tensor) -> None:
        at = real.clone().requires_grad_(True)
        gradient = torch.autograd.grad(training.discriminator(at).sum(), at)[0]
        expected.append(0.1 / 2 * 4 * gradient.square().sum(dim=[1, 2, 3]).mean().item())
        raw = torch.cat([*Batches(0, 1)]).float() / 127.5 - 1
        assert (real - raw).abs().max() > 0.1
        step(optimizer, real)

    training._step_r1 = by_hand
    run(training, 1)
    assert found[2] == pytest.approx(expected[0], rel=1e-4) and expected[0] > 0


def test_the_path_penalty_counts_as_often_as_it_is_left_out() -> None:
    # w · k · (l − m)², of one image; m, from 0, is a hundredth of l
    training = module(path_shrink=4, r1_gamma=0, path_weight=3, path_interval=5)
    found = losses(training)
    run(training, 1)
    assert found[1] == pytest.approx(3 * 5 * (0.99 * training.report()["path_length"]) ** 2, rel=1e-4)


def test_whatever_d_sees_is_augmented() -> None:
    training = module(r1_gamma=0, path_weight=0)
    training.augment = lambda images, p: 0 * images  # pyright: ignore[reportAttributeAccessIssue]
    found, logit = losses(training), training.discriminator(torch.zeros(4, 3, 16, 16)).detach()
    run(training, 1)
    softplus = torch.nn.functional.softplus
    assert found[0] == pytest.approx(softplus(-logit).mean().item(), rel=1e-5)
    assert found[1] == pytest.approx((softplus(-logit) + softplus(logit)).mean().item(), rel=1e-5)


def test_going_on_without_augmentation_there_is_none() -> None:
    augmented = run(module(adaptive=Adaptive(mode="on", start=0.5, interval=100)), 1)
    plain = module()
    plain.resume(augmented.state())
    assert augmented.p == 0.5 and plain.p == 0
