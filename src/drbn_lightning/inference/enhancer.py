"""Enhancing images of any size and kind; `loading.load_enhancer` makes an enhancer of a checkpoint."""

from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import array_types
from drbn_lightning.inference.array_types import AnyImage
from drbn_lightning.inference.tiling import SCALES, Tiles, run_tiled
from drbn_lightning.inference.visibility import enhanced_where_visible
from drbn_lightning.types import Method, Progress


class Runner(NamedTuple):
    """A method, and the tiles that it works on."""

    method: Method
    tiles: Tiles


class NetworkInfo(NamedTuple):
    """What an enhancer runs, and how.

    Attributes:
        network: name of a pretrained one, or path of a checkpoint.
        stage: `band` or `recompose`.
        stages: those that can be had out of the same network.
        runtime: what runs it.
        device: where.
        precision: of the calculation, for images of 8 bits.
    """

    network: str
    stage: str
    stages: tuple[str, ...]
    runtime: str = ""
    device: str = "cpu"
    precision: str = "float32"

    def __str__(self) -> str:
        return (
            f"network: {self.network}, stage={self.stage}, run by {self.runtime} on {self.device} in {self.precision}"
        )


class Enhancer:
    """Enhances images of any size and kind; made by `loading.load_enhancer`.

    May be called from several threads: they take turns, so that memory stays bounded.
    """

    def __init__(self, info: NetworkInfo, for_8_bits: Runner, for_more: Runner, strength: float = 1.0) -> None:
        """Put it together.

        Args:
            info: what it runs.
            for_8_bits: runs it on images of 8 bits.
            for_more: runs it on images of 16 bits and of floating-point numbers.
            strength: how far to go from the image (0) to the result (1).

        Raises:
            DRBNError: strength or tiles are out of range.
        """
        if not 0 <= strength <= 1:
            raise DRBNError(f"strength={strength} is not between 0 and 1")
        for runner in (for_8_bits, for_more):
            runner.tiles.check()
        self.info, self.stage, self.strength = info, info.stage, strength
        self.for_8_bits, self.for_more = for_8_bits, for_more
        self._turn = Lock()

    def __call__(self, image: AnyImage) -> AnyImage:
        """Enhance an image; the result is of the same kind, size and type.

        Args:
            image: an array `(H, W)`, `(H, W, 3)` or `(H, W, 4)`, uint8, uint16 or floating point in [0, 1]; a
                Pillow image of any mode, see `array_types.enhanced_image`; or a tensor `(3, H, W)` or `(N, 3, H, W)`,
                floating point in [0, 1]. Alpha is kept as it is, and invisible pixels do not count.

        Raises:
            DRBNError: it is none of these, or see `tiling.run_tiled`.
        """
        if self.strength == 0:
            return array_types.copied(image)
        if isinstance(image, np.ndarray):
            return array_types.enhanced_array(image, self.enhance_array)
        if isinstance(image, Image.Image):
            return array_types.enhanced_image(image, self.enhance_array)
        if array_types.is_tensor(image):
            from drbn_lightning.inference.tensors import enhanced_tensor  # with torch, which is there then

            return enhanced_tensor(image, self.enhance_array)
        raise DRBNError(array_types.WRONG_KIND.format(kind=type(image).__name__))

    def enhance_array(
        self, rgb: NDArray[Any], progress: Progress | None = None, *, alpha: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Enhance colours in bounded memory: beside the image and its result, one tile is held.

        Args:
            rgb: `(H, W, 3)`, uint8, uint16, or float32 in [0, 1].
            progress: told after each tile how many pixels are done, and how many there are.
            alpha: `(H, W)` of the same type, how visible each pixel is; see `visibility.enhanced_where_visible`.

        Returns:
            The result, of the same shape and type; at strength 0 a copy.

        Raises:
            DRBNError: `rgb` is of another shape, type or range, or see `tiling.run_tiled`.
        """
        array_types.check(rgb)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype.name not in SCALES:
            kind = f"{rgb.shape} {rgb.dtype}"
            raise DRBNError(f"colours must be (H, W, 3), uint8, uint16 or float32; this array is {kind}")
        if self.strength == 0:
            return rgb.copy()
        method, tiles = self.for_8_bits if rgb.dtype == np.uint8 else self.for_more

        def run(image: NDArray[Any], visible: NDArray[np.float32] | None) -> NDArray[Any]:
            return run_tiled(method, image, tiles, strength=self.strength, progress=progress, visible=visible)

        with self._turn:
            return enhanced_where_visible(rgb, alpha, run)
