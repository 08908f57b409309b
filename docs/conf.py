"""The documentation as a site: `make docs` builds it, strictly and without a network, into docs/_build/html."""

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import drbn_lightning

ROOT = Path(__file__).parents[1]

project = "drbn_lightning"
author = "The drbn_lightning developers"
project_copyright = author
version = release = drbn_lightning.__version__

extensions = [
    "myst_nb",  # MyST, and the notebooks as they are stored
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # `make notebooks` runs them
html_theme = "furo"
html_title = "drbn_lightning"
html_show_sourcelink = False
html_copy_source = False

# A link or reference to nothing is an error (`sphinx-build --fail-on-warning`), in pages and docstrings alike. What
# other packages define is not looked up: that would need a network.
nitpicky = True
OTHERS = "torch|torchmetrics|numpy|np|PIL|nn|kornia|pytorch_lightning|lightning_fabric|hydra|omegaconf|optuna"
nitpick_ignore_regex = [
    ("py:.*", rf"({OTHERS}|Image|argparse|pathlib|collections|concurrent|io|types|datetime|struct)\..*"),
    ("py:.*", r"(Tensor|Trial|BaseStorage)"),  # as modules name them that import them for type checkers only
    ("py:.*", r"drbn_lightning\.(.*\.)?_\w+"),  # what is private has no page
    ("py:.*", r"drbn_lightning\..*\.(AnyImage|Number|Result|Sample)"),  # type variables
]

apidoc_modules = [
    {
        "path": str(Path(drbn_lightning.__file__).parent),
        "destination": "api",
        "separate_modules": True,
        "module_first": True,
        "automodule_options": {"members", "show-inheritance"},
    }
]
autodoc_member_order = "bysource"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110
default_role = "code"  # docstrings mark code as Markdown does
autodoc_inherit_docstrings = False  # Lightning's and torch's own refer to pages that are not here
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes of NamedTuples are documented once

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]

MOVED = {"../notebooks/": "notebooks/", "../CONTRIBUTING.md": "contributing.md", "../CHANGELOG.md": "changelog.md"}
MOVED["../SECURITY.md"] = "security.md"
"""Where the site has what pages link to outside of this folder, so that the links are right in the repository too."""
COLON = "\ue000"
"""Stands for a colon while napoleon reads a docstring."""


def copy_notebooks(app: Sphinx) -> None:
    """Put the notebooks where Sphinx finds them, below this folder (git ignores them there)."""
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        copied = Path(app.srcdir, "notebooks", notebook.name)
        copied.parent.mkdir(exist_ok=True)
        shutil.copy2(notebook, copied)


def mend_links(app: Sphinx, page: str, source: list[str]) -> None:
    """Turn a page's links out of this folder to where the site has them."""
    for place, moved in MOVED.items():
        source[0] = source[0].replace(f"]({place}", f"]({moved}").replace(f"](../{place}", f"](../{moved}")
    if page.startswith("notebooks/"):
        source[0] = source[0].replace("](../docs/", "](../")


def hide_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Hide colons where napoleon would take the words before them for a type: types stand in signatures only."""
    if what in ("attribute", "data", "property") and lines:
        lines[0] = lines[0].replace(":", COLON)
    for number in range(1, len(lines)):
        if lines[number - 1].strip() in ("Returns:", "Yields:"):
            lines[number] = lines[number].replace(":", COLON)


def show_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put hidden colons back."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def skip_fields(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leave out the fields of NamedTuples: the signature lists them, and `Attributes` says what they are."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect them all; napoleon has the priority 500."""
    app.connect("builder-inited", copy_notebooks, priority=100)
    app.connect("source-read", mend_links, priority=100)
    app.connect("autodoc-process-docstring", hide_colons, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    app.connect("autodoc-skip-member", skip_fields)
    return {"parallel_read_safe": True}
