"""When a tuning stops: at its target, its budget, figures that are not finite, Ctrl-C; and on its best weights."""

import logging

import pytest
import torch
from torch import nn

from ganinv.dataset.pixels import to_float, to_uint8
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior

from .tuning import error, objective, tune


def test_stops_at_the_target(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent, target_mse=100.0, steps=50)
    assert tuned.stopped == "target" and tuned.steps == 1


class Distance(nn.Module):
    """In the place of LPIPS."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).abs().flatten(1).mean(dim=1)


def test_stops_before_a_step_from_the_target_of_lpips(prior: Prior, photo, latent) -> None:
    terms = {"perceptual": 1, "adversarial_local": 0, "adversarial_global": 0, "locality": 0}
    loss = objective(lpips=Distance(), **terms)
    first = float((prior.generator.synthesis(latent.ws)[0] - photo).abs().mean())
    at_once = tune(prior, photo, latent, loss=loss, target_lpips=first + 1e-5)
    assert (at_once.stopped, at_once.steps, at_once.moved) == ("target", 1, {})
    later = tune(prior, photo, latent, loss=loss, target_lpips=0.8 * first, steps=200)
    assert later.stopped == "target" and 1 < later.steps < 200 and later.moved
    assert tune(prior, photo, latent, loss=loss, target_lpips=0, steps=3).stopped == "budget"


def test_a_target_of_lpips_needs_that_term(prior: Prior, photo, latent) -> None:
    with pytest.raises(InputError, match=r"^tuner\.target_lpips: LPIPS is no term here; choose loss=perceptual"):
        tune(prior, photo, latent, target_lpips=0.06)


def test_stops_at_the_time_budget(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent, max_seconds=1e-3, steps=10_000)
    assert tuned.stopped == "budget" and tuned.steps < 100


def test_not_finite_keeps_the_best_weights(prior: Prior, photo, latent, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        tuned = tune(prior, photo, latent, lr=1e30, steps=20)
    assert tuned.stopped == "not finite" and "no longer finite" in caplog.text
    assert all(torch.isfinite(value).all() for value in tuned.generator.state_dict().values())
    assert error(tuned.generator, photo, latent) <= error(prior.generator, photo, latent) + 1e-6


def test_not_finite_before_the_photo_was_seen(prior: Prior, photo, latent) -> None:
    tuned = tune(prior, photo, latent, loss=objective(probability=0), lr=1e30, steps=20)
    assert tuned.stopped == "not finite" and not tuned.moved


def test_best_weights_not_the_last(prior: Prior, photo, latent) -> None:
    loss = objective(adversarial_local=0, adversarial_global=0, locality=0)
    tuned = tune(prior, photo, latent, loss=loss, lr=0.5, warmup=0, steps=8)  # far too fast: the error rises
    assert error(tuned.generator, photo, latent) <= error(prior.generator, photo, latent) * 1.01


def test_the_last_weights_where_they_are_asked_for(prior: Prior, photo, latent) -> None:
    loss = objective(adversarial_local=0, adversarial_global=0, locality=0)
    best, last = (
        tune(prior, photo, latent, loss=loss, lr=0.5, warmup=0, steps=8, keep=keep) for keep in ("best", "last")
    )
    assert last.moved and error(last.generator, photo, latent) > 2 * error(best.generator, photo, latent)
    kept, lost = (tune(prior, photo, latent, loss=loss, lr=1e30, steps=20, keep=keep) for keep in ("best", "last"))
    ends = zip(kept.generator.state_dict().values(), lost.generator.state_dict().values(), strict=True)
    assert lost.stopped == "not finite" and all(torch.equal(*pair) for pair in ends)


def test_a_generator_that_stays_as_it_was_is_told(prior: Prior, photo, latent, caplog) -> None:
    exact = to_uint8(prior.generator.synthesis(latent.ws)[0])
    start = exact.clone()
    start[0, 0, 0] ^= 1  # one value by one step, and what moves moves more
    exact, start = to_float(exact), to_float(start)
    assert not tune(prior, start, latent, steps=2).moved
    said = "photo: none of 2 steps came closer, so the generator is as it was; raise tuner.steps or lower tuner.lr"
    assert said in caplog.text
    assert not tune(prior, start, latent, steps=10_000, max_seconds=1e-3).moved and "tuner.max_seconds" in caplog.text
    caplog.clear()
    assert tune(prior, photo, latent).moved and not tune(prior, start, latent, target_mse=1.0).moved
    assert not tune(prior, exact, latent, steps=2).moved, "there is nothing to come closer to"
    assert caplog.text == ""


def test_ctrl_c_is_a_keyboard_interrupt(prior: Prior, photo, latent, monkeypatch) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    loss = objective()
    monkeypatch.setattr(loss, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune(prior, photo, latent, loss=loss)
