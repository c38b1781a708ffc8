import torch

from ganinv.generator.checkpoint import Prior
from ganinv.inverter.mean import Mean


def test_every_photo_gets_w_avg_in_every_layer(prior: Prior) -> None:
    latent = Mean()(prior=prior, images=torch.zeros(3, 3, 16, 16), seed=0)
    assert latent.space == "w" and latent.ws.shape == (3, 6, 8)
    assert torch.equal(latent.ws, prior.generator.mapping.w_avg.expand(3, 6, 8))
    latent.ws.zero_()
    assert prior.generator.mapping.w_avg.abs().sum() > 0
