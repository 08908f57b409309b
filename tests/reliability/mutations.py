"""Files changed at random, blindly and along their own structure: chunks, segments, boxes, tags."""

import random
import struct
import zlib
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tests.reliability.seeds import Seed

Step = tuple[str, int, int, int]
"""What to do, and three numbers that say where and with what."""

_SMALL = (0, 1, 2, 3, 4, 7, 8, 16, 31, 64, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 1 << 24, (1 << 31) - 1)
ODD = (*_SMALL, 1 << 31, (1 << 32) - 1)
"""Numbers at which decoders go wrong."""

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"


def steps(most: int = 5) -> st.SearchStrategy[list[Step]]:
    """Some changes, one after the other."""
    number = st.integers(0, (1 << 24) - 1)
    return st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), number, number, number), min_size=1, max_size=most)


def drawn(number: int, most: int = 4) -> list[Step]:
    """The same, drawn from a number, which is faster."""
    generator = random.Random(number)
    names = sorted(CHANGES)
    return [
        (generator.choice(names), *(generator.randrange(1 << 24) for _ in range(3)))  # type: ignore[misc]  # three
        for _ in range(generator.randint(1, most))
    ]


def changed(seed: Seed, plan: Sequence[Step], others: Sequence[Seed], *, mend: bool) -> bytes:
    """The content of a file after these changes.

    Args:
        seed: the file.
        plan: the changes.
        others: files that parts come from.
        mend: make the checksums of PNG files right again, so that the change is not refused for them alone.
    """
    content = seed.content
    for name, first, second, third in plan:
        if name == "splice":
            other = others[first % len(others)].content
            place, start = second % (len(content) + 1), third % len(other)
            content = content[:place] + other[start : start + 1 + first % 200] + content[place:]
        elif content:
            content = CHANGES[name](content, first, second, third)
    return with_checksums(content) if mend and content.startswith(PNG) else content


def with_checksums(content: bytes) -> bytes:
    """A PNG file whose chunks have the checksums that belong to them, as far as they can be told apart."""
    made, place = [content[:8]], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        if place + 12 + length > len(content):
            break
        body = content[place + 4 : place + 8 + length]
        made.append(content[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + length
    return b"".join(made) + content[place:]


def parts(content: bytes) -> list[tuple[int, int]]:
    """Where the parts of a file begin and end, by its own structure; of unknown ones, pieces of 16 bytes."""
    if content.startswith(PNG):
        found = _walk(content, 8, lambda place: 12 + int.from_bytes(content[place : place + 4]))
    elif content.startswith(JPEG):
        found = _walk(content, 2, lambda place: 2 + int.from_bytes(content[place + 2 : place + 4]))
    elif content.startswith(b"RIFF"):
        found = _walk(content, 12, lambda place: 8 + int.from_bytes(content[place + 4 : place + 8], "little"))
    elif content[4:8] == b"ftyp":
        found = _boxes(content)
    elif content[:2] in (b"II", b"MM"):
        found = _tags(content)
    else:
        found = []
    return found or [(place, min(place + 16, len(content))) for place in range(0, len(content), 16)]


def _walk(content: bytes, place: int, size: Callable[[int], int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while place + 4 <= len(content) and len(found) < 200:
        end = min(place + max(size(place), 4), len(content))
        found.append((place, end))
        place = end
    return found


def _boxes(content: bytes) -> list[tuple[int, int]]:
    """The boxes of a file, and those inside `meta`, `iprp` and `ipco`."""
    found, waiting = list[tuple[int, int]](), [(0, len(content))]
    while waiting and len(found) < 200:
        place, end = waiting.pop()
        while place + 8 <= end:
            length, name = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
            stop = min(place + max(length, 8), end)
            found.append((place, stop))
            if name in (b"meta", b"iprp", b"ipco", b"iinf"):
                waiting.append((place + {b"meta": 12, b"iinf": 14}.get(name, 8), stop))
            place = stop
    return found


def _tags(content: bytes) -> list[tuple[int, int]]:
    """The entries of the first folder of a TIFF file, or BigTIFF file."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    try:
        (start,) = struct.unpack_from(f"{order}Q" if big else f"{order}I", content, 8 if big else 4)
        (count,) = struct.unpack_from(f"{order}Q" if big else f"{order}H", content, start)
    except (struct.error, OverflowError):  # it points behind the end
        return []
    first, size = start + (8 if big else 2), 20 if big else 12
    places = range(first, first + size * min(count, 100), size)
    return [(place, place + size) for place in places if place + size <= len(content)]


def _part(content: bytes, number: int) -> tuple[int, int]:
    found = parts(content)
    return found[number % len(found)]


def _flip(content: bytes, first: int, second: int, _third: int) -> bytes:
    place = first % len(content)
    return content[:place] + bytes([content[place] ^ (1 << second % 8)]) + content[place + 1 :]


def _byte(content: bytes, first: int, second: int, _third: int) -> bytes:
    place = first % len(content)
    return content[:place] + bytes([second % 256]) + content[place + 1 :]


def _number(content: bytes, first: int, second: int, third: int) -> bytes:
    return _at(content, first % len(content), second, third)


def _at(content: bytes, place: int, second: int, third: int) -> bytes:
    """Put an odd number of 16 or 32 bits at a place, in one of both byte orders."""
    width, order = (2, 4)[third % 2], ("<", ">")[third // 2 % 2]
    value = ODD[second % len(ODD)] % (1 << 8 * width)
    return content[:place] + struct.pack(f"{order}{'H' if width == 2 else 'I'}", value) + content[place + width :]


def _cut(content: bytes, first: int, _second: int, _third: int) -> bytes:
    return content[: first % len(content)]


def _removed(content: bytes, first: int, second: int, _third: int) -> bytes:
    place = first % len(content)
    return content[:place] + content[place + 1 + second % 40 :]


def _repeated(content: bytes, first: int, second: int, third: int) -> bytes:
    place = first % len(content)
    return content[:place] + content[place : place + 1 + second % 60] * (1 + third % 4) + content[place:]


def _zeros(content: bytes, first: int, second: int, third: int) -> bytes:
    place, length = first % len(content), 1 + second % 40
    return content[:place] + (b"\0", b"\xff")[third % 2] * length + content[place + length :]


def _part_removed(content: bytes, first: int, _second: int, _third: int) -> bytes:
    start, end = _part(content, first)
    return content[:start] + content[end:]


def _part_repeated(content: bytes, first: int, second: int, _third: int) -> bytes:
    start, end = _part(content, first)
    return content[:end] + content[start:end] * (1 + second % 3) + content[end:]


def _parts_swapped(content: bytes, first: int, second: int, _third: int) -> bytes:
    (start, end), (later, last) = sorted((_part(content, first), _part(content, second)))
    if later < end:
        return content
    return content[:start] + content[later:last] + content[end:later] + content[start:end] + content[last:]


def _in_part(content: bytes, first: int, second: int, third: int) -> bytes:
    start, end = _part(content, first)
    return _at(content, start + third // 4 % max(1, end - start), second, third)


def _part_byte(content: bytes, first: int, second: int, third: int) -> bytes:
    start, end = _part(content, first)
    return _byte(content, start + third % max(1, end - start), second, 0)


CHANGES = {
    "bit": _flip,
    "byte": _byte,
    "number": _number,
    "cut": _cut,
    "remove": _removed,
    "repeat": _repeated,
    "zeros": _zeros,
    "splice": _byte,  # see `changed`
    "part removed": _part_removed,
    "part repeated": _part_repeated,
    "parts swapped": _parts_swapped,
    "number in part": _in_part,
    "byte in part": _part_byte,
}
