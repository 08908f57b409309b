import numpy as np
import pytest
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.pillow import gray_of
from drbn_lightning.inference.array_types import enhanced_array, enhanced_image
from drbn_lightning.types import Pixels

SIZES = [(1, 1), (1, 7), (3, 5), (37, 41)]


def negative(rgb: Pixels, *, alpha: Pixels | None = None) -> Pixels:
    assert alpha is None or alpha.shape == rgb.shape[:2]
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3
    white = 1 if rgb.dtype.kind == "f" else np.iinfo(rgb.dtype).max
    result: Pixels = (white - rgb).astype(rgb.dtype)
    return result


def random(shape: tuple[int, ...], dtype: str = "uint8") -> Pixels:
    values = np.random.default_rng(0).random(shape)
    return values.astype(dtype) if dtype.startswith("f") else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
def test_arrays_keep_shape_and_type(size: tuple[int, int], dtype: str) -> None:
    for shape in (size, (*size, 3), (*size, 4)):
        photo = random(shape, dtype)
        result = enhanced_array(photo, negative)
        assert (result.shape, result.dtype) == (photo.shape, photo.dtype)
        colours = result[..., :3] if photo.ndim == 3 else result
        expected = negative(photo[..., :3]) if photo.ndim == 3 else photo.max() * 0 + _white(photo) - photo
        np.testing.assert_allclose(colours.astype(float), expected.astype(float), atol=2e-3 if dtype[0] == "f" else 0)
        if shape[-1] == 4 and photo.ndim == 3:
            np.testing.assert_array_equal(result[..., 3], photo[..., 3])


def _white(photo: Pixels) -> float:
    return 1.0 if photo.dtype.kind == "f" else float(np.iinfo(photo.dtype).max)


def test_gray_is_the_luma_of_the_result() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [7, 7, 7]]], np.uint8)
    assert gray_of(image).tolist() == [[76, 150, 29, 7]]
    assert np.asarray(Image.fromarray(image).convert("L")).tolist() == [[76, 150, 29, 7]]


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((2, 3, 2), np.uint8), r"\(H, W\).*\(2, 3, 2\)"),
        (np.zeros(3, np.uint8), r"\(3,\)"),
        (np.zeros((1, 2, 3, 3), np.uint8), r"\(1, 2, 3, 3\)"),
        (np.zeros((0, 3, 3), np.uint8), "pixels"),
        (np.zeros((2, 3), np.int64), "uint8, uint16 .* int64"),
        (np.zeros((2, 3), bool), "bool"),
        (np.full((2, 3), 1.5), r"\[0, 1\].*1\.5 to 1\.5"),
        (np.full((2, 3), -0.1, np.float32), r"-0\.1"),
        (np.array([[0.5, np.nan]]), r"\[0, 1\]"),
    ],
)
def test_what_is_no_image_is_refused(photo: Pixels, message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        enhanced_array(photo, negative)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("mode", "becomes"),
    [("L", "L"), ("LA", "LA"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("1", "L"), ("P", "RGB"), ("CMYK", "RGB"),
     ("YCbCr", "RGB"), ("HSV", "RGB"), ("RGBX", "RGB"), ("PA", "RGBA"), ("RGBa", "RGBA"), ("La", "LA")],
)  # fmt: skip
def test_images_keep_their_kind(size: tuple[int, int], mode: str, becomes: str) -> None:
    photo = Image.fromarray(random((*size, 4))).convert("RGB")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        photo.putalpha(Image.fromarray(random(size)))
    steps = {"La": ["LA", "La"], "PA": ["LA", "PA"], "RGBX": ["RGB", "RGBX"]}.get(mode, [mode])
    for step in steps:
        photo = photo.convert(step)
    enhanced = enhanced_image(photo, negative)
    assert (enhanced.mode, enhanced.size) == (becomes, photo.size)
    plain = np.asarray(photo.convert(becomes))
    result = np.asarray(enhanced)
    alpha = becomes in ("LA", "RGBA")
    colours = plain[..., :-1] if alpha else plain
    np.testing.assert_allclose((result[..., :-1] if alpha else result).astype(int), 255 - colours.astype(int), atol=1)
    if alpha:
        np.testing.assert_array_equal(result[..., -1], plain[..., -1])


def test_16_bit_images_stay() -> None:
    pixels = random((5, 6), "uint16")
    result = enhanced_image(Image.fromarray(pixels), negative)
    assert result.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(result), 65535 - pixels)
    wide = enhanced_image(Image.fromarray(pixels.astype(np.int32)), negative)
    np.testing.assert_array_equal(np.asarray(wide), 65535 - pixels)


@pytest.mark.parametrize(("dtype", "message"), [("int32", "0 to 65535"), ("float32", "mode F")])
def test_images_of_unknown_range_are_refused(dtype: str, message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        enhanced_image(Image.fromarray(np.full((2, 2), 70000, dtype)), negative)


def test_a_transparent_colour_becomes_alpha() -> None:
    photo = Image.fromarray(np.array([[[9, 9, 9], [1, 2, 3]]], np.uint8)).convert("P", palette=Image.Palette.ADAPTIVE)
    photo.info |= {"transparency": int(np.asarray(photo)[0, 0]), "icc_profile": b"profile"}
    result = enhanced_image(photo, negative)
    assert result.mode == "RGBA"
    assert np.asarray(result)[0, :, 3].tolist() == [0, 255]
    assert result.info == {"icc_profile": b"profile"}
    assert "transparency" in photo.info


def hides_nothing(rgb: Pixels, *, alpha: Pixels | None = None) -> Pixels:
    """The mean of what is visible: what is invisible is told by alpha only."""
    assert alpha is not None
    return np.broadcast_to(rgb[alpha > 0].mean(axis=0), rgb.shape).astype(rgb.dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
def test_alpha_of_arrays_reaches_the_network(dtype: str) -> None:
    image = np.full((4, 5, 4), _white(np.zeros(1, dtype)), dtype)
    image[:2, :, :3], image[2:, :, 3] = 0, 0
    result = enhanced_array(image, hides_nothing)
    assert (result[..., :3] == 0).all()
    np.testing.assert_array_equal(result[..., 3], image[..., 3])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "La", "RGBa", "P", "I;16"])
def test_alpha_of_pillow_images_reaches_the_network(mode: str) -> None:
    pixels = np.full((4, 5, 4), 255, np.uint8)
    pixels[:2, :, :3], pixels[2:, :, 3] = 8, 0
    photo = Image.fromarray(pixels)
    for step in {"La": ["LA", "La"], "PA": ["L", "PA"], "P": ["L"], "I;16": ["L", "I;16"]}.get(mode, [mode]):
        photo = photo.convert(step)
    if mode == "PA":
        photo.putalpha(Image.fromarray(pixels[..., 3]))
    if mode in ("P", "I;16"):
        photo.info["transparency"] = 255
    result = enhanced_image(photo, hides_nothing)
    if mode == "I;16":
        assert np.asarray(result).tolist() == [[8] * 5] * 2 + [[255] * 5] * 2
        assert result.info["transparency"] == 255
        return
    assert np.asarray(result.convert("RGBA"))[..., 0].tolist() == [[8] * 5] * 4
    assert np.asarray(result)[..., -1].tolist() == [[255] * 5] * 2 + [[0] * 5] * 2
