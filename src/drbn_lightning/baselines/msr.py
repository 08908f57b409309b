"""Multi-scale Retinex: an image is reflectance times illumination, and a blurred image is nearly the illumination.

It knows no noise: what the dark hides comes out as strong as the image.
"""

import torch
from torch import Tensor

from drbn_lightning.baselines.fourier import blurred

SCALES = (15.0, 80.0, 250.0)
"""Deviations in pixels of the Gaussian surrounds of multi-scale Retinex (Jobson et al. 1997)."""
RESTORATION = 125.0
"""How much of its colours multi-scale Retinex gives back to an image (alpha of Jobson et al. 1997)."""
CLIPPED = 0.01
"""Share of the pixels that multi-scale Retinex makes black, and white, in each colour."""


def multi_scale_retinex(low: Tensor) -> Tensor:
    """Multi-scale Retinex with colour restoration: each pixel against Gaussian surrounds of three sizes.

    Source: Jobson, Rahman, Woodell, "A multiscale Retinex for bridging the gap between color images and the human
    observation of scenes", TIP 1997.
    NOTE: its last step, fixed gain and offset, is replaced by a stretch of each colour between two percentiles, as in
    Petro, Sbert, Morel, "Multiscale Retinex", IPOL 2014: the fixed ones suit one camera.

    Args:
        low: `(N, 3, H, W)` display values.

    Returns:
        `(N, 3, H, W)` in [0, 1]; a colour that is the same everywhere stays as it is.
    """
    image = 255 * low.clamp(0, 1).float() + 1  # logarithms of values in 1...256
    surrounds = blurred(image, SCALES)
    reflectance = sum((image.log() - surround.log() for surround in surrounds), torch.zeros_like(image))
    restoration = (RESTORATION * image / image.sum(dim=1, keepdim=True)).log()
    return _stretched(reflectance / len(SCALES) * restoration, low.clamp(0, 1).float())


def _stretched(values: Tensor, otherwise: Tensor) -> Tensor:
    """Each colour of each image, its percentiles brought to 0 and 1; `otherwise` where they are equal."""
    flat = values.flatten(2).sort(dim=-1).values
    last = flat.shape[-1] - 1
    low, high = flat[..., round(CLIPPED * last)], flat[..., round((1 - CLIPPED) * last)]
    low, spread = low[..., None, None], (high - low)[..., None, None]
    return torch.where(spread > 1e-4, ((values - low) / spread.clamp(min=1e-4)).clamp(0, 1), otherwise)
