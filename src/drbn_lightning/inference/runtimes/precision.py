"""Where and with how many bits a network runs.

Seconds for a megapixel, median of 3 in turn, channels last, on a busy machine of two cores with AVX-512 BF16,
25 November 2026 (official stage 1, and both stages):

| | float32 | bfloat16 | bfloat16 autocast |
| --- | --- | --- | --- |
| 1 thread | 14.3, 19.4 | 6.3, 9.2 | 6.6, 7.7 |
| 2 threads | 19.3, 19.5 | 10.3, 11.1 | 10.3, 12.9 |

bfloat16 differs from float32 by 54 dB of 8-bit results; by 51 to 57 dB where the first guess is brought to a mean.
"""

from typing import Literal

import torch
from torch import nn

from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.names import PRECISIONS

Precision = Literal["float32", "bfloat16", "float16"]


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one that works.

    Raises:
        DRBNError: there is no such device here.
    """
    if name == "auto":
        return next(device for device in _candidates() if device.type == "cpu" or _works(device))
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DRBNError(f"device={name} does not work here ({reason_of(error)}); use auto or cpu") from None
    return device


def choose_precision(name: str, device: torch.device, *, bits: int = 8) -> Precision:
    """The precision of that name; `auto` is the fastest that an image does not show.

    bfloat16 has 8 significant bits, so `auto` takes it for images of 8 bits only, and on a CPU only where its
    instructions are native: elsewhere it is emulated and slower than float32.

    Args:
        name: one of `PRECISIONS`.
        device: where the network runs.
        bits: significant bits of the images.

    Raises:
        DRBNError: there is no such precision, or not on this device.
    """
    if name not in PRECISIONS:
        raise DRBNError(f"precision={name} is unknown; use {', '.join(PRECISIONS)}")
    if name == "float16" and device.type == "cpu":
        raise DRBNError("precision=float16 needs a GPU; use bfloat16 or float32 on a CPU")
    if name == "float32" or (name == "auto" and bits > 8):
        return "float32"
    if name == "auto":
        if device.type == "cpu":
            return "bfloat16" if has_native_bfloat16() else "float32"
        return "float16" if device.type == "cuda" else "float32"
    return "bfloat16" if name == "bfloat16" else "float16"


def has_native_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 numbers itself (AVX-512 BF16 or AMX)."""
    capabilities: dict[str, object] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # missing in older releases of torch
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))


def _candidates() -> list[torch.device]:
    """Kinds of devices, the fastest first."""
    devices = ["cuda"] if torch.cuda.is_available() else []
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return [torch.device(name) for name in (*devices, "cpu")]


def _works(device: torch.device) -> bool:
    """Whether a small convolution runs there."""
    try:
        nn.Conv2d(3, 4, 3).to(device)(torch.zeros(1, 3, 8, 8, device=device)).cpu()
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return True
