"""Images of every kind as colour arrays, and back: numpy arrays and Pillow images; `tensors` has those of torch."""

import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images import pillow
from drbn_lightning.types import Pixels

if TYPE_CHECKING:
    from torch import Tensor


class Enhance(Protocol):
    """What `enhancer.Enhancer.enhance_array` offers."""

    def __call__(self, rgb: Pixels, *, alpha: Pixels | None = None) -> Pixels:
        """From `(H, W, 3)` uint8, uint16 or float32 in [0, 1] to the same; `alpha` `(H, W)` says what is visible."""


AnyImage = TypeVar("AnyImage", NDArray[Any], Image.Image, "Tensor")
WRONG_KIND = "an image must be an array, a Pillow image or a tensor, not a {kind}"


def enhanced_array(image: Pixels, enhance: Enhance) -> Pixels:
    """Enhance `(H, W)` gray, `(H, W, 3)` RGB or `(H, W, 4)` RGBA, whose alpha is kept.

    Args:
        image: uint8, uint16, or floating point in [0, 1].
        enhance: works on colours.

    Returns:
        The result, of the same shape and type.

    Raises:
        DRBNError: shape, type or range is another one.
    """
    check(image)
    if image.ndim == 2:
        return pillow.gray_of(_enhanced(np.broadcast_to(image[..., None], (*image.shape, 3)), enhance))
    if image.shape[2] == 4:
        return np.concatenate([_enhanced(image[..., :3], enhance, image[..., 3]), image[..., 3:]], axis=2)
    return _enhanced(image, enhance)


def enhanced_image(image: Image.Image, enhance: Enhance) -> Image.Image:
    """Enhance a Pillow image.

    Modes L, LA, RGB, RGBA and 16-bit gray stay; black and white becomes L, La becomes LA, and all others become RGB
    or, where they have transparency, RGBA. What the image says of itself (`info`: EXIF, profile, ...) is kept.

    Raises:
        DRBNError: the pixels are floating-point numbers or exceed 16 bits.
    """
    if image.mode == "F":
        raise DRBNError("an image of mode F has no known range; give an array of numbers in [0, 1]")
    if image.mode.startswith("I"):
        return _enhanced_deep(image, enhance)
    if image.mode not in ("L", "LA", "RGB", "RGBA") or "transparency" in image.info:
        image = _plain(image)
    pixels = np.asarray(image)
    if image.mode != "LA":
        return _described(Image.fromarray(enhanced_array(pixels, enhance)), image)
    colours = enhanced_array(pixels[..., [0, 0, 0, 1]], enhance)[..., :3]
    result = Image.fromarray(pillow.gray_of(colours))
    result.putalpha(Image.fromarray(pixels[..., 1]))
    return _described(result, image)


def is_tensor(image: object) -> "TypeGuard[Tensor]":
    """Whether something is a torch tensor; who has one has imported torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def copied(image: AnyImage) -> AnyImage:
    """A copy, to the bit.

    Raises:
        DRBNError: the image is no array, image or tensor, or an array that is no image.
    """
    if isinstance(image, np.ndarray):
        check(image)
        return image.copy()
    if isinstance(image, Image.Image):
        return image.copy()
    if is_tensor(image):
        return image.detach().clone()
    raise DRBNError(WRONG_KIND.format(kind=type(image).__name__))


def check(image: Pixels) -> None:
    """Raise a DRBNError where an array is no image."""
    shape, dtype = image.shape, image.dtype
    if image.ndim not in (2, 3) or (image.ndim == 3 and shape[2] not in (3, 4)):
        raise DRBNError(f"an image must be (H, W), (H, W, 3) or (H, W, 4); this array is {shape}")
    if image.size == 0:
        raise DRBNError(f"an image must have pixels; this array is {shape}")
    if dtype not in (np.uint8, np.uint16) and dtype.kind != "f":
        raise DRBNError(f"an image must be uint8, uint16 or floating point in [0, 1]; this array is {dtype}")
    if dtype.kind == "f" and not (image.min() >= 0 and image.max() <= 1):  # false for NaN, too
        raise DRBNError(
            f"an image of floating-point numbers must be in [0, 1]; this one reaches from {image.min():g} to "
            f"{image.max():g}; divide it by its white, or give uint8 or uint16"
        )


def _enhanced(rgb: Pixels, enhance: Enhance, alpha: Pixels | None = None) -> Pixels:
    """Enhance colours of any type: other floating-point numbers by way of float32."""
    if rgb.dtype.kind == "f" and rgb.dtype != np.float32:
        return enhance(rgb.astype(np.float32), alpha=alpha).astype(rgb.dtype)
    return enhance(rgb, alpha=alpha)


def _plain(image: Image.Image) -> Image.Image:
    """As L, LA, RGB or RGBA, with the profile that belongs to it."""
    plain = pillow.plain(image)
    plain.info = image.info | plain.info
    return plain


def _sixteen_bits(image: Image.Image) -> Pixels:
    values = np.asarray(image)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise DRBNError(f"an image of mode {image.mode} must hold 0 to 65535; this one holds other numbers")
    return values.astype(np.uint16)


def _enhanced_deep(image: Image.Image, enhance: Enhance) -> Image.Image:
    """Gray of 16 bits. One value may stand for transparent: it does so in the result, too."""
    values, clear = _sixteen_bits(image), image.info.get("transparency")
    if clear is None:
        return _described(Image.fromarray(enhanced_array(values, enhance)), image)
    invisible = values == clear
    alpha = np.where(invisible, 0, 65535).astype(np.uint16)
    result = pillow.gray_of(enhance(np.repeat(values[..., None], 3, axis=2), alpha=alpha))
    result[result == clear] = clear - 1 if clear else 1
    result[invisible] = clear
    gray = _described(Image.fromarray(result), image)
    gray.info["transparency"] = clear
    return gray


def _described(result: Image.Image, image: Image.Image) -> Image.Image:
    """With what the image says of itself, but for its transparent colour, which is in the alpha already."""
    result.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return result
