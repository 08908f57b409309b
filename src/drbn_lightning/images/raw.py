"""Cameras' raw files, developed by LibRaw where the extra `raw` is installed."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from drbn_lightning.images.formats import RAW


def develop(path: Path) -> NDArray[np.uint16]:
    """Develop a raw file: white balance of the camera, sRGB, upright, no brightening, which is what we are for.

    Returns:
        `(H, W, 3)` uint16.

    Raises:
        DRBNError: the extra is not installed, or LibRaw cannot read the file.
        Image.DecompressionBombError: it has too many pixels.
    """
    try:
        rawpy = extra("rawpy", "raw")
    except DRBNError as error:
        raise _refused(path, f"or: {error}") from error
    try:
        with rawpy.imread(str(path)) as raw:
            _check_size(raw.sizes)
            rgb: NDArray[np.uint16] = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
            return rgb
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else ""
        cause = reason.decode() if isinstance(reason, bytes) else reason
        raise _refused(path, f"LibRaw cannot read this one ({cause})") from error


def _check_size(sizes: Any) -> None:  # noqa: ANN401  # of a package that may be absent
    limit, pixels = Image.MAX_IMAGE_PIXELS, sizes.width * sizes.height
    if limit is not None and pixels > 2 * limit:
        raise Image.DecompressionBombError(f"{pixels} pixels, more than {2 * limit}")


def _refused(path: Path, more: str) -> DRBNError:
    return DRBNError(f"The file {path} holds a camera's raw data; {RAW.remedy}; {more}")
