import torch

from drbn_lightning.baselines.clahe import clahe
from drbn_lightning.networks.first_guess import thumbnails_of


def test_clahe_equalises_the_lightness_and_keeps_gray_gray() -> None:
    ramp = torch.linspace(0.0, 0.2, 64).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    result = clahe(ramp, thumbnails_of(ramp))
    assert result.amax() > 1.8 * ramp.amax()
    assert (result.amax(dim=1) - result.amin(dim=1)).max() < 0.01
