import re

from drbn_lightning.evaluation.report.style import SCRIPT, STYLE, asset


def test_the_page_needs_no_other_file() -> None:
    assert asset("report.css") == STYLE
    assert re.search(r"url\(|@import|https?:", STYLE) is None
    assert re.search(r"import |fetch\(|https?:", SCRIPT) is None


def test_nothing_in_them_ends_the_tag_that_they_are_put_into() -> None:
    assert "</" not in STYLE
    assert "</script" not in SCRIPT


def test_every_class_that_the_script_makes_has_a_style() -> None:
    made = set(re.findall(r'className: "(\w+)"', SCRIPT))
    assert {"card", "stage", "before", "figures"} <= made
    assert {name for name in made if f".{name}" not in STYLE} == {"after"}
