"""What the documents name is there: links, files, keys of the configuration, choices. The map is that of the contracts.

`make docs` builds the site strictly; `tests/test_documentation.py` runs every command.
"""

import re
import runpy
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import pytest
from omegaconf import DictConfig, OmegaConf
from sphinx.ext.napoleon.docstring import GoogleDocstring

import drbn_lightning
from tests.documented import PROGRAMS, ROOT, documents, headings, links, name_of, spans, tables

CONF = ROOT / "conf"
PAGES = [*documents(), ROOT / "CHANGELOG.md"]
GENERATED = {"docs/api/modules.rst"}
"""Pages that `make docs` makes."""
PLACES = (ROOT, ROOT / "src" / "drbn_lightning", ROOT / "src")
"""Where a file that a document names may lie."""
KEY = re.compile(r"[~+]*(?P<key>[a-z_]+(?:[./][A-Za-z_0-9]+)*)(?P<value>=.*)?")
FILE = re.compile(r"(?:[\w.*-]+/)+[\w.*-]*|[\w-]+\.(?:py|toml|cff)")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"outputs", "multirun"}  # what commands write
FILES = {"pt", "ckpt", "pth", "csv", "json", "yaml", "html"}
"""Suffixes."""
WORDS = 900
"""How long README may be."""
FILES_OF_A_CHANGE = 3


def ids(path: Path) -> str:
    return name_of(path)


def test_readme_is_short() -> None:
    assert 100 < len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= WORDS


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not dead


def leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return link.startswith("https://")
    name, _, anchor = link.partition("#")
    target = (page.parent / unquote(name)).resolve() if name else page
    if name_of(target) in GENERATED:
        return True
    return target.exists() and (not anchor or anchor in headings(target))


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One word\n[a](page.md#one-word) [b](page.md#two) ![c](no.png) [d](https://a.b)\n")
    assert [link for link in links(page) if not leads_somewhere(page, link)] == ["page.md#two", "no.png"]


def test_every_page_is_linked() -> None:
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    site_only = {ROOT / "docs" / name for name in ("index.md", "contributing.md", "changelog.md", "security.md")}
    assert not set((ROOT / "docs").glob("**/*.md")) - linked - site_only - set((ROOT / "docs" / "_build").rglob("*"))


@cache
def keys() -> frozenset[str]:
    """Every key that a configuration can have, dotted, and every group."""
    keys = {str(folder.relative_to(CONF)).replace("/", ".") for folder in CONF.rglob("*") if folder.is_dir()}
    for file in CONF.rglob("*.yaml"):
        package = re.search(r"@package (\S+)", file.read_text(encoding="utf-8"))
        group = ".".join(file.relative_to(CONF).parent.parts)
        config = OmegaConf.load(file)
        assert isinstance(config, DictConfig)
        keys |= set(dotted(config, "" if package and package[1] == "_global_" else group))
    return frozenset(keys)


def dotted(values: Mapping[object, object], prefix: str) -> Iterator[str]:
    for name in values:
        key = f"{prefix}.{name}".lstrip(".")
        yield key
        value = values._get_node(str(name)) if isinstance(values, DictConfig) else values[name]
        if isinstance(value, DictConfig) and not value._is_interpolation() and not value._is_none():
            yield from dotted(value, key)


def is_known(word: str) -> bool:
    """Whether a word of code is no key, or one that exists, with choices that exist."""
    match = KEY.fullmatch(word)
    if not match:
        return True
    key, value = match["key"], match["value"]
    parts = re.split(r"[./]", key)
    if value is None and (len(parts) == 1 or "/" in key or parts[0] not in keys() or parts[-1] in FILES):
        return True  # a word, a path, a file or a name of Python's
    if parts[0] == "hydra" and "/" not in key:
        return True  # Hydra's own keys; commands have them, and they run
    prefix = ".".join(part for part in parts if not part.isupper())
    return prefix in keys() and (value is None or not (CONF / key).is_dir() or are_choices(key, value[1:]))


def are_choices(group: str, value: str) -> bool:
    """Whether values of a group, `[a,b]` or `a,b`, are files of it; `NAME` and `...` stand for any."""
    names = [name for name in re.split(r"[\[\],]", value) if name not in ("", "...", "null")]
    patterns = [re.sub(r"\.\.\.|[A-Z_]{2,}|(?<=/)$", "*", name) for name in names]
    return all(any((CONF / group).glob(f"{pattern}.yaml")) for pattern in patterns)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=ids)
