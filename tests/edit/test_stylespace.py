"""Channels from examples, from scores and from where they act."""

import pytest
import torch
from torch.testing import assert_close

from ganinv.edit.localise import Localise, averaged, by_channels, by_probes, effects, floor_of, refined
from ganinv.edit.region import mask_of
from ganinv.edit.samples import draw, styles_of
from ganinv.edit.scores import Scores
from ganinv.edit.stylespace import StyleSpace, separation
from ganinv.errors import InputError
from ganinv.files import write_png
from ganinv.generator.checkpoint import Prior

from .conftest import make_prior


class Channel:
    """Scores that are one channel of the styles, turned round."""

    def __init__(self, layer: str, channel: int) -> None:
        self.layer, self.channel = layer, channel

    def __call__(self, *, prior, samples) -> Scores:
        styles = styles_of(prior.generator, samples.truncated(prior.generator.mapping.w_avg))
        return Scores(-styles[self.layer][:, self.channel], {})


def test_theta_by_hand() -> None:
    style = torch.tensor([[0.0, 5], [2, 5], [4, 5], [6, 5]])
    found = separation(style, torch.tensor([2, 3]))
    # μ 3, σ 2.582: δ 0.387 and 1.162, mean 0.775, sd 0.548; a channel that never varies says nothing
    assert_close(found, torch.tensor([2**0.5, 0.0]))


def test_the_channel_that_carries_the_score_is_found_with_its_sign(prior: Prior) -> None:
    (found,) = StyleSpace(samples=500, share=0.02)(prior=prior, name="x", scorer=Channel("b8.conv1", 3))
    assert list(found.values) == ["b8.conv1"] and found.space == "s"
    value = found.values["b8.conv1"]
    samples = draw(prior.generator, count=500, seed=0, psi=0.7)
    spread = styles_of(prior.generator, samples.truncated(prior.generator.mapping.w_avg))["b8.conv1"].std(dim=0)
    assert value.nonzero().flatten().tolist() == [3] and value[3].item() == pytest.approx(-spread[3].item())
    assert found.made["ranking"][0][:2] == ["b8.conv1", 3]


def test_a_few_examples_do(prior: Prior) -> None:
    samples = draw(prior.generator, count=500, seed=0, psi=0.7)
    scores = Channel("b4.conv1", 6)(prior=prior, samples=samples).values
    examples = scores.topk(12).indices.tolist()
    (found,) = StyleSpace(samples=500, examples=examples, channels=2)(prior=prior, name="x", scorer=None)
    ranked = {(layer, channel): theta for layer, channel, theta in found.made["ranking"]}
    assert ranked["b4.conv1", 6] < -1 and found.made["examples"] == examples
    assert sum(int(value.count_nonzero()) for value in found.values.values()) == 2


def test_without_rgb_no_rgb(prior: Prior) -> None:
    layers = {}
    for rgb in (False, True):
        (found,) = StyleSpace(samples=500, rgb=rgb)(prior=prior, name="x", scorer=Channel("b8.torgb", 1))
        layers[rgb] = {layer for layer, *_ in found.made["ranking"]}
    assert not any("torgb" in layer for layer in layers[False]) and any("torgb" in layer for layer in layers[True])


def test_wrong_examples(prior: Prior) -> None:
    for examples in ([1, 2, 3, 4, 100], [1, 1, 2, 3, 4, 5]):
        with pytest.raises(
            InputError, match="^finder.examples: needs at least 5 different numbers of samples in 0 to 99"
        ):
            StyleSpace(samples=100, examples=examples)(prior=prior, name="x", scorer=None)
    with pytest.raises(InputError, match="^finder.examples: must be set where there are no scores"):
        StyleSpace(samples=100)(prior=prior, name="x", scorer=None)


def full_jacobian(prior: Prior, styles, mask, layers) -> tuple[dict, dict]:
    """Row by row, as published."""
    inside, outside = {}, {}
    for layer in layers:
        style = styles[layer]
        whole = torch.autograd.functional.jacobian(
            lambda value, layer=layer: averaged(prior.generator, styles | {layer: value}, len(mask))[0], style
        )
        assert isinstance(whole, torch.Tensor)
        energy = whole[:, :, :, 0].square().sum(dim=0)  # [cells, cells, C]
        inside[layer], outside[layer] = energy[mask].sum(dim=0), energy[~mask].sum(dim=0)
    return inside, outside


@pytest.mark.parametrize("family", ["stylegan2", "stylegan3"])
def test_by_channels_is_the_full_jacobian(family: str) -> None:
    more = {"num_layers": 4, "channel_base": 128, "num_critical": 1} if family == "stylegan3" else {}
    prior = make_prior(family=family, img_resolution=16 if more else 8, **more)
    styles = prior.generator.synthesis.styles(prior.generator.mapping(torch.randn(1, 8)))
    mask = mask_of([0.25, 0, 0.75, 0.5], cells=8)
    layers = ["input", "L4_16_3"] if more else list(styles)
    expected = full_jacobian(prior, styles, mask, layers)
    found = by_channels(prior.generator, styles, mask, chunk=3)
    for energies, wanted in zip(found, expected, strict=True):
        assert energies.keys() == styles.keys()
        for layer in wanted:
            assert_close(energies[layer], wanted[layer], rtol=1e-3, atol=1e-9)


