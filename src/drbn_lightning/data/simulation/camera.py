"""A camera that photographs a well lit image in the dark: the low-light half of a synthetic pair.

Light is in LINEAR units throughout, 1 being the display's white. A shot is one `Exposure`; given that, only the pixel
noise is random, and every pixel stands for itself: a crop or a strided subsample of an image may be exposed alone.

Calibration: the defaults follow the 485 training pairs of LOL-v1 (our485, without its misaligned pair 648; eval15 was
never looked at). Low = srgb(gain * linear(high)^contrast + black) was fitted per pair to 16 x 16 tile means, and noise
was measured as the residual of quadratic surfaces in the 8 x 8 tiles that are flattest in `high`. Percentiles are
5 / 50 / 95 over the pairs:

- stops between white in `high` and its light in `low`: 2.9 / 5.1 / 6.9; so counted, independent of the contrast.
- contrast of the light in `low` over that of `high` (an image's own tone curve flattens it): 0.9 / 1.3 / 2.1. Beside
  sRGB no other tone curve is left: the fit's residual is 7 % of the mean level.
- colour cast, as length of (log red/green, log blue/green): median .06 at 3 stops, .3 (95 %: .7) beyond 6.
- saturation: a mixing of `low` with its gray fits best at 0.98, so there is none.
- noise in 8-bit counts: 2.0 red, 1.1 green, 1.45 blue, at every level from 5 to 40 counts. In linear light this is shot
  noise of 6e-5 (variance per light) through gains of 2.7, 1, 1.6. It is white in space (neighbours correlate as those
  of white noise do, to .01) and correlated between colours: .27 (rg), .15 (gb), .22 (rb).
- black: the darkest 1 % of most images is 0 in all colours; the fitted offset is -1e-4 / 4e-4 / 2e-3.

Lows simulated from the targets of every second pair, beside the real lows of all, both scaled to a mean of 0.42
(medians, real / simulated; the ranges were tuned by this comparison, so it is no test on unseen images):
gain 8.1 / 7.9; standard deviation of gray .255 / .269 (the targets, scaled alike, have .166: they are much flatter);
darkest 5 % .049 / .048, brightest 5 % .883 / .903; noise red .065 / .061, green .037 / .037, blue .049 / .045.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from kornia.color import linear_rgb_to_rgb, rgb_to_linear_rgb
from torch import Tensor

Range = tuple[float, float]
RGB = tuple[float, float, float]

_HIGHEST_BITS = 16


class Exposure(NamedTuple):
    """One shot: all that is random about it but the pixel noise.

    `exposure` is the factor on the light, `contrast` the exponent that undoes the image's own tone curve before it,
    `cast` the error of the white balance as factors per colour. `sensor_gains` are the factors per colour that
    development applies to the raw values, and to their noise. `shot_noise` is the noise variance per raw light,
    `read_noise` the standard deviation in the dark, `crosstalk` the share of each noise value that demosaicking spreads
    evenly over the colours. `black` is added to the developed light; `sensor_bits` is the depth of the raw values.
    """

    exposure: float
    contrast: float
    cast: RGB
    sensor_gains: RGB
    shot_noise: float
    read_noise: float
    crosstalk: float
    black: float
    sensor_bits: int


class LowLightCamera:
    """Draws shots from ranges and takes them.

    Each range is drawn from triangularly: its middle is likeliest, its ends are never passed.

    Example:
        >>> camera, rng = LowLightCamera(), np.random.default_rng(0)
        >>> low = camera.expose(torch.rand(3, 8, 8), camera.draw(rng), rng)
        >>> tuple(low.shape), bool(low.mean() < 0.2)
        ((3, 8, 8), True)
    """

    def __init__(
        self,
        stops: Range = (2.0, 7.7),
        contrast: Range = (0.65, 2.05),
        cast: float = 1.4,
        red_gain: Range = (2.3, 3.4),
        blue_gain: Range = (1.3, 1.9),
        shot_noise: Range = (3e-5, 9e-5),
        read_noise: Range = (0.5e-4, 2.5e-4),
        crosstalk: Range = (0.1, 0.4),
        black: Range = (-3e-4, 6e-4),
        sensor_bits: tuple[int, int] = (12, 14),
    ) -> None:
        """Keep the ranges.

        Args:
            stops: underexposure of white, in powers of 2, not negative.
            contrast: exponent on linear light, positive.
            cast: length of the strongest white-balance error, in natural logarithms of red and blue over green. It is
                reached at the longest `stops` only and shrinks with their square: dark images have the wrong colours.
            red_gain: development gain of red over green, positive.
            blue_gain: development gain of blue over green, positive.
            shot_noise: variance of the raw noise per raw light, not negative: 1 / full well in electrons.
            read_noise: standard deviation of the raw noise in the dark, not negative.
            crosstalk: share of the noise that is spread over the colours, in [0, 1].
            black: offset of the developed light, in [-1, 1].
            sensor_bits: depths of the raw values, whole numbers from 1 to 16; drawn evenly.

        Raises:
            ValueError: a range is not finite, is reversed or leaves its limits.
        """
        tiny = math.ulp(0.0)
        self.stops = _checked("stops", stops, 0.0)
        self.contrast = _checked("contrast", contrast, tiny)
        self.cast = _checked("cast", (0.0, cast), 0.0)[1]
        self.red_gain = _checked("red_gain", red_gain, tiny)
        self.blue_gain = _checked("blue_gain", blue_gain, tiny)
        self.shot_noise = _checked("shot_noise", shot_noise, 0.0)
        self.read_noise = _checked("read_noise", read_noise, 0.0)
        self.crosstalk = _checked("crosstalk", crosstalk, 0.0, 1.0)
        self.black = _checked("black", black, -1.0, 1.0)
        low, high = _checked("sensor_bits", sensor_bits, 1, _HIGHEST_BITS)
        if low != int(low) or high != int(high):
            raise ValueError(f"sensor_bits is {sensor_bits}; bits are whole numbers")
        self.sensor_bits = int(low), int(high)

    def draw(self, rng: np.random.Generator) -> Exposure:
        """Draw one shot; its numbers depend on the state of `rng` alone."""
        stops = _triangular(rng, self.stops)
        return Exposure(
            exposure=2.0**-stops,
            contrast=_triangular(rng, self.contrast),
            cast=_cast(rng, self.cast * (stops / max(self.stops[1], 1e-9)) ** 2),
            sensor_gains=(_triangular(rng, self.red_gain), 1.0, _triangular(rng, self.blue_gain)),
            shot_noise=_triangular(rng, self.shot_noise),
            read_noise=_triangular(rng, self.read_noise),
            crosstalk=_triangular(rng, self.crosstalk),
            black=_triangular(rng, self.black),
            sensor_bits=int(rng.integers(self.sensor_bits[0], self.sensor_bits[1] + 1)),
        )

    def expose(self, image: Tensor, exposure: Exposure, rng: np.random.Generator) -> Tensor:
        """Take one shot of an image.

        Args:
            image: `(3, H, W)` float display values in [0, 1].
            exposure: the shot.
            rng: draws the noise, `3 * H * W` normal values.

        Returns:
            `(3, H, W)` float32 display values in [0, 1], whole multiples of 1/255.

        Raises:
            ValueError: `image` has another shape.
        """
        if image.ndim != 3 or image.shape[0] != 3:
            raise ValueError(f"the image's shape is {tuple(image.shape)}, not (3, H, W)")
        light = rgb_to_linear_rgb(image.float().clamp(0, 1)) ** exposure.contrast
        light = light * (exposure.exposure * _column(exposure.cast))
        developed = light + _sensor_error(light, exposure, rng) + exposure.black
        return linear_rgb_to_rgb(developed.clamp(0, 1)).mul(255).round().div(255)


def _sensor_error(light: Tensor, exposure: Exposure, rng: np.random.Generator) -> Tensor:
    """What noise and quantisation of the raw values add to the developed light, `(3, H, W)`."""
    gains, steps = _column(exposure.sensor_gains), 2.0**exposure.sensor_bits
    raw = light / gains
    noise = torch.from_numpy(rng.standard_normal(light.shape, dtype=np.float32))
    noisy = raw + noise * (exposure.shot_noise * raw + exposure.read_noise**2).sqrt()
    error = (noisy.mul(steps).round().div(steps) - raw) * gains
    return torch.lerp(error, error.mean(0, keepdim=True).expand_as(error), exposure.crosstalk)


def _checked(name: str, limits: Range, lowest: float, highest: float = math.inf) -> Range:
    """Pass a range on if it is finite, in order and within its limits."""
    low, high = limits
    if not (math.isfinite(low) and math.isfinite(high) and lowest <= low <= high <= highest):
        raise ValueError(
            f"{name} is {limits}; use finite (low, high) with {lowest:.3g} <= low <= high <= {highest:.3g}"
        )
    return low, high


def _triangular(rng: np.random.Generator, limits: Range) -> float:
    """Draw a number between two, most likely their middle (the mean of two even draws)."""
    low, high = limits
    return low + (high - low) * float(rng.random() + rng.random()) / 2


def _cast(rng: np.random.Generator, longest: float) -> RGB:
    """Draw colour factors of a random direction between red and blue; green is 1."""
    length, angle = longest * rng.random() ** 1.5, 2 * math.pi * rng.random()
    return math.exp(length * math.cos(angle)), 1.0, math.exp(length * math.sin(angle))


def _column(colours: RGB) -> Tensor:
    """Three factors as `(3, 1, 1)`."""
    return torch.tensor(colours, dtype=torch.float32).view(3, 1, 1)
