"""Figures of the released networks, computed with weights and pictures that a formula gives (so nothing is copied)."""

import math

import torch
from torch import Tensor

from drbn_lightning.networks.released import name_map


def picture(seed: int, height: int = 32, width: int = 48, count: int = 1) -> Tensor:
    position = torch.arange(count * 3 * height * width, dtype=torch.float64)
    values = 0.5 + 0.5 * torch.sin(0.011 * position * (1 + 0.1 * seed) + seed)
    return values.float().reshape(count, 3, height, width)


def fill(shape: tuple[int, ...], index: int) -> Tensor:
    position = torch.arange(math.prod(shape), dtype=torch.float64)
    wave = torch.sin(0.7 * position + 0.3 * index)
    scale = 0.7 / math.sqrt(math.prod(shape) / shape[0]) if len(shape) > 1 else 0.05
    return (scale * wave).float().reshape(shape)


# The order of the released network's state dict within one recursion: layer, and shape of its weight.
_BLOCK = [("SFENet1", (16, 6, 3, 3)), ("SFENet2", (16, 16, 3, 3))]
for _number, (_width, _growth) in enumerate([(16, 8), (16, 8), (32, 16), (32, 16), (16, 8), (16, 8)]):
    _BLOCK += [(f"RDBs.{_number}.convs.{i}.conv.0", (_growth, _width + i * _growth, 3, 3)) for i in range(4)]
    _BLOCK += [(f"RDBs.{_number}.LFF", (_width, _width + 4 * _growth, 1, 1))]
_BLOCK += [("UPNet.0", (16, 16, 3, 3)), ("UPNet.1", (3, 16, 3, 3))]
_BLOCK += [("UPNet2.0", (16, 16, 3, 3)), ("UPNet2.1", (3, 16, 3, 3))]
_BLOCK += [("UPNet4.0", (16, 32, 3, 3)), ("UPNet4.1", (3, 16, 3, 3))]
_BLOCK += [("Down1", (16, 16, 3, 3)), ("Down2", (32, 16, 3, 3)), ("Up1", (16, 16, 4, 4)), ("Up2", (32, 16, 4, 4))]


def released_band_state() -> dict[str, Tensor]:
    """A state dict under the released names, filled by the formula."""
    state: dict[str, Tensor] = {}
    for recursion in range(1, 5):
        for layer, shape in _BLOCK:
            outputs = shape[1] if layer in ("Up1", "Up2") else shape[0]  # transposed convolutions
            for kind, size in (("weight", shape), ("bias", (outputs,))):
                state[f"recur{recursion}.{layer}.{kind}"] = fill(size, len(state))
    assert set(state) == set(name_map())
    return state


BAND = {  # mean, standard deviation, and values at flat indices
    "full": (
        0.09984583822855105,
        4.715543006887686,
        {
            0: -0.3829319477081299,
            1: -1.5554578304290771,
            1536: 0.9142204523086548,
            2304: 1.3724825382232666,
            4607: -2.019049644470215,
        },
    ),
    "half": (
        0.05042602663161233,
        5.75582105524819,
        {
            0: 0.6012967824935913,
            1: 1.6588239669799805,
            384: 1.3492403030395508,
            576: 1.4479477405548096,
            1151: -3.2998528480529785,
        },
    ),
    "quarter": (
        -0.19485014251495053,
        3.8068138155620797,
        {
            0: -0.1880142092704773,
            1: -1.821616768836975,
            96: 0.7353272438049316,
            144: 3.0271363258361816,
            287: -3.597459077835083,
        },
    ),
}
SSIM_ZERO_PADDED = 0.09495418518781662
BAND_LOSS_RELEASED_CODE = -1.7966039180755615
BAND_LOSS_PAPER = -1.0697736740112305
