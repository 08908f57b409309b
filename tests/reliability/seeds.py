"""Small valid image files of every format that is read; fuzzing changes their bytes."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from drbn_lightning.extras import extra
from tests.images.test_raw import dng

SIZE = (17, 22)
"""Height and width."""

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" exif:PixelXDimension="9"/></x:xmpmeta>'
)


class Seed:
    """A file: its suffix, and its content."""

    def __init__(self, name: str, suffix: str, content: bytes) -> None:
        self.name, self.suffix, self.content = name, suffix, content

    def __repr__(self) -> str:
        return f"<{self.name}>"


def colours(channels: int = 3, dtype: str = "uint8") -> NDArray[Any]:
    """A smooth image with some noise, so that every format has something to code."""
    height, width = SIZE
    generator = np.random.default_rng(channels)
    ramp = np.linspace(0, 0.6, height * width * channels).reshape(height, width, channels)
    values = (ramp + generator.random((height, width, channels)) * 0.3) * np.iinfo(dtype).max
    return values.astype(dtype)


def seeds(folder: Path) -> list[Seed]:
    """All of them; `folder` is for temporary files."""
    made = [*_png(), *_jpeg(), *_others(), *_tiff(), *_heif()]
    dng(folder / "a.dng", 6)
    made.append(Seed("DNG", ".dng", (folder / "a.dng").read_bytes()))
    return made


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401  # Pillow's
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def _rgb(channels: int = 3) -> Image.Image:
    values = colours(channels)
    return Image.fromarray(values[..., 0] if channels == 1 else values)


def _described() -> dict[str, Any]:
    """EXIF data with subfolders, and a colour profile."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    exif.get_ifd(0x8769).update({0xA002: SIZE[1], 0xA003: SIZE[0], 0x927C: b"notes of a maker"})
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0)})
    return {"exif": exif, "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}


def _png() -> list[Seed]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "a text " * 20, zip=True)
    texts.add_text("Raw profile type exif", "\nexif\n      14\n4578696600004d4d002a\n")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    contents = {
        "PNG": _saved(_rgb(), "PNG"),
        "PNG described": _saved(_rgb(), "PNG", pnginfo=texts, dpi=(300, 300), **_described()),
        "PNG gray": _saved(_rgb(1), "PNG"),
        "PNG bits": _saved(_rgb(1).convert("1"), "PNG"),
        "PNG alpha": _saved(_rgb(4), "PNG"),
        "PNG gray alpha": _saved(_rgb(4).convert("LA"), "PNG"),
        "PNG palette": _saved(_rgb().convert("P", palette=Image.Palette.ADAPTIVE, colors=16), "PNG", transparency=3),
        "PNG gray 16": _saved(Image.fromarray(colours(1, "uint16")[..., 0]), "PNG"),
        "PNG 16": cv2.imencode(".png", colours(3, "uint16"))[1].tobytes(),
        "PNG 16 alpha": cv2.imencode(".png", colours(4, "uint16"))[1].tobytes(),
        "PNG animated": _saved(_rgb(), "PNG", save_all=True, append_images=[_rgb(), _rgb().rotate(90)]),
    }
    return [Seed(name, ".png", content) for name, content in contents.items()]


def _jpeg() -> list[Seed]:
    contents = {
        "JPEG": _saved(_rgb(), "JPEG"),
        "JPEG described": _saved(_rgb(), "JPEG", comment=b"said", xmp=XMP, dpi=(72, 72), **_described()),
        "JPEG progressive": _saved(_rgb(), "JPEG", progressive=True, quality=90, subsampling=0),
        "JPEG gray": _saved(_rgb(1), "JPEG", optimize=True),
        "JPEG restarts": _saved(_rgb(), "JPEG", restart_marker_blocks=1),
        "JPEG inks": _saved(_rgb().convert("CMYK"), "JPEG"),
        "MPO": _saved(_rgb(), "MPO", save_all=True, append_images=[_rgb().rotate(180)]),
    }
    return [Seed(name, ".jpg", content) for name, content in contents.items()]


