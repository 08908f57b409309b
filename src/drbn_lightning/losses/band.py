"""The loss of stage 1: structural similarity (SSIM) at three scales."""

import torch
from kornia.filters import get_gaussian_kernel1d
from torch import Tensor, nn
from torch.nn import functional

from drbn_lightning.bands import Bands, Downsampling, targets

C1, C2 = 0.01**2, 0.03**2  # Wang et al. 2004, for values in [0, 1]


def ssim(result: Tensor, target: Tensor, window: int = 11, sigma: float = 1.5) -> Tensor:
    """SSIM with a Gaussian window and zero padding (released code), always computed in float32.

    NOTE: not the SSIM of the evaluation, which reflects the borders; see `drbn_lightning.metrics`.

    Args:
        result: `(N, C, H, W)`, display values.
        target: `(N, C, H, W)` in [0, 1].
        window: width of the Gaussian window in pixels, odd.
        sigma: standard deviation of the window in pixels.

    Returns:
        The mean over all elements, a scalar of at most 1, differentiable.

    Example:
        >>> image = torch.rand(1, 3, 16, 16)
        >>> round(ssim(image, image).item(), 4)
        1.0
    """
    with torch.autocast(result.device.type, enabled=False):
        x, y = result.float(), target.float()
        weights = get_gaussian_kernel1d(window, sigma, device=x.device)[0]
        mean_y, mean_yy = _blurred(torch.cat([y, y * y]), weights).chunk(2)  # apart: it mostly needs no gradient
        mean_x, mean_xx, mean_xy = _blurred(torch.cat([x, x * x, x * y]), weights).chunk(3)
        numerator = (2 * mean_x * mean_y + C1) * (2 * (mean_xy - mean_x * mean_y) + C2)
        variances = mean_xx - mean_x**2 + mean_yy - mean_y**2
        return (numerator / ((mean_x**2 + mean_y**2 + C1) * (variances + C2))).mean()


def _blurred(images: Tensor, weights: Tensor) -> Tensor:
    """Images `(N, C, H, W)` blurred along rows, then along columns, with zeros around them.

    One filter for each channel, in the memory order of the images: it is more than three times as fast as kornia's
    `gaussian_blur2d`, which makes images of one channel of them (docs/speed.md).
    """
    channels, reach = images.shape[1], len(weights) // 2
    kernel = weights.expand(channels, 1, -1)
    rows = functional.conv2d(images, kernel[:, :, None, :], padding=(0, reach), groups=channels)
    return functional.conv2d(rows, kernel[:, :, :, None], padding=(reach, 0), groups=channels)


class BandLoss(nn.Module):
    """L_Rect of the paper: minus SSIM at full, half and quarter resolution, and on request L1 terms."""

    def __init__(
        self,
        lambda1: float = 0.1,
        lambda2: float = 0.1,
        downsampling: Downsampling = "area",
        l1_weight: float = 0.0,
        ssim_weight: float = 1.0,
        colour_weight: float = 0.0,
    ) -> None:
        """Build the loss.

        Args:
            lambda1: weight of the half-resolution SSIM (paper: 0.1, released code: 1).
            lambda2: weight of the quarter-resolution SSIM (paper: 0.1, released code: 1).
            downsampling: how the target is brought down, `area` or `stride` (released code).
            l1_weight: weight of the mean absolute error at full resolution (neither paper nor released code:
                SSIM alone says little of the brightness of flat regions).
            ssim_weight: weight of the SSIM terms together (paper and released code: 1).
            colour_weight: weight of the mean absolute difference between the mean colours of result and target, image
                by image: brightness and colour cast, whatever the details (neither paper nor released code).

        Raises:
            ValueError: `downsampling` is unknown.
        """
        super().__init__()
        if downsampling not in ("area", "stride"):
            raise ValueError(f"stage.loss.downsampling is {downsampling!r}; use 'area' or 'stride'")
        self.lambda1, self.lambda2, self.l1_weight = lambda1, lambda2, l1_weight
        self.ssim_weight, self.colour_weight = ssim_weight, colour_weight
        self.downsampling: Downsampling = downsampling

    def forward(self, bands: Bands, normal: Tensor) -> dict[str, Tensor]:
        """Every term of the loss.

        Args:
            bands: the network's result.
            normal: the target, `(N, C, H, W)` in [0, 1].

        Returns:
            `loss`, to be minimised, and its terms `ssim_full`, `ssim_half`, `ssim_quarter` (where weighted, `l1` and
            `colour`).
        """
        wanted = targets(normal, self.downsampling)
        terms = {f"ssim_{name}": ssim(getattr(bands, name), getattr(wanted, name)) for name in Bands._fields}
        structure = terms["ssim_full"] + self.lambda1 * terms["ssim_half"] + self.lambda2 * terms["ssim_quarter"]
        loss = -self.ssim_weight * structure
        if self.l1_weight:
            terms["l1"] = (bands.full.float() - normal.float()).abs().mean()
            loss = loss + self.l1_weight * terms["l1"]
        if self.colour_weight:
            means = [image.float().mean(dim=(2, 3)) for image in (bands.full, normal)]
            terms["colour"] = (means[0] - means[1]).abs().mean()
            loss = loss + self.colour_weight * terms["colour"]
        return {"loss": loss, **terms}
