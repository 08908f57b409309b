"""Peak signal-to-noise ratio, defined in one place for validation and evaluation alike.

It is that of what a person would save: the result clipped to [0, 1] and rounded to 8 bits, before anything else is done
to it. So a saved result has the same PSNR as the network that made it.
"""

from torch import Tensor

from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import to_8_bit


def psnr(result: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, over RGB, after rounding the result to 8 bits.

    Args:
        result: `(N, 3, H, W)`, display values.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)`; infinite where result and target are equal.

    Example:
        >>> import torch
        >>> psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1)).tolist()
        [20.0]
    """
    error = (to_8_bit(result).double() - target.double()).square().mean(dim=(1, 2, 3))
    return (-10 * error.log10()).float()


EXACT = 60.0
"""PSNR in dB that an image counts with in the means of a training, where it comes out exactly as its target."""


def bounded_psnr(result: Tensor, target: Tensor) -> Tensor:
    """`psnr`, at most `EXACT`: one exact image does not make the mean of a training infinite.

    Args:
        result: see `psnr`.
        target: see `psnr`.

    Example:
        >>> import torch
        >>> bounded_psnr(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)).tolist()
        [60.0]
    """
    return psnr(result, target).clamp(max=EXACT)


PSNR = Metric("psnr", "PSNR", "dB", 2, 1, "over RGB, result rounded to 8 bits", psnr)
