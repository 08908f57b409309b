"""Style sheet and script of the HTML report, which go into the page itself: it needs no other file."""

from importlib import resources


def asset(name: str) -> str:
    """The text of a file in `assets/`."""
    return (resources.files("drbn_lightning.evaluation.report") / "assets" / name).read_text(encoding="utf-8")


STYLE, SCRIPT = asset("report.css"), asset("report.js")