def _others() -> list[Seed]:
    palette = _rgb().convert("P", palette=Image.Palette.ADAPTIVE, colors=32)
    return [
        Seed("WebP", ".webp", _saved(_rgb(), "WEBP", xmp=XMP, **_described())),
        Seed("WebP lossless", ".webp", _saved(_rgb(), "WEBP", lossless=True)),
        Seed("WebP alpha", ".webp", _saved(_rgb(4), "WEBP", quality=80)),
        Seed("WebP animated", ".webp", _saved(_rgb(), "WEBP", save_all=True, append_images=[_rgb().rotate(90)])),
        Seed("GIF", ".gif", _saved(palette, "GIF", comment=b"said")),
        Seed("GIF transparent", ".gif", _saved(palette, "GIF", transparency=2, interlace=True)),
        Seed("GIF animated", ".gif", _saved(palette, "GIF", save_all=True, append_images=[palette.rotate(90)])),
        Seed("BMP", ".bmp", _saved(_rgb(), "BMP")),
        Seed("BMP palette", ".bmp", _saved(palette, "BMP")),
        Seed("BMP bits", ".bmp", _saved(_rgb(1).convert("1"), "BMP")),
        Seed("BMP alpha", ".bmp", _saved(_rgb(4), "BMP")),
        Seed("AVIF", ".avif", _saved(_rgb(), "AVIF", speed=10, xmp=XMP, **_described())),
        Seed("AVIF alpha", ".avif", _saved(_rgb(4), "AVIF", speed=10, subsampling="4:4:4")),
    ]


def _tiff() -> list[Seed]:
    def written(values: NDArray[Any], photometric: str = "rgb", **options: Any) -> bytes:  # noqa: ANN401
        file = io.BytesIO()
        tifffile.imwrite(file, values, photometric=photometric, metadata=None, **options)
        return file.getvalue()

    deep, real = colours(3, "uint16"), colours().astype(np.float32) / 255
    contents = {
        "TIFF": written(colours(), rowsperstrip=5, extratags=[(274, "H", 1, 6, True), (700, "B", len(XMP), XMP, True)]),
        "TIFF 16 deflate": written(deep, compression="zlib", predictor=True, rowsperstrip=4),
        "TIFF tiles": written(deep, tile=(16, 16), compression="zstd"),
        "TIFF LZW": written(colours(), compression="lzw", byteorder=">"),
        "TIFF planes": written(np.moveaxis(colours(), 2, 0).copy(), planarconfig="separate"),
        "TIFF alpha": written(colours(4), extrasamples=["assocalpha"]),
        "TIFF real": written(real, compression="zlib", predictor=True),
        "TIFF gray": written(colours(1)[..., 0], "miniswhite", bigtiff=True),
        "TIFF inks": written(colours(4), "separated"),
        "TIFF wide": written(deep.astype(np.uint32) * 65537),
        "TIFF pages": written(np.stack([colours(), colours()])),
        "TIFF palette": written(
            colours(1)[..., 0], "palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256)
        ),
        "TIFF bits": _saved(_rgb(1).convert("1"), "TIFF", compression="group4"),
        "TIFF JPEG": _saved(_rgb(), "TIFF", compression="jpeg"),
        "TIFF YCbCr": _saved(_rgb().crop((0, 0, 16, 16)).convert("YCbCr"), "TIFF"),
        "TIFF Lab": _saved(ImageCms.applyTransform(_rgb(), _to_lab()) or _rgb(), "TIFF"),
    }
    return [Seed(name, ".tif", content) for name, content in contents.items()]


def _to_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")


def _heif() -> list[Seed]:
    save: Callable[..., Any] = extra("pillow_heif", "heif").from_pillow(_rgb()).save
    file = io.BytesIO()
    save(file, quality=60)
    return [Seed("HEIC", ".heic", file.getvalue())]
