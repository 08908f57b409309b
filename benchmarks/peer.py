"""The released code of stage 1 as a peer: taken from a checkout, patched at import, never copied.

A checkout is a folder with `DRBL-stage1/src`, such as a clone of github.com/flyywh/CVPR-2020-Semi-Low-Light. That code
was written for PyTorch 0.4; what it imports beside what is needed here does not load any more, so its packages are
entered without their `__init__.py`.
"""

import importlib
import sys
import types
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from drbn_lightning.errors import DRBNError


def released_network(checkout: Path, weights: Path) -> nn.Module:
    """The released network with official weights.

    Raises:
        DRBNError: the checkout or the weights are not there.
    """
    module: Any = _module(checkout, "model", "model.drbn")
    network: nn.Module = module.make_model(Namespace(n_colors=3))
    if not weights.is_file():
        raise DRBNError(f"--weights {weights} does not exist; give the official weights of stage 1")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network


def released_loss(checkout: Path) -> Any:  # noqa: ANN401 the released code has no types
    """Minus SSIM as the released code computes it; maps `(result, target)` to a scalar."""
    return _module(checkout, None, "pytorch_ssim").SSIM(window_size=11)


def released_step(network: nn.Module, loss: Any, low: Tensor, normal: Tensor) -> Tensor:  # noqa: ANN401
    """The loss of the released code's training step, all scales alike."""
    full, half, quarter = network(low)
    total: Tensor = loss(full, normal) + loss(half, normal[:, :, ::2, ::2]) + loss(quarter, normal[:, :, ::4, ::4])
    return total


def _module(checkout: Path, package: str | None, name: str) -> Any:  # noqa: ANN401 any module
    source = checkout / "DRBL-stage1" / "src"
    if not source.is_dir():
        raise DRBNError(f"--peer {checkout} holds no DRBL-stage1/src; give a checkout of the released code")
    if package is not None:
        bare = types.ModuleType(package)
        bare.__path__ = [str(source / package)]
        sys.modules[package] = bare
    sys.path.insert(0, str(source))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(source))
