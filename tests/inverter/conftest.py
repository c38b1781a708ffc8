import pytest
import torch

from ganinv.generator.checkpoint import Prior, fingerprint
from ganinv.generator.stylegan2 import Generator


@pytest.fixture
def prior() -> Prior:
    """A random generator of 16 pixels with 6 layers, whose noise inputs count."""
    torch.manual_seed(1)
    generator = Generator(z_dim=8, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.1)
        generator.mapping.w_avg.copy_(generator.mapping(torch.randn(500, 8))[:, 0].mean(dim=0))
    generator.requires_grad_(False).eval()
    return Prior(generator, None, fingerprint(generator), {}, "tiny")
