"""A step of an encoder's training: what its gradient reaches, how far it moves, what its discriminator learns."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ganinv.generator.checkpoint import Prior

from .encoding import ALL, E4E, encoder, objective, samples, train, training


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
