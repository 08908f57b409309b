"""Figures of the released networks, computed with weights and images that a formula gives (so nothing is copied)."""

import math

import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.official import name_map, recomposer_name_map


def image(seed: int, height: int = 32, width: int = 48, count: int = 1) -> Tensor:
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
    """A state dict under the official names, filled by the formula."""
    state: dict[str, Tensor] = {}
    for recursion in range(1, 5):
        for layer, shape in _BLOCK:
            outputs = shape[1] if layer in ("Up1", "Up2") else shape[0]  # transposed convolutions
            for kind, size in (("weight", shape), ("bias", (outputs,))):
                state[f"recur{recursion}.{layer}.{kind}"] = fill(size, len(state))
    assert set(state) == set(name_map())
    return state


def released_recomposer_state() -> dict[str, Tensor]:
    """The same of the released recomposer of stage 2."""
    layers = [("SFENet1", (16, 12, 3, 3)), ("SFENet2", (16, 16, 3, 3))]
    layers += [(f"RDBs.0.convs.{i}.conv.0", (8, 16 + 8 * i, 3, 3)) for i in range(4)]
    layers += [("RDBs.0.LFF", (16, 48, 1, 1)), ("GFF.0", (16, 16, 1, 1)), ("GFF.1", (16, 16, 3, 3))]
    layers += [("UPNet", (16, 16, 3, 3)), ("UPNet2", (9, 16, 3, 3))]
    state: dict[str, Tensor] = {}
    for layer, shape in layers:
        for kind, size in (("weight", shape), ("bias", shape[:1])):
            state[f"{layer}.{kind}"] = fill(size, len(state))
    assert set(state) == set(recomposer_name_map())
    return state


def fill_discriminator(network: nn.Module) -> None:
    """Fill a discriminator, whose tensors are in the released order, by the formula; buffers count but stay."""
    parameters = dict(network.named_parameters())
    for index, name in enumerate(network.state_dict()):
        if name in parameters:
            parameter = parameters[name]
            is_norm = parameter.ndim == 1 and name.endswith("weight")
            values = fill(tuple(parameter.shape), index)
            parameter.data.copy_(1 + 2 * values if is_norm else values)  # 2 * 0.05 is the formula's 0.1


def vgg_state() -> dict[str, Tensor]:
    """VGG16's first four convolutions, filled by the formula (nobody released these)."""
    state: dict[str, Tensor] = {}
    for place, outputs, inputs in [(0, 64, 3), (2, 64, 64), (5, 128, 64), (7, 128, 128)]:
        for kind, size in (("weight", (outputs, inputs, 3, 3)), ("bias", (outputs,))):
            state[f"features.{place}.{kind}"] = fill(size, len(state))
    return state


# Shapes of the released discriminator's tensors: convolutions and, from the second on, their batch norms.
DISCRIMINATOR_SHAPES: list[tuple[int, ...]] = [(64, 6, 3, 3), (64,)]
for _outputs, _inputs in [(64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (512, 256), (512, 512)]:
    DISCRIMINATOR_SHAPES += [(_outputs, _inputs, 3, 3), *[(_outputs,)] * 5, ()]
DISCRIMINATOR_SHAPES += [(1, 512, 1, 1), (1,)]
DISCRIMINATOR_SCORES = (0.5086278319358826, 0.5085878372192383)

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
RECOMPOSE = {  # as in BAND
    "result": (
        -1.420404871578891,
        19.886454742991273,
        {
            0: -0.5360419154167175,
            1: -4.130889892578125,
            1536: 0.49145472049713135,
            2304: -0.9930592179298401,
            4607: -5.2442851066589355,
        },
    ),
    "weight_base": (
        0.6283751318567536,
        3.4389720966434427,
        {
            0: 0.3325483798980713,
            1: -0.8291245698928833,
            1536: 0.5352900624275208,
            2304: 2.283388137817383,
            4607: 1.756331443786621,
        },
    ),
    "weight_middle": (
        0.6050557629852038,
        3.5733206650952507,
        {
            0: 0.9038881063461304,
            1: 0.6889908313751221,
            1536: 1.040076732635498,
            2304: 0.40774285793304443,
            4607: 1.3554176092147827,
        },
    ),
    "weight_detail": (
        0.5528635780922033,
        3.446699752383129,
        {
            0: 1.2059868574142456,
            1: 2.0704169273376465,
            1536: 1.2428749799728394,
            2304: -1.3798573017120361,
            4607: 0.5236280560493469,
        },
    ),
}
SSIM_ZERO_PADDED = 0.09495418518781662
BAND_LOSS_RELEASED_CODE = -1.7966039180755615
BAND_LOSS_PAPER = -1.0697736740112305
