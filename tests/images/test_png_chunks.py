import io
from pathlib import Path

from PIL import Image, PngImagePlugin

from drbn_lightning.images.png_chunks import (
    Chunk,
    comment_chunk,
    inserted,
    iptc_of,
    keyword_of,
    lasting_chunks,
    raw_profile,
    resolution_chunk,
    xmp_chunk,
)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "PNG")
    return buffer.getvalue()


def test_texts_and_colours_are_kept_and_nothing_else(tmp_path: Path) -> None:
    wanted = [Chunk(b"tEXt", b"Title\0Night"), Chunk(b"cICP", bytes([1, 13, 0, 1])), Chunk(b"sRGB", b"\0")]
    other = [
        Chunk(b"tIME", bytes(7)), Chunk(b"cLLI", bytes(8)), xmp_chunk(b"<x/>"), Chunk(b"vpAg", bytes(9)),
        Chunk(b"zTXt", b"Raw profile type exif\0\0"), Chunk(b"tEXt", b"Raw profile type iptc\0"),
    ]  # fmt: skip
    (tmp_path / "a.png").write_bytes(inserted(png(), [*other, *wanted]))
    assert list(lasting_chunks(tmp_path / "a.png")) == wanted
    (tmp_path / "b.png").write_bytes(inserted(png(), wanted)[:-20])
    assert list(lasting_chunks(tmp_path / "b.png")) == wanted


def test_chunks_are_valid() -> None:
    chunks = [resolution_chunk((300, 150)), comment_chunk(b"caf\xe9"), xmp_chunk(b"<x/>")]
    with Image.open(io.BytesIO(inserted(png(), chunks))) as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert (image.info["Comment"], image.info["xmp"]) == ("café", b"<x/>")
        assert [round(value) for value in image.info["dpi"]] == [300, 150]


def test_keywords() -> None:
    for name in (b"tEXt", b"iTXt", b"zTXt"):
        assert keyword_of(Chunk(name, b"Comment\0night")) == b"Comment"
    assert keyword_of(Chunk(b"cICP", b"1")) == b""


def test_iptc_data_with_and_without_photoshops_head() -> None:
    bare = b"\x1c\x02\x78\x00\x01a"
    for data in (bare, b"8BIM\x04\x04\0\0\0\0\0\x06" + bare):
        assert iptc_of({"Raw profile type iptc": f"\niptc\n{len(data):8}\n{data.hex()}\n"}) == bare
    for bad in ("", "\niptc\n 3\nzz\n", "\niptc\n 3\n00\n", "\niptc\n 3\n3842494d0404\n"):
        assert iptc_of({"Raw profile type iptc": bad}) is None
    assert iptc_of({}) is None


def test_raw_profiles_are_hexadecimal_numbers() -> None:
    assert raw_profile({"Raw profile type xmp": f"\nxmp\n       4\n{b'<x/>'.hex()}\n"}, "xmp") == b"<x/>"
    assert raw_profile({"Raw profile type xmp": "\nxmp\n 4\nnone\n"}, "xmp") == raw_profile({}, "xmp") == b""
