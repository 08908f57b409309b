"""Panels for people: images side by side under their names, and the figures of the paper."""

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from drbn_lightning.bands import Bands, ResidualBands, decompose

HEADING = 14  # pixels above each panel for its name
LETTERS = (10, 9, 8, 7)  # sizes of a heading in pixels; the largest that fits
SMALLEST_RANGE = 0.01  # of a weight map: below, noise would look like a pattern

BANDS = ("input", "base", "middle", "detail", "stage 1")
WEIGHTS = ("target", "weight 1", "weight 2", "weight 3", "stage 2")
FIGURE_5 = ("input", "stage 1", "stage 2", "target")
FIGURE_6 = ("input", "stage 1", "base", "middle", "detail")
FIGURE_7 = ("stage 1", "stage 2", "weight 1", "weight 2", "weight 3")


def panels(low: Tensor, bands: Bands, normal: Tensor | None = None, *, chained: bool = False) -> dict[str, Tensor]:
    """Named images of one sample of stage 1, each `(3, H, W)` in [0, 1].

    The middle and detail bands are differences around 0; they are shown around gray, twice as strong.

    Args:
        low: `(3, H, W)`.
        bands: each `(1, 3, ...)`.
        normal: `(3, H, W)`; without it there is no target.
        chained: see `decompose`.

    Returns:
        input, base, middle, detail, enhanced, target.
    """
    shown = _split(low, decompose(bands, chained=chained)) | {"enhanced": bands.full[0]}
    return _displayed(shown, normal)


def stage2_panels(
    low: Tensor,
    bands: Bands,
    recomposition_weights: ResidualBands,
    recomposed: Tensor,
    normal: Tensor | None = None,
    *,
    chained: bool = False,
) -> dict[str, Tensor]:
    """Named images of one sample of stage 2, each `(3, H, W)` in [0, 1].

    Bands are shown as by `panels`. A weight of 1 is gray; the heading of each map says what black and white are:
    "weight 1 (1±0.08)" runs from 0.92 to 1.08. That range holds 99 % of the map's values.

    Args:
        low: `(3, H, W)`.
        bands: each `(1, 3, ...)`.
        recomposition_weights: three maps that broadcast to `(1, 3, H, W)`.
        recomposed: `(3, H, W)`, the result of stage 2.
        normal: `(3, H, W)`; without it there is no target.
        chained: see `decompose`.

    Returns:
        input, base, middle, detail, weight 1, weight 2, weight 3 (each with its range), stage 1, stage 2, target.
    """
    shown = _split(low, decompose(bands, chained=chained))
    for number, weight in enumerate(recomposition_weights, start=1):
        reach = weight_range(weight)
        shown[f"weight {number} (1±{reach:g})"] = (0.5 + (weight.float() - 1) / (2 * reach))[0].expand(low.shape)
    return _displayed(shown | {"stage 1": bands.full[0], "stage 2": recomposed}, normal)


def weight_range(weight: Tensor) -> float:
    """Distance from 1 that 99 % of a weight map's values keep, to two digits, at least `SMALLEST_RANGE`.

    Example:
        >>> weight_range(torch.tensor([1.0, 0.9, 1.1234]))
        0.12
    """
    distance = (weight.detach().float().cpu() - 1).abs().flatten()
    distance = distance[distance.isfinite()]
    reach = float(np.percentile(distance.numpy(), 99)) if len(distance) else 0.0
    return max(SMALLEST_RANGE, float(f"{reach:.2g}"))


def strip(images: dict[str, Tensor]) -> NDArray[np.uint8]:
    """Put images of one size side by side under their names.

    Args:
        images: each `(3, H, W)` in [0, 1].

    Returns:
        `(H + HEADING, W * len(images), 3)` uint8.
    """
    row = torch.cat(list(images.values()), dim=2)
    body: NDArray[np.uint8] = (row * 255).round().byte().permute(1, 2, 0).numpy()
    width = body.shape[1] // len(images)
    return np.concatenate([np.concatenate([heading(name, width) for name in images], axis=1), body])


def rows(strips: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put strips below one another; black fills narrower ones up on the right."""
    width = max(strip.shape[1] for strip in strips)
    return np.concatenate([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips])


def sheet(sample: dict[str, Tensor]) -> NDArray[np.uint8]:
    """All images of `stage2_panels` in two rows of five: each band over its weight map, stage 1 over stage 2.

    The input stands over the target, or over black where there is none.
    """
    return rows([strip(_chosen(sample, names)) for names in (BANDS, WEIGHTS)])


def figure_5(samples: Iterable[dict[str, Tensor]]) -> NDArray[np.uint8]:
    """Figure 5 of the paper, what guidance changes: input, stage 1, stage 2, target; a row for each `stage2_panels`."""
    return _figure(samples, FIGURE_5)


def figure_6(samples: Iterable[dict[str, Tensor]]) -> NDArray[np.uint8]:
    """Figure 6 of the paper, the bands: input, stage 1, three bands; a row for each `stage2_panels`.

    NOTE: the paper shows the second and third band on black; here 0 is gray, so that both signs are seen.
    """
    return _figure(samples, FIGURE_6)


def figure_7(samples: Iterable[dict[str, Tensor]]) -> NDArray[np.uint8]:
    """Figure 7 of the paper, the weight maps: stage 1, stage 2, three maps; a row for each `stage2_panels`."""
    return _figure(samples, FIGURE_7)


def heading(name: str, width: int) -> NDArray[np.uint8]:
    """A name in white on black, `(HEADING, width, 3)`: smaller letters where it is too long, then cut."""
    canvas = Image.new("RGB", (width, HEADING))
    draw = ImageDraw.Draw(canvas)
    fitting = (size for size in LETTERS if draw.textlength(name, _font(size)) <= width - 6)
    draw.text((3, 10), name, fill="white", font=_font(next(fitting, LETTERS[-1])), anchor="ls")
    return np.array(canvas)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _split(low: Tensor, residuals: ResidualBands) -> dict[str, Tensor]:
    """The input and its three bands, those around 0 put around gray."""
    middle, detail = (0.5 + 2 * band[0] for band in (residuals.middle, residuals.detail))
    return {"input": low, "base": residuals.base[0], "middle": middle, "detail": detail}


def _displayed(shown: dict[str, Tensor], normal: Tensor | None) -> dict[str, Tensor]:
    """Clip to [0, 1], NaN to black; the target comes last."""
    if normal is not None:
        shown = shown | {"target": normal}
    return {name: image.detach().float().clamp(0, 1).nan_to_num(0).cpu() for name, image in shown.items()}


def _figure(samples: Iterable[dict[str, Tensor]], names: Sequence[str]) -> NDArray[np.uint8]:
    """A row of chosen images for each sample; black on the right of narrow ones keeps the columns aligned."""
    chosen = [_chosen(sample, names) for sample in samples]
    width = max(image.shape[-1] for sample in chosen for image in sample.values())
    wide = [{k: functional.pad(v, (0, width - v.shape[-1])) for k, v in sample.items()} for sample in chosen]
    return rows([strip(sample) for sample in wide])


def _chosen(sample: dict[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    """Some images by name, whatever their headings add in brackets; black where there is no target."""
    if "target" not in sample:
        sample = sample | {"target (none)": torch.zeros_like(sample["input"])}
    keys = {key.partition(" (")[0]: key for key in sample}
    return {keys[name]: sample[keys[name]] for name in names}
