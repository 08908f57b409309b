"""What an exported network says of itself, read without any runtime: the properties of an ONNX file.

An ONNX file is a protocol buffer: fields, each with a number, a wire type and a value. The properties are those of
number 14, each a message of a key (1) and a value (2). Source: onnx.proto, and protobuf's page on its encoding.
"""

from collections.abc import Iterator
from pathlib import Path

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.onnx import NO_NETWORK, read_exported

PROPERTIES, KEY, VALUE = 14, 1, 2
VARINT, EIGHT_BYTES, MESSAGE, FOUR_BYTES = 0, 1, 2, 5


def exported_properties(path: Path) -> dict[str, str]:
    """The properties of an exported network, see `export.about`.

    Raises:
        DRBNError: the file cannot be read or is no ONNX file.
    """
    try:
        messages = [value for number, value in _fields(memoryview(read_exported(path))) if number == PROPERTIES]
        pairs = [dict(_fields(message)) for message in messages]
        return {str(pair[KEY], "utf-8"): str(pair[VALUE], "utf-8") for pair in pairs}
    except (IndexError, KeyError, ValueError) as error:
        raise DRBNError(f"{path} {NO_NETWORK.format(reason=f'{error}')}") from None


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field that is a message or a text; the others are passed over."""
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            _, place = _varint(content, place)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            place += 8 if kind == EIGHT_BYTES else 4
        elif kind == MESSAGE:
            length, place = _varint(content, place)
            if place + length > len(content):
                raise ValueError("it ends too early")
            yield number, content[place : place + length]
            place += length
        else:
            raise ValueError("it is no protocol buffer")


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = content[place]
        value, shift, place = value | (byte & 0x7F) << shift, shift + 7, place + 1
        if byte < 0x80:
            return value, place
