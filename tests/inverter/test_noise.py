import torch
from torch.autograd import gradcheck

from ganinv.generator.checkpoint import Prior
from ganinv.inverter.noise import fresh, regularise, renormalise_


def neighbours(values: list[list[float]]) -> float:
    """mean(n · right)² + mean(n · below)², both periodic, in plain Python."""
    size = len(values)
    places = [(y, x) for y in range(size) for x in range(size)]
    right = sum(values[y][x] * values[y][x - 1] for y, x in places) / size**2
    below = sum(values[y][x] * values[y - 1][x] for y, x in places) / size**2
    return right**2 + below**2


def halved(values: list[list[float]]) -> list[list[float]]:
    half = range(len(values) // 2)
    quads = [[(2 * y, 2 * x) for x in half] for y in half]
    return [[sum(values[y + j][x + i] for j in (0, 1) for i in (0, 1)) / 4 for y, x in row] for row in quads]


def test_regulariser_sums_every_scale_down_to_8_pixels() -> None:
    noise = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    for value, found in zip(noise[:, 0].tolist(), regularise(noise).tolist(), strict=True):
        assert abs(found - neighbours(value) - neighbours(halved(value))) < 1e-12


def test_regulariser_of_a_small_map_has_one_scale() -> None:
    noise = torch.randn(1, 1, 4, 4, dtype=torch.float64)
    assert abs(regularise(noise).item() - neighbours(noise[0, 0].tolist())) < 1e-12


def test_regulariser_knows_structure_from_noise() -> None:
    flat, white = torch.ones(1, 1, 16, 16), torch.randn(1, 1, 16, 16)
    assert regularise(flat).item() == 4  # two axes, two scales, correlation 1
    assert regularise(white).item() < 0.1


def test_regulariser_gradient() -> None:
    noise = torch.randn(2, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    assert gradcheck(regularise, noise, fast_mode=True)


def test_renormalised_maps_have_mean_0_and_variance_1() -> None:
    noise = 3 * torch.randn(2, 1, 8, 8) + torch.tensor([5.0, -2.0]).view(2, 1, 1, 1)
    before = noise.clone()
    renormalise_(noise)
    assert torch.allclose(noise.mean(dim=[1, 2, 3]), torch.zeros(2), atol=1e-6)
    assert torch.allclose(noise.var(dim=[1, 2, 3], unbiased=False), torch.ones(2), atol=1e-5)
    assert (torch.corrcoef(torch.stack([noise[0].flatten(), before[0].flatten()]))[0, 1] > 0.999).all()


def test_fresh_maps_are_every_photos_own_copy_of_the_same(prior: Prior) -> None:
    maps = fresh(prior.generator.synthesis, count=3, rng=torch.Generator().manual_seed(5))
    expected = {"b4.conv1": 4, "b8.conv0": 8, "b8.conv1": 8, "b16.conv0": 16, "b16.conv1": 16}
    assert {name: value.shape for name, value in maps.items()} == {
        f"{layer}.noise_const": (3, 1, side, side) for layer, side in expected.items()
    }
    value = maps["b16.conv1.noise_const"]
    assert torch.equal(value[0], value[2]) and 0.8 < value.std() < 1.2
    value[0] = 0
    assert value[1].abs().sum() > 0
