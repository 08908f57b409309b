from pathlib import Path

import pytest
from PIL import Image

from drbn_lightning.images.exif import PREFIX, orientation, upright_exif, with_orientation_1, with_size
from drbn_lightning.images.photo import read_photograph, write_photograph
from drbn_lightning.images.rgb import read_rgb


def described(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = turn
    exif.get_ifd(0x8769)[0x927C] = b"notes of the maker, with offsets"
    return exif


def saved(path: Path, exif: bytes) -> Image.Image:
    Image.new("RGB", (3, 2)).save(path, exif=exif)
    return Image.open(path)


def test_two_bytes_change_and_the_others_stay(tmp_path: Path) -> None:
    raw = described(6).tobytes()
    with saved(tmp_path / "a.jpg", raw) as image:
        exif = upright_exif(image)
    assert exif is not None
    assert [before for before, after in zip(raw, exif, strict=True) if before != after] == [6]


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_orders_of_bytes(order: str) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[0x0112] = 8
    data = with_orientation_1(exif.tobytes().removeprefix(PREFIX))
    again = Image.Exif()
    again.load(PREFIX + data)
    assert again[0x0112] == 1


def test_the_old_image_in_small_is_unlinked() -> None:
    data = described(1).tobytes().removeprefix(PREFIX)
    count = int.from_bytes(data[8:10], "big")
    place = 10 + 12 * count
    linked = data[:place] + b"\0\0\0\x20" + data[place + 4 :]
    assert with_orientation_1(linked) == data


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"nonsense", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\0\x09"])
def test_what_nobody_understands_is_left_out(tmp_path: Path, exif: bytes) -> None:
    with saved(tmp_path / "a.jpg", PREFIX + exif) as image:
        assert upright_exif(image) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_an_orientation_that_means_nothing_counts_as_upright(tmp_path: Path) -> None:
    for turn, expected in {0: 1, 1: 1, 6: 6, 9: 1}.items():
        with saved(tmp_path / "a.jpg", described(turn).tobytes()) as image:
            assert orientation(image) == expected


def test_a_tiff_files_own_tags_are_no_description(tmp_path: Path) -> None:
    with saved(tmp_path / "a.tif", b"") as image:
        image.load()
        tags = Image.Exif()
        tags.load(upright_exif(image) or b"")
    assert {*tags} <= {0x011A, 0x011B, 0x0128}
    with saved(tmp_path / "b.tif", described(3).tobytes()) as image:
        image.load()
        tags.load(upright_exif(image) or b"")
    assert tags[0x010F] == "Maker"
    assert 0x0111 not in tags
    assert tags.get_ifd(0x8769)[0x927C] == b"notes of the maker, with offsets"


def sized(order: str, width: int, height: int) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x0100], exif[0x0101] = width, height
    exif.get_ifd(0x8769).update({0xA002: width, 0xA003: height, 0x8827: 1600})
    return exif.tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [(30, 20), (70000, 20)])
def test_sizes_are_those_of_the_upright_image(order: str, size: tuple[int, int]) -> None:
    exif = with_size(sized(order, 20, 30), *size)
    again = Image.Exif()
    again.load(exif or b"")
    inside = again.get_ifd(0x8769)
    assert (again[0x0100], again[0x0101], inside[0xA002], inside[0xA003], inside[0x8827]) == (*size, *size, 1600)


def test_sizes_that_are_right_change_nothing() -> None:
    raw = described(1).tobytes()
    assert with_size(raw, 30, 20) == raw
    assert with_size(None, 30, 20) is None
    assert with_size(b"nonsense", 30, 20) is None
    same = with_size(sized("<", 30, 20), 30, 20)
    assert with_size(same, 30, 20) == same


def test_a_turned_photo_tells_its_new_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0xA002: 3, 0xA003: 2})
    saved(tmp_path / "a.jpg", exif.tobytes()).close()
    for name in ("b.jpg", "b.tif", "b.png"):
        write_photograph(tmp_path / name, read_photograph(tmp_path / "a.jpg"))
        with Image.open(tmp_path / name) as image:
            inside = image.getexif().get_ifd(0x8769)
            assert (image.size, inside[0xA002], inside[0xA003]) == ((2, 3), 2, 3)


def test_orientation_in_xmp_alone_does_not_count(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for name in ("a.jpg", "a.webp", "a.avif"):
        Image.new("RGB", (3, 2)).save(tmp_path / name, xmp=xmp)
        assert read_photograph(tmp_path / name).pixels.shape == (2, 3, 3)
        assert read_rgb(tmp_path / name).shape == (2, 3, 3)
