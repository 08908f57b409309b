"""Images of several methods side by side, one row for each image: what a table of figures cannot show.

    python benchmarks/contact_sheet.py OUT.jpg input=LOW official=A ours=B target=NORMAL --images 1 22 23

A file belongs to a row by its name without the suffix. Columns are in the order of the command line.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

GAP, TITLE = 6, 26
"""Pixels between images, and above the first row."""


def files_of(folder: Path) -> dict[str, Path]:
    """The files of a folder, by their names without suffix.

    Raises:
        SystemExit: there is no such folder.
    """
    if not folder.is_dir():
        sys.exit(f"error: {folder} is no folder of images")
    return {file.stem: file for file in sorted(folder.iterdir()) if file.is_file()}


def upright(file: Path) -> Image.Image:
    """An image as its EXIF orientation says."""
    with Image.open(file) as opened:
        return ImageOps.exif_transpose(opened)


def sheet(columns: dict[str, dict[str, Path]], rows: Sequence[str], height: int) -> Image.Image:
    """Draw the sheet.

    Args:
        columns: files by row, by the name of the method.
        rows: names of the images, from above.
        height: of each image, in pixels; its width follows from the first column's.

    Raises:
        SystemExit: a method lacks an image.
    """
    lacking = [f"{name} has no image {row}" for name, files in columns.items() for row in rows if row not in files]
    if lacking:
        sys.exit(f"error: {lacking[0]}")
    first = next(iter(columns.values()))
    width = max(round(height * image.width / image.height) for image in (upright(first[row]) for row in rows))
    canvas = Image.new(
        "RGB", (len(columns) * (width + GAP) - GAP, TITLE + len(rows) * (height + GAP) - GAP), (255, 255, 255)
    )
    drawing = ImageDraw.Draw(canvas)
    for column, (name, files) in enumerate(columns.items()):
        left = column * (width + GAP)
        drawing.text((left + 2, 4), name, fill=(0, 0, 0), font_size=16)
        for number, row in enumerate(rows):
            image = ImageOps.contain(upright(files[row]).convert("RGB"), (width, height))
            canvas.paste(image, (left, TITLE + number * (height + GAP)))
    return canvas


def main(argv: Sequence[str] | None = None) -> None:
    """Draw what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="the sheet, as JPEG or PNG")
    parser.add_argument("columns", nargs="+", metavar="NAME=FOLDER", help="a method and the folder of its images")
    parser.add_argument("--images", nargs="+", metavar="NAME", help="rows (all images of the first folder)")
    parser.add_argument("--height", type=int, default=200, metavar="N", help="of each image in pixels (200)")
    options = parser.parse_args(argv)
    columns = {name: files_of(Path(folder)) for name, _, folder in (text.partition("=") for text in options.columns)}
    rows = options.images or list(next(iter(columns.values())))
    sheet(columns, rows, options.height).save(options.out, quality=88)


if __name__ == "__main__":
    main()
