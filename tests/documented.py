"""What the documents show: commands, Python examples and files, each with the place where it stands."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PATTERNS = ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "notebooks/*.ipynb")
BUILT = ROOT / "docs" / "_build"
SHELLS = {"console", "bash", "sh", "shell"}
PROGRAMS = r"python -m|drbn-[a-z]+|make|pip|benchmarks/[^\s`]+|\.venv/bin/[^\s`]+"

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(rf"`(?P<text>(?:{PROGRAMS}) [^`]+)`")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\((?P<target>[^()\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_NAMED = re.compile(r"# (?P<name>[\w/.-]+\.(?:py|yaml|csv|sh))\n")


class Block(NamedTuple):
    """A fenced block of a document; `line` is that of its first line, from 1."""

    document: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """Where the reader is to put it: a block of code may begin with a comment that is nothing but a file's name."""
        match = _NAMED.match(self.text)
        return match["name"] if match and self.language not in SHELLS else None


class Command(NamedTuple):
    """A command of a document, as the words that a shell makes of it."""

    document: str
    block: int  # line of the first one of its block
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        """The name of its test."""
        return f"{self.document}:{self.line}: {shlex.join(self.words)}"


def name_of(path: Path) -> str:
    """A document's name: its place in the repository."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def documents() -> list[Path]:
    """All documents whose commands must work; what `make docs` makes is left out."""
    paths = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]
    return [path for path in paths if not path.is_relative_to(BUILT)]


def text_of(path: Path) -> str:
    """A document's text; of a notebook the text cells, one below the other."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def prose(path: Path) -> str:
    """A document's text without its fenced blocks, whose lines are blank."""
    return _BLOCK.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text_of(path))


def spans(path: Path) -> list[str]:
    """The spans of code within a document's text."""
    return _CODE.findall(prose(path))


def links(path: Path) -> list[str]:
    """Where a document's links and images lead, as they are written."""
    return [match["target"] for match in _LINK.finditer(prose(path))]


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings."""
    titles = [match["title"] for match in _HEADING.finditer(prose(path))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def tables(path: Path) -> list[list[list[str]]]:
    """The tables of a document: rows of cells, the heading first, without the line below it."""
    tables: list[list[list[str]]] = []
    before = ""
    for line in prose(path).splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                tables.append([])
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                tables[-1].append(cells)
        before = line
    return tables


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, from top to bottom."""
    text, name = text_of(path), name_of(path)
    match = _BLOCK.finditer(text)
    return [Block(name, text[: one.start("text")].count("\n") + 1, one["language"], one["text"]) for one in match]


def commands(path: Path) -> list[Command]:
    """The commands of a document: those of its blocks, and those with arguments within its text."""
    shown = [command for block in blocks(path) if block.language in SHELLS for command in block_commands(block)]
    return sorted([*shown, *_inline(path)], key=lambda command: command.line)


def block_commands(block: Block) -> Iterator[Command]:
    """The commands of a block; a `\\` at the end of a line continues it, and in a session `$` marks commands."""
    lines = block.text.splitlines()
    session, number = any(line.lstrip().startswith("$ ") for line in lines), 0
    while number < len(lines):
        first, text = number, lines[number]
        while text.endswith("\\") and number + 1 < len(lines):
            number += 1
            text = f"{text[:-1]} {lines[number]}"
        number += 1
        if session and not text.lstrip().startswith("$ "):
            continue
        text = text.lstrip().removeprefix("$ ")
        if words := tuple(shlex.split(text, comments=True)):
            yield Command(block.document, block.line, block.line + first, words)


def _inline(path: Path) -> Iterator[Command]:
    text, name = prose(path), name_of(path)
    for span in _SPAN.finditer(text):
        line = text[: span.start()].count("\n") + 1
        yield Command(name, line, line, tuple(shlex.split(span["text"])))