def test_every_key_and_choice_exists(page: Path) -> None:
    python = page.suffix == ".ipynb"  # whose cells have names with dots, which are no keys
    typed = [span for span in spans(page) if not re.match(rf"(?:{PROGRAMS}) ", span)]  # commands run elsewhere
    words = [word for span in typed for word in span.split() if "=" in word or not python]
    assert not [word for word in words if not is_known(word)]


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("data.root=PATH", True),
        ("data.rot=PATH", False),
        ("stage.loss.lambda1", True),
        ("stage.loss.lambda3", False),
        ("unpaired=folders", True),
        ("unpaired=folder", False),
        ("experiment=ablation/NAME", True),
        ("logger=[csv,wandb]", True),
        ("logger=[csv,wand]", False),
        ("bands.full", True),
    ],
)
def test_an_unknown_key_is_found(word: str, known: bool) -> None:
    assert is_known(word) == known


@pytest.mark.parametrize("page", PAGES[:-1], ids=ids)
def test_tables_of_choices_list_choices_that_exist(page: Path) -> None:
    for head, *rows in tables(page):
        heading = re.fullmatch(r"`([\w/]+)=`", head[0])
        if heading and (CONF / heading[1]).is_dir():
            listed = [choice for row in rows for choice in re.findall(r"`([\w/]+)`", row[0].partition(":")[0])]
            missing = [choice for choice in listed if not (CONF / heading[1] / f"{choice}.yaml").exists()]
            assert listed
            assert set(missing) <= {"basic"}  # Hydra's own launcher


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=ids)
def test_every_file_of_ours_exists(page: Path) -> None:
    named = [span.rstrip("/") for span in spans(page) if FILE.fullmatch(span) and not re.search(r"[A-Z]{2}|^my_", span)]
    ours = [span for span in named if span.endswith(".py") or span.split("/")[0] in FOLDERS]
    assert not [span for span in ours if not is_there(span)]


def is_there(file: str) -> bool:
    """Whether a file or folder of the repository is where a document says; a name alone may be anywhere in the code."""
    exists = [path for place in PLACES for path in place.glob(file)] or file.startswith("docs/_build")
    return bool(exists or ("/" not in file and any((ROOT / "src").rglob(file))))


def test_the_map_is_that_of_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    contracted = [{name.split(".")[-1] for name in re.findall(r"[\w.]+", layer)} for layer in layers]
    svg = ET.parse(ROOT / "docs" / "images" / "architecture.svg").getroot()
    drawn = [
        {str(text.text) for text in layer if text.get("class") == "room"}
        for layer in svg
        if layer.get("class") == "layer"
    ]
    assert drawn == contracted


def test_a_change_touches_three_files_at_most() -> None:
    changes: dict[str, list[str]] = {}
    for head, *rows in tables(ROOT / "docs" / "changes.md"):
        assert head[:2] == ["change", "files"]
        name = ""
        for change, file, *_ in rows:
            name = change or name
            changes.setdefault(name, []).append(file.strip("`"))
    assert len(changes) == 12
    for name, files in changes.items():
        assert len(files) <= FILES_OF_A_CHANGE, name
        for file in files:
            assert (ROOT / file).parent.is_dir() if "NAME" in file else (ROOT / file).is_file(), file


def test_the_citation_has_the_version() -> None:
    citation = OmegaConf.load(ROOT / "CITATION.cff")
    assert citation.version == drbn_lightning.__version__


@pytest.fixture(scope="module")
def conf() -> dict[str, Any]:
    """What docs/conf.py defines."""
    return runpy.run_path(str(ROOT / "docs" / "conf.py"))


@pytest.mark.parametrize(
    ("page", "written", "mended"),
    [
        ("gallery", "[a](../notebooks/01.ipynb)", "[a](notebooks/01.ipynb)"),
        ("ablation/README", "[a](../../notebooks/03.ipynb)", "[a](../notebooks/03.ipynb)"),
        ("changes", "[a](../CONTRIBUTING.md)", "[a](contributing.md)"),
        ("notebooks/03", "[a](../docs/ablation/README.md)", "[a](../ablation/README.md)"),
        ("gallery", "[a](results.md)", "[a](results.md)"),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(
    conf: dict[str, Any], page: str, written: str, mended: str
) -> None:
    source = [written]
    conf["mend_links"](None, page, source)
    assert source == [mended]


@pytest.mark.parametrize(
    ("what", "docstring"),
    [("data", ["Suffixes: all of them."]), ("function", ["Adds.", "", "Returns:", "    The sum: a number."])],
)
def test_words_before_a_colon_are_no_type(
    conf: dict[str, Any], what: Literal["data", "function"], docstring: list[str]
) -> None:
    lines = list(docstring)
    conf["hide_colons"](None, what, "name", None, None, lines)
    lines = str(GoogleDocstring(lines, what=what, name="name")).splitlines()
    conf["show_colons"](None, what, "name", None, None, lines)
    assert docstring[-1].strip() in "\n".join(lines)
    assert not [line for line in lines if line.startswith((":type", ":rtype"))]


def test_without_that_they_are_a_type() -> None:
    assert ":type: Suffixes" in str(GoogleDocstring(["Suffixes: all of them."], what="data", name="name"))
