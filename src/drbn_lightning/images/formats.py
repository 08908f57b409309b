"""Formats of image files: the one table of what is read, written and looked for."""

FORMATS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "AVIF": (".avif",),
}
"""Formats that are read and written, by Pillow's names, with the suffixes of their files in lower case."""

WRITTEN = {suffix: name for name, suffixes in FORMATS.items() for suffix in suffixes}
"""The format that a file's suffix asks for."""

IMAGE_SUFFIXES = tuple(WRITTEN)
"""Suffixes of the files that count as images of a data set; files may spell them in any case."""

READ_FORMATS = (*FORMATS, "GIF")
"""What is decoded, whatever the file is called. Of GIF only what is no animation."""

LISTED = frozenset({*WRITTEN, ".apng", ".gif", ".heic", ".heif", ".mpo"})
"""Suffixes of what is taken out of folders of photos: not all of it can be read, but none is passed over in silence."""
