"""What is added where, in each of the four spaces."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from ganinv.edit.apply import Step, edited, render
from ganinv.edit.direction import Direction
from ganinv.errors import InputError
from ganinv.generator.checkpoint import Prior
from ganinv.generator.family import at_once
from ganinv.inverter.latent import Latent

from .conftest import make_prior


def styles(prior: Prior, ws: torch.Tensor) -> dict[str, torch.Tensor]:
    return prior.generator.synthesis.styles(ws)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for layer, style in expected.items():
        assert_close(found[layer], style, msg=lambda text, layer=layer: f"{layer}: {text}")


def in_space(direction: Direction, space: str, **values: torch.Tensor) -> Direction:
    return replace(direction, space=space, values=values)  # pyright: ignore[reportArgumentType]


def test_w_moves_all_layers_alike(prior: Prior, latent: Latent, direction: Direction) -> None:
    found = edited(prior.generator, latent, [Step(direction, -1.5)])
    assert_same(found, styles(prior, latent.ws - 1.5 * direction.values["w"]))


def test_layers_of_the_step_stand_above_those_of_the_direction(prior: Prior, latent, direction: Direction) -> None:
    ranged = replace(direction, layers=(0, 2))
    ws = latent.ws.clone()
    ws[:, 0:2] += direction.values["w"]
    assert_same(edited(prior.generator, latent, [Step(ranged, 1)]), styles(prior, ws))
    ws = latent.ws.clone()
    ws[:, 3:5] += direction.values["w"]
    assert_same(edited(prior.generator, latent, [Step(ranged, 1, layers=(3, 5))]), styles(prior, ws))


def test_w_plus_moves_each_layer_by_its_own(prior: Prior, latent: Latent, direction: Direction) -> None:
    value = torch.randn(6, 8)
    step = Step(in_space(direction, "w+", **{"w+": value}), 2, layers=(1, 6))
    value = value.clone()
    value[0] = 0
    assert_same(edited(prior.generator, latent, [step]), styles(prior, latent.ws + 2 * value))


def test_s_moves_the_named_channels_alone(prior: Prior, latent: Latent, direction: Direction) -> None:
    value = torch.zeros(8)
    value[5] = 0.5
    found = edited(prior.generator, latent, [Step(in_space(direction, "s", **{"b8.conv1": value}), 4)])
    expected = styles(prior, latent.ws)
    expected["b8.conv1"] = expected["b8.conv1"] + 4 * value
    assert_same(found, expected)


def test_z_goes_through_the_mapping(prior: Prior, latent: Latent, direction: Direction) -> None:
    value = torch.randn(8)
    found = edited(prior.generator, latent, [Step(in_space(direction, "z", z=value), 2)])
    assert latent.z is not None
    assert_same(found, styles(prior, prior.generator.mapping(latent.z + 2 * value)))


def test_several_at_once_add_up(prior: Prior, latent: Latent, direction: Direction) -> None:
    channel = in_space(direction, "s", **{"b4.torgb": torch.ones(8)})
    found = edited(prior.generator, latent, [Step(channel, 1), Step(direction, 2), Step(direction, -0.5)])
    expected = styles(prior, latent.ws + 1.5 * direction.values["w"])
    expected["b4.torgb"] = expected["b4.torgb"] + 1
    assert_same(found, expected)


def test_absolute_sets_the_coordinate(prior: Prior, latent: Latent, direction: Direction) -> None:
    once = edited(prior.generator, latent, [Step(direction, 1.5, absolute=True)])
    value, origin = direction.values["w"], 0.25
    coordinate = latent.ws[0, 0] @ value / value.square().sum() - origin
    assert_same(once, styles(prior, latent.ws + (1.5 - coordinate) * value))
    moved = replace(latent, ws=latent.ws + 7 * value)
    assert_same(edited(prior.generator, moved, [Step(direction, 1.5, absolute=True)]), once)


# e4e's editor with GANSpace's files: Δ = (strength − ((w_0 − mean) · v) / sd) · sd · v, on the range's layers
def test_absolute_in_w_plus_takes_the_first_layers_coordinate(prior: Prior, direction: Direction) -> None:
    ws, mean, vector, sd = torch.randn(1, 6, 8), torch.randn(8), torch.randn(8), 0.7
    vector = vector / vector.norm()
    step = Step(replace(direction, values={"w": sd * vector}, origin=float(mean @ vector) / sd), -3, (2, 4), True)
    expected = ws.clone()
    expected[:, 2:4] += (-3 - (ws[0, 0] - mean) @ vector / sd) * vector * sd
    assert_same(edited(prior.generator, Latent(ws=ws, space="w+"), [step]), styles(prior, expected))


def test_a_strength_for_each_picture_and_strength_0(prior: Prior, latent: Latent, direction: Direction) -> None:
    found = edited(prior.generator, latent, [Step(direction, [-1, 0, 2])])
    assert {style.shape[0] for style in found.values()} == {3}
    for i, strength in enumerate([-1, 0, 2]):
        alone = edited(prior.generator, latent, [Step(direction, strength)])
        assert_same({layer: style[i : i + 1] for layer, style in found.items()}, alone)
    unmoved = edited(prior.generator, latent, [Step(direction, 0)])
    assert all(torch.equal(unmoved[layer], style) for layer, style in styles(prior, latent.ws).items())


def test_the_picture_is_the_generators(prior: Prior, latent: Latent, direction: Direction) -> None:
    found = render(prior.generator, edited(prior.generator, latent, [Step(direction, [0, 1])]))
    assert_close(found[:1], prior.generator.synthesis(latent.ws))
    assert found.shape == (2, 3, 16, 16) and (found[0] - found[1]).abs().max() > 1e-3


def test_noise_maps_of_the_photo_are_used(prior: Prior, latent: Latent, direction: Direction) -> None:
    prior.generator.synthesis.get_parameter("b8.conv1.noise_strength").fill_(0.5)
    maps = {"b8.conv1.noise_const": torch.zeros(8, 8)}
    unmoved = edited(prior.generator, latent, [Step(direction, 0)])
    expected = torch.func.functional_call(prior.generator.synthesis, maps, (latent.ws,))
    assert_close(render(prior.generator, unmoved, noise=maps), expected)
    assert (render(prior.generator, unmoved) - expected).abs().max() > 1e-3


def test_stylegan3_too(direction: Direction) -> None:
    prior = make_prior(family="stylegan3", num_layers=4, channel_base=128, num_critical=1)
    latent = Latent(ws=prior.generator.mapping(torch.randn(1, 8)), space="w")
    found = render(prior.generator, edited(prior.generator, latent, [Step(direction, [0, 1])]))
    assert_close(found[1:], prior.generator.synthesis(latent.ws + direction.values["w"]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("resolution", "count"), [(16, 512), (64, 32), (256, 2), (1024, 1)])
def test_as_many_at_once_as_32_of_64_pixels_have_pixels(prior: Prior, resolution: int, count: int) -> None:
    prior.generator.img_resolution = resolution
    assert at_once(prior.generator) == count


def test_what_does_not_go(prior: Prior, latent: Latent, direction: Direction) -> None:
    in_z = in_space(direction, "z", z=torch.ones(8))
    with pytest.raises(InputError, match="^smile: lies in z, but this latent was found in w; invert with inverter=z"):
        edited(prior.generator, Latent(ws=latent.ws, space="w"), [Step(in_z, 1)])
    with pytest.raises(InputError, match="^smile: layers are of w, and this direction lies in z"):
        Step(in_z, 1, layers=(0, 2))
    with pytest.raises(InputError, match="^smile: has no origin, so its strength can only be added"):
        Step(replace(direction, origin=None), 1, absolute=True)
    with pytest.raises(InputError, match="^smile: a strength must lie in -30 to 30 units of its direction, got 1e.09"):
        Step(direction, [0, 1e9])
    with pytest.raises(InputError, match="^smile: layers 4 to before 9 are not in this generator, which has 6"):
        edited(prior.generator, latent, [Step(direction, 1, layers=(4, 9))])
    two, other = Step(direction, [1, 2]), Step(replace(direction, name="hat"), [1, 2, 3])
    with pytest.raises(InputError, match="^edit: strengths, 2 of smile and 3 of hat, do not go together"):
        edited(prior.generator, latent, [two, other, Step(direction, 1)])
    with pytest.raises(InputError, match="^edit: 1 latents and 0 strengths do not go together"):
        edited(prior.generator, latent, [Step(direction, [])])
    with pytest.raises(InputError, match="^edit: 2 latents and 3 strengths do not go together"):
        edited(prior.generator, replace(latent, ws=latent.ws.repeat(2, 1, 1)), [Step(direction, [1, 2, 3])])
