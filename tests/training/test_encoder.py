"""An encoder's training: it overfits, its terms by hand, and a cut training goes on to the same weights."""

import io
import warnings
from dataclasses import replace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganinv.dataset.pixels import to_uint8
from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.stylegan2 import Generator
from ganinv.inverter.encoder import encode
from ganinv.inverter.networks.encoder import Architecture, Encoder
from ganinv.training.encoder import EncoderSchedule, EncoderTraining
from ganinv.training.encoder_loss import EncoderObjective


@pytest.fixture(scope="module")
def prior() -> Prior:
    """A random generator of 16 pixels with 6 layers."""
    torch.manual_seed(1)
    generator = Generator(z_dim=8, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8)
    generator.mapping.w_avg.copy_(generator.mapping(torch.randn(500, 8))[:, 0].detach().mean(dim=0))
    return Prior(generator.requires_grad_(False).eval(), None, fingerprint(generator), {}, "tiny")


def encoder(**changes: Any) -> Encoder:
    tiny = Architecture(
        num_ws=6,
        w_dim=8,
        trunk="resnet",
        units=(1, 1, 1, 1),
        width=4,
        head="last",
        deltas=False,
        style_width=8,
        in_channels=6,
        in_size=16,
        in_rows=16,
    )
    torch.manual_seed(0)
    return Encoder(architecture=replace(tiny, **changes))


def objective(**settings: Any) -> EncoderObjective:
    given: dict[str, Any] = {"lpips_weight": 0.0} | settings
    return EncoderObjective(**given)


def samples(prior: Prior, count: int = 2) -> Tensor:
    """uint8 [count, 3, 16, 16]"""
    return to_uint8(prior.generator(torch.randn(count, 8, generator=torch.Generator().manual_seed(2))))


def train(module: EncoderTraining, batch: Tensor, *, steps: int) -> EncoderTraining:
    settings: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, enable_model_summary=False, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, DataLoader([batch] * steps, batch_size=None))  # pyright: ignore[reportArgumentType]
    return module


def training(prior: Prior, network: Encoder, terms: EncoderObjective, **settings: Any) -> EncoderTraining:
    given: dict[str, Any] = {"steps": 60, "refinements": 2, "sampled": 0.0, "lr": 0.01, "decay": 0.5} | settings
    schedule = EncoderSchedule(**given)
    return EncoderTraining(encoder=network, prior=prior, objective=terms, schedule=schedule, seed=0)


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


E4E: dict[str, Any] = {"in_channels": 3, "deltas": True}
ALL: dict[str, Any] = {"latent": 0.1, "w_norm": 0.01, "delta_norm": 0.01, "adversarial": 0.1}


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


def test_each_refinement_has_a_loss_and_no_gradient_of_the_next(prior: Prior) -> None:
    # The gradient is the sum of what each of two refinements gives by itself, from where the one before has led.
    network, photos = encoder(), samples(prior, 8).float() / 127.5 - 1
    module = train(training(prior, network, objective(), lr=0.0, rampup=0.0, clip=1e9), samples(prior, 8), steps=1)
    again, start = encoder().train(), module.start().expand(8, -1, -1)
    for _ in range(2):
        ws = start + again(photos, module.render(start))
        (module.render(ws) - photos).square().mean().backward()
        start = ws.detach()
    gradients = [[value.grad for value in net.parameters() if value.grad is not None] for net in (network, again)]
    found, expected = (torch.cat([gradient.flatten() for gradient in each]) for each in gradients)
    assert (found - expected).norm() < 1e-3 * expected.norm()


def test_gradient_reaches_every_weight_and_no_weight_of_the_generator(prior: Prior) -> None:
    for network in (encoder(), encoder(trunk="ir_se", head="pyramid", **E4E)):
        module = train(training(prior, network, objective(**ALL), sampled=0.5), samples(prior, 4), steps=1)
        for name, value in module.encoder.named_parameters():
            if name.startswith("head.latlayer2"):
                continue  # six layers take nothing from the finest map
            assert value.grad is not None and value.grad.abs().sum() > 0, name
    assert all(value.grad is None for value in prior.generator.parameters())


