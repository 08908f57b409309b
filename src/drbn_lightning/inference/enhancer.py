"""Enhancing pictures in two lines: `enhancer = load_enhancer()`, then `enhancer(picture)`."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import kinds
from drbn_lightning.inference.ensemble import self_ensemble as ensemble_of
from drbn_lightning.inference.evaluation import Method
from drbn_lightning.inference.precision import choose_device, choose_precision, torch_method
from drbn_lightning.inference.tiling import SCALES, Progress, Tiles, check_tiles, run_tiled
from drbn_lightning.networks.shipped import DEFAULT_STAGE, shipped_path
from drbn_lightning.networks.whole import Whole, load_whole

Picture = TypeVar("Picture", NDArray[Any], Image.Image, Tensor)
RUNTIMES = ("torch", "onnx", "openvino")


class Enhancer:
    """Enhances pictures of any size and kind; made by `load_enhancer`.

    May be called from several threads: they take turns, so that memory stays bounded.
    """

    def __init__(self, whole: Whole, choose: Callable[[int], Method], *, strength: float, tiles: Tiles) -> None:
        """Put it together.

        Args:
            whole: the network.
            choose: gives the method for pictures of so many significant bits.
            strength: how far to go from the picture (0) to the result (1).
            tiles: how to cut large pictures.

        Raises:
            DRBNError: strength or tiles are out of range.
        """
        if not 0 <= strength <= 1:
            raise DRBNError(f"strength={strength} is not between 0 and 1")
        check_tiles(tiles)
        self.stage, self.whole, self.strength, self.tiles = whole.stage, whole, strength, tiles
        self._methods = {8: choose(8), 16: choose(16)}
        self._turn = Lock()

    def __call__(self, picture: Picture) -> Picture:
        """Enhance a picture; the result is of the same kind, size and type.

        Args:
            picture: an array `(H, W)`, `(H, W, 3)` or `(H, W, 4)`, uint8, uint16 or floating point in [0, 1]; a
                Pillow image of any mode, see `kinds.enhanced_image`; or a tensor `(3, H, W)` or `(N, 3, H, W)`,
                floating point in [0, 1]. Alpha is kept as it is.

        Raises:
            DRBNError: it is none of these, or see `tiling.run_tiled`.
        """
        if isinstance(picture, np.ndarray):
            return kinds.enhanced_array(picture, self.enhance_array)
        if isinstance(picture, Image.Image):
            return kinds.enhanced_image(picture, self.enhance_array)
        if isinstance(picture, Tensor):
            return kinds.enhanced_tensor(picture, self.enhance_array)
        raise DRBNError(f"a picture must be an array, a Pillow image or a tensor, not a {type(picture).__name__}")

    def enhance_array(self, rgb: NDArray[Any], progress: Progress | None = None) -> NDArray[Any]:
        """Enhance colours in bounded memory: beside the picture and its result, one tile is held.

        Args:
            rgb: `(H, W, 3)`, uint8, uint16, or float32 in [0, 1].
            progress: told after each tile how many pixels are done, and how many there are.

        Returns:
            The result, of the same shape and type; at strength 0 a copy.

        Raises:
            DRBNError: `rgb` is of another shape, type or range, or see `tiling.run_tiled`.
        """
        kinds.check(rgb)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype.name not in SCALES:
            given = f"{rgb.shape} {rgb.dtype}"
            raise DRBNError(f"colours must be (H, W, 3), uint8, uint16 or float32; this array is {given}")
        if self.strength == 0:
            return rgb.copy()
        method = self._methods[8 if rgb.dtype == np.uint8 else 16]
        with self._turn:
            return run_tiled(method, rgb, self.tiles, strength=self.strength, progress=progress)


def load_enhancer(
    checkpoint: Path | str | None = None,
    *,
    stage: str | None = None,
    band: Path | str | None = None,
    strength: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "torch",
    tile_size: int | None = None,
    self_ensemble: bool = False,
) -> Enhancer:
    """Read a network and make it ready for pictures of any size and kind.

    Args:
        checkpoint: a checkpoint of ours or released weights; by default the weights that ship with the package.
        stage: `band` (stage 1) or `recompose` (both stages); by default what the checkpoint is, or the better one
            of those that ship.
        band: the stage 1 of a stage-2 checkpoint, see `load_whole`.
        strength: how far to go from the picture (0) to the result (1).
        device: `auto`, `cpu`, `cuda`, `mps`, ...
        precision: see `choose_precision`.
        runtime: `torch`, or `onnx` or `openvino` where their extras are installed.
        tile_size: side of the tiles that large pictures are cut into, in pixels; larger ones need more memory.
        self_ensemble: average over the eight flips and turns; eight times slower.

    Raises:
        DRBNError: a file is missing or damaged, a value is out of range, or an extra is not installed.
    """
    if checkpoint is None:
        checkpoint = shipped_path(stage or DEFAULT_STAGE)
    whole = of_stage(load_whole(checkpoint, band), stage, checkpoint)
    choose = chooser(whole, device, precision, runtime)
    tiles = Tiles() if tile_size is None else Tiles(tile_size)
    wrapped = (lambda bits: ensemble_of(choose(bits))) if self_ensemble else choose
    return Enhancer(whole, wrapped, strength=strength, tiles=tiles)


def of_stage(whole: Whole, stage: str | None, source: Path | str) -> Whole:
    """The network up to a stage: stage 1 can be had out of both.

    Raises:
        DRBNError: the network does not have that stage.
    """
    if stage in (None, whole.stage):
        return whole
    if stage == "band" and stage in whole.parts:
        return Whole(stage, whole.parts[stage].network, {stage: whole.parts[stage]})
    raise DRBNError(f"{source} is a checkpoint of stage={whole.stage}, and stage={stage} is asked for; choose another")


def chooser(whole: Whole, device: str, precision: str, runtime: str) -> Callable[[int], Method]:
    """Gives the method for pictures of so many significant bits.

    Raises:
        DRBNError: see `load_enhancer`.
    """
    if runtime not in RUNTIMES:
        raise DRBNError(f"runtime={runtime} is unknown; use {', '.join(RUNTIMES)}")
    if runtime != "torch":
        method = _exported(whole, device, precision, runtime)
        return lambda bits: method
    place = choose_device(device)
    return lambda bits: torch_method(whole.network, place, choose_precision(precision, place, bits=bits))


def _exported(whole: Whole, device: str, precision: str, runtime: str) -> Method:
    """A method that runs an exported network on the CPU, in float32."""
    if device not in ("auto", "cpu") or precision not in ("auto", "float32"):
        raise DRBNError(f"runtime={runtime} runs on the CPU in float32; leave device and precision out, or use torch")
    from drbn_lightning.inference import runtimes  # needs extras that may be missing

    open_network = runtimes.open_onnx if runtime == "onnx" else runtimes.open_openvino
    return open_network(runtimes.cached_export(whole, cache_folder()))


def cache_folder() -> Path:
    """Where exported networks are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drbn_lightning"
