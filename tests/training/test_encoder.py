"""An encoder's training: it overfits, goes through its schedule, and a cut training goes on to the same weights."""

import io
from typing import Any

import pytest
import torch
from torch import Tensor

from ganinv.generator.checkpoint import Prior
from ganinv.inverter.encoder import encode
from ganinv.inverter.networks.encoder import Encoder
from ganinv.training.encoder import EncoderSchedule

from .encoding import ALL, E4E, encoder, objective, samples, train, training


def error(prior: Prior, network: Encoder, images: Tensor, *, steps: int) -> Tensor:
    start = prior.generator.mapping.w_avg.expand(1, 6, -1)
    ws = encode(network, prior.generator, images, start=start, steps=steps)
    return (prior.generator.synthesis(ws, noise_mode="const") - images).square().mean()


@pytest.mark.parametrize(("channels", "deltas"), [(6, False), (6, True), (3, True)])
def test_overfits_two_images(prior: Prior, channels: int, deltas: bool) -> None:
    batch = samples(prior)
    images = batch.float() / 127.5 - 1
    module = training(prior, encoder(in_channels=channels, deltas=deltas), objective())
    train(module, batch, steps=60)
    start = prior.generator.synthesis(prior.generator.mapping.w_avg.expand(2, 6, -1), noise_mode="const")
    at_mean = (start - images).square().mean()
    with torch.no_grad():
        # In training mode: what it has learnt, without the running statistics, which sixty steps leave rough.
        assert 4 * error(prior, module.encoder.train(), images, steps=2) < at_mean


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_cut_training_goes_on_to_the_same_weights(prior: Prior, optimizer: str) -> None:
    settings = {"sampled": 0.5, "steps": 6, "r1_interval": 2, "pool": 3, "deltas_from": 1, "deltas_every": 2}
    settings |= {"optimizer": optimizer}
    whole = train(training(prior, encoder(**E4E), objective(**ALL), **settings), samples(prior, 4), steps=6)
    cut = train(training(prior, encoder(**E4E), objective(**ALL), **settings), samples(prior, 4), steps=3)
    buffer = io.BytesIO()
    torch.save(cut.state(), buffer)
    torch.manual_seed(99)
    again = training(prior, encoder(**E4E), objective(**ALL), **settings)
    again.resume(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    train(again, samples(prior, 4), steps=3)
    assert again.steps_done == whole.steps_done == 6 and again.images_done == 48
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert whole.report() == again.report()


def test_rates_are_those_of_today_when_a_training_goes_on(prior: Prior) -> None:
    settings: dict[str, Any] = {"steps": 4, "pool": 3}
    cut = train(training(prior, encoder(**E4E), objective(**ALL), **settings), samples(prior, 4), steps=2)
    again = training(prior, encoder(**E4E), objective(**ALL), **settings, discriminator_lr=0.5)
    again.resume(cut.state())
    train(again, samples(prior, 4), steps=1)
    optimizer = again.trainer.optimizers[1]
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert {float(of["step"]) for of in optimizer.state_dict()["state"].values()} == {3}


def test_one_pass_at_first_and_then_evenly_more() -> None:
    passes = EncoderSchedule(steps=10, refinements=3, single=0.6).passes
    assert [passes(step) for step in range(11)] == [1] * 6 + [2] * 2 + [3] * 3
    always, never = (EncoderSchedule(steps=10, refinements=4, single=share).passes for share in (0.0, 1.0))
    assert {always(step) for step in range(10)} == {4} and {never(step) for step in range(10)} == {1}
    assert {EncoderSchedule(steps=10, refinements=1, single=0.5).passes(step) for step in range(10)} == {1}


def test_statistics_are_those_of_the_first_pass(prior: Prior) -> None:
    def statistics(network: Encoder) -> Tensor:
        return torch.cat([value.clone() for name, value in network.named_buffers() if "running" in name])

    settings: dict[str, Any] = {"steps": 4, "refinements": 2}
    network = encoder()
    module = training(prior, network, objective(), **settings, single=0.5)
    train(module, samples(prior, 4), steps=2)
    first = statistics(network)
    assert not torch.equal(first, statistics(encoder()))
    train(module, samples(prior, 4), steps=2)
    assert torch.equal(statistics(network), first)
    train(training(prior, network, objective(), **settings), samples(prior, 4), steps=1)
    assert not torch.equal(statistics(network), first)


def test_a_measurement_takes_the_passes_that_were_trained(prior: Prior) -> None:
    settings: dict[str, Any] = {"steps": 2, "refinements": 2, "single": 0.5}
    module = train(training(prior, encoder(), objective(), **settings), samples(prior, 4), steps=1)
    assert module.passes(module.steps_done) == 2 and module.passes_trained == 1
    network = training(prior, encoder(in_channels=3), objective(), **settings)
    assert network.passes(1) == 1


def test_layers_get_their_deltas_one_by_one() -> None:
    schedule = EncoderSchedule(steps=10, deltas_from=20, deltas_every=5)
    assert [schedule.layers(step, num_ws=4) for step in (0, 19, 20, 24, 25, 30, 99)] == [1, 1, 2, 2, 3, 4, 4]
    assert EncoderSchedule(steps=10).layers(0, num_ws=4) == 4
    network = encoder(**E4E).eval()
    network.use(2)
    with torch.no_grad():
        ws = network(torch.rand(1, 3, 16, 16))[0]
    assert not torch.equal(ws[1], ws[0]) and all(torch.equal(w, ws[0]) for w in ws[2:])