def test_probes_estimate_it_without_bias() -> None:
    prior = make_prior(img_resolution=8)
    styles = prior.generator.synthesis.styles(prior.generator.mapping(torch.randn(1, 8)))
    mask = mask_of([0.25, 0, 0.75, 0.5], cells=8)
    exact = by_channels(prior.generator, styles, mask)
    estimate = by_probes(prior.generator, styles, mask, probes=1000, seed=0)
    for found, expected in zip(estimate, exact, strict=True):
        # each probe's square has a relative deviation of at most √2: 5 standard errors of 1,000
        for layer in expected:
            assert_close(found[layer], expected[layer], rtol=5 * (2 / 1000) ** 0.5, atol=1e-12)


def test_localise_agrees_between_its_methods() -> None:
    settings = {"region": [0.5, 0, 1, 1], "images": 4, "samples": 50, "channels": 3, "least": 0.5}
    prior = make_prior(img_resolution=8)
    exact = Localise(method="channels", **settings)(prior=prior, name="x")
    quick = Localise(method="probes", probes=256, **settings)(prior=prior, name="x")
    assert [d.name for d in exact] == ["x_00", "x_01", "x_02"]
    shares = [{(a, b): share for a, b, share in d[0].made["ranking"]} for d in (exact, quick)]
    both = shares[0].keys() & shares[1].keys()
    assert len(both) > 5 and all(abs(shares[0][key] - shares[1][key]) < 0.1 for key in both)


def test_refined_names_the_channels_that_the_exact_method_names() -> None:
    settings = {"region": [0.5, 0, 1, 1], "images": 4, "samples": 50, "channels": 3, "least": 0.5}
    prior = make_prior(img_resolution=8)
    exact = Localise(method="channels", **settings)(prior=prior, name="x")
    found = Localise(method="refined", probes=16, finalists=12, **settings)(prior=prior, name="x")
    for one, other in zip(exact, found, strict=True):
        assert one.made["channels"] == other.made["channels"] and one.values.keys() == other.values.keys()
    first = [[share for *_, share in directions[0].made["ranking"][:3]] for directions in (exact, found)]
    assert first[0] == pytest.approx(first[1], abs=1e-4)


def test_more_channels_than_are_ranked() -> None:
    settings = {"region": [0.5, 0, 1, 1], "images": 1, "samples": 50}
    prior = make_prior(img_resolution=8)  # 24 channels that shape the picture
    with pytest.raises(InputError, match="^finder.channels: 13 are asked for, and 12 at most have the effect"):
        Localise(channels=13, **settings)(prior=prior, name="x")
    assert len(Localise(channels=12, **settings)(prior=prior, name="x")) == 12


def test_a_channel_whose_effect_is_estimated_too_low_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"region": [0.5, 0, 1, 1], "images": 1, "least": 0.5}
    prior, mask = make_prior(img_resolution=8), mask_of([0.5, 0, 1, 1], cells=8)
    styles = styles_of(prior.generator, draw(prior.generator, count=50, seed=0, psi=0.7).w)
    spread = {layer: style.std(dim=0) for layer, style in styles.items()}
    exact = Localise(method="channels", **settings).ranked(prior.generator, styles, mask)
    layer, channel, _ = exact[0]

    def underestimate(generator, one, mask, **_) -> tuple[dict, dict]:
        energies = by_channels(generator, one, mask)
        effect, floor = effects(*energies, spread)[layer][channel], floor_of(*energies, spread, least=0.5)
        for part in energies:
            part[layer][channel] *= 0.8 * floor / effect
        return energies

    monkeypatch.setattr("ganinv.edit.localise.by_probes", underestimate)
    found = Localise(method="refined", finalists=6, **settings).ranked(prior.generator, styles, mask)
    assert found[0][:2] == (layer, channel)


def test_a_finalist_that_proves_of_little_effect_comes_last() -> None:
    spread = {"a": torch.ones(4)}
    exact = ({"a": torch.tensor([0.1, 3, 0, 2])}, {"a": torch.tensor([0.0, 1, 0, 2])})
    finalists, ranked = [("a", 0, 0.9), ("a", 1, 0.8), ("a", 3, 0.7)], [("a", 1, 0.8), ("a", 3, 0.7), ("a", 2, 0.6)]
    found = refined(exact, spread, finalists=finalists, ranked=ranked, floor=1)
    assert found == [("a", 1, 0.75), ("a", 3, 0.5), ("a", 2, 0.6), ("a", 0, 1)]


def test_some_channels_are_as_they_are_among_all() -> None:
    prior = make_prior(img_resolution=8)
    styles = prior.generator.synthesis.styles(prior.generator.mapping(torch.randn(1, 8)))
    mask, only = (
        mask_of([0.25, 0, 0.75, 0.5], cells=8),
        [("b4.conv1", 2, 0.0), ("b4.conv1", 5, 0.0), ("b8.conv0", 1, 0.0)],
    )
    whole, some = by_channels(prior.generator, styles, mask), by_channels(prior.generator, styles, mask, only=only)
    for energies, expected in zip(some, whole, strict=True):
        for layer, channel, _ in only:
            assert_close(energies[layer][channel], expected[layer][channel], rtol=1e-4, atol=1e-9)
        assert sum(int(e.count_nonzero()) for e in energies.values()) <= 3


def test_regions(tmp_path) -> None:
    mask = mask_of([0.5, 0, 1, 0.25], cells=8)
    assert mask.sum() == 8 and mask[4:, :2].all()
    picture = torch.zeros(3, 32, 32, dtype=torch.uint8)
    picture[:, 16:, :8] = 255
    write_png(tmp_path / "mask.png", picture)
    assert torch.equal(mask_of(str(tmp_path / "mask.png"), cells=8), mask)
    for region, said in (([0, 0, 1, 1], "covers none or all"), ([0, 2], "needs"), ("nowhere.png", "does not exist")):
        with pytest.raises(InputError, match=f"^finder.region: .*{said}"):
            mask_of(region, cells=8)