def test_muon_moves_the_kernels_by_its_rate(prior: Prior) -> None:
    network = encoder()
    before = {name: value.clone() for name, value in network.named_parameters()}
    settings: dict[str, Any] = {"optimizer": "muon", "lr": 0.0, "muon_lr": 0.003, "rampup": 0.0}
    train(training(prior, network, objective(), **settings), samples(prior, 4), steps=1)
    for name, value in network.named_parameters():
        moved = (value - before[name]).square().mean().sqrt().item()
        assert moved == pytest.approx(0.003 if value.ndim == 4 and value.shape[-1] > 1 else 0.0, rel=1e-3), name


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


@pytest.mark.parametrize("channels", [3, 6])
def test_a_generators_images_are_safe_to_learn_from(channels: int) -> None:
    # They are channels-last, where oneDNN's backward pass of a 1 x 1 convolution with few channels damages memory.
    network = encoder(in_channels=channels)
    seen = []
    network.trunk.register_forward_pre_hook(lambda _, given: seen.append(given[0].is_contiguous()))
    images = torch.rand(4, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    network(images, images if channels == 6 else None)
    assert seen == [True]


def test_gradients_are_clipped(prior: Prior) -> None:
    # Adam divides by the gradient's own size, but for 1e-8
    moved = []
    for clip in (10.0, 1e-14):
        network = encoder()
        before = torch.cat([value.detach().flatten() for value in network.parameters()])
        train(
            training(prior, network, objective(), rampup=0.0, clip=clip, optimizer="adam"), samples(prior, 4), steps=1
        )
        after = torch.cat([value.detach().flatten() for value in network.parameters()])
        moved.append((after - before).abs().max().item())
    assert moved[0] == pytest.approx(0.01, rel=0.05) and moved[1] < 1e-5


def test_photos_are_varied_before_the_encoder_sees_them(prior: Prior) -> None:
    seen, real = [], samples(prior, 4).float() / 127.5 - 1
    for vary in (0.0, 1.0):
        module = training(prior, encoder(), objective(), vary=vary)
        step = module._step_encoder

        def noted(optimizers: Any, photos: Tensor, known: Tensor, step: Any = step) -> Tensor:
            seen.append(photos)
            return step(optimizers, photos, known)

        module._step_encoder = noted
        train(module, samples(prior, 4), steps=1)
    assert torch.allclose(seen[0], real, atol=1e-6) and (seen[1] - real).abs().max() > 0.1


def test_the_latent_discriminator_learns_what_is_mapped(prior: Prior) -> None:
    settings: dict[str, Any] = {"lr": 0.0, "discriminator_lr": 0.003, "r1_gamma": 0.0, "steps": 60}
    module = training(prior, encoder(**E4E), objective(**ALL), **settings)
    train(module, samples(prior, 4), steps=60)
    mapped = prior.generator.mapping(torch.randn(64, 8, generator=torch.Generator().manual_seed(7)))[:, 0]
    photos = samples(prior, 4).float() / 127.5 - 1
    with torch.no_grad():
        encoded = module.start()[:, 0] + module.encoder.train()(photos)[:, 0]
    assert module.discriminator is not None
    real, fake = (module.discriminator(w).mean().item() for w in (mapped, encoded))
    assert real > fake + 0.2


def test_the_latent_discriminators_r1_counts_as_often_as_it_is_left_out(prior: Prior) -> None:
    # γ/2 · k · 1 on top of the loss, with a penalty of 1
    found = []
    for penalty in (0.0, 1.0):
        module = training(prior, encoder(**E4E), objective(**ALL), r1_gamma=6.0, r1_interval=5)
        assert module.discriminator is not None
        module.discriminator.penalty = lambda real, penalty=penalty: 0 * real.sum() + penalty
        backward = module.manual_backward

        def noted(loss: Tensor, backward: Any = backward) -> None:
            found.append(loss.item())
            backward(loss)

        module.manual_backward = noted
        train(module, samples(prior, 4), steps=1)
    without, with_it = found[: len(found) // 2][-1], found[-1]
    assert with_it - without == pytest.approx(6 / 2 * 5, rel=1e-4)
