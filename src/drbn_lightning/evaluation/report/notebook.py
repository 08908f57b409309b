"""What a notebook shows: rows of images as small JPEG files, figures as HTML tables; nothing to install for it."""

from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from drbn_lightning.evaluation.report.text import bracketed
from drbn_lightning.evaluation.summary import Result
from drbn_lightning.metrics.bootstrap import Interval
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.visualization.panels import rows, strip

QUALITY = 88  # of the JPEG files
WIDTH = 240  # of an image among others in a row, in pixels


class Shown:
    """An image that a notebook shows where it is the last value of a cell, stored as JPEG."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        """Keep the image, `(H, W, 3)`."""
        self.pixels = pixels

    def __repr__(self) -> str:
        height, width, _ = self.pixels.shape
        return f"an image of {width} x {height} pixels"

    def _repr_jpeg_(self) -> bytes:
        """The JPEG file; a notebook asks for it by this name."""
        file = BytesIO()
        Image.fromarray(self.pixels).save(file, format="JPEG", quality=QUALITY, optimize=True)
        return file.getvalue()


class Table:
    """A table that a notebook shows where it is the last value of a cell."""

    def __init__(self, heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        """Keep the table.

        Args:
            heads: headings of the columns.
            cells: rows of as many cells.

        Raises:
            ValueError: a row has another number of cells.
        """
        if any(len(row) != len(heads) for row in cells):
            raise ValueError(f"each row of the table must have {len(heads)} cells: {', '.join(heads)}")
        self.heads, self.cells = heads, cells

    def __repr__(self) -> str:
        lines = [self.heads, *self.cells]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        """The table in HTML; a notebook asks for it by this name."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.heads)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.cells)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def side_by_side(*samples: Mapping[str, Tensor], width: int = WIDTH) -> Shown:
    """Rows of images under their names.

    Args:
        samples: the rows; in each, images of one size by name, see `smaller`.
        width: see `smaller`.

    Example:
        >>> import torch
        >>> side_by_side({"input": torch.zeros(3, 40, 60), "result": torch.ones(3, 40, 60)}, width=30)
        an image of 60 x 34 pixels
    """
    return Shown(rows([strip(smaller(sample, width)) for sample in samples]))


def smaller(sample: Mapping[str, Tensor], width: int = WIDTH) -> dict[str, Tensor]:
    """Images averaged down to a width, by name; narrower ones stay as they are.

    Args:
        sample: images by name, `(3, H, W)` in [0, 1]; what is beyond is cut off.
        width: of each image at most, in pixels.
    """
    resized = {}
    for name, image in sample.items():
        pixels, scale = image.detach().float().cpu().clamp(0, 1), min(1.0, width / image.shape[-1])
        size = [max(1, round(side * scale)) for side in image.shape[-2:]]
        resized[name] = functional.interpolate(pixels[None], size, mode="area")[0]
    return resized


def means(result: Result) -> Table:
    """The mean of each metric and its interval, a row for each method."""
    cells = [[row.method, *_cells(row.means, result.metrics)] for row in result.rows]
    return Table([f"{len(result.images)} images", *(metric.heading for metric in result.metrics)], cells)


def changes(result: Result) -> Table:
    """What the main method changes, paired image by image, a row for each other method."""
    cells = [
        [f"{difference.second} - {difference.first}", *_cells(difference.changes, result.metrics, "+")]
        for difference in result.differences
    ]
    return Table(["paired difference", *(metric.heading for metric in result.metrics)], cells)


def _cells(intervals: Mapping[str, Interval], metrics: Sequence[Metric], sign: str = "") -> list[str]:
    return [bracketed(intervals[metric.key], metric.decimals, sign) for metric in metrics]
