from PIL import features

from drbn_lightning.images.formats import FORMATS, IMAGE_SUFFIXES, LISTED, READ_FORMATS, WRITTEN


def test_every_suffix_has_one_format_and_is_looked_for() -> None:
    suffixes = [suffix for group in FORMATS.values() for suffix in group]
    assert len(suffixes) == len(set(suffixes)) == len(WRITTEN)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in LISTED)
    assert set(IMAGE_SUFFIXES) == set(WRITTEN) < LISTED


def test_what_is_written_can_be_read() -> None:
    assert set(WRITTEN.values()) == set(FORMATS) < set(READ_FORMATS)
    assert features.check("webp")
    assert features.check("avif")
