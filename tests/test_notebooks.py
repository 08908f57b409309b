"""The notebooks run without any data, and are stored with the outputs of the code that they hold."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
IMAGES = {"image/png", "image/jpeg"}

named = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
MACHINE = [f"/{folder}/" for folder in ("root", "home", "tmp", "work", "Users")]


def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_notebooks", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kinds(notebook: nbformat.NotebookNode) -> set[str]:
    """MIME types of all outputs."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return {kind for output in outputs for kind in output.get("data", {})}


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_four() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04"]


@named
def test_is_stored_with_the_outputs_of_its_code(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata["executed"] == runner().code_digest(notebook), "run `make notebooks`"
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "image/png" in kinds(notebook)
    assert path.stat().st_size < runner().LARGEST


@named
def test_outputs_name_no_place_and_no_error(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    shown = runner().printed(notebook)
    assert not any(place in shown for place in (*MACHINE, str(FOLDER.parent)))
    assert not any(o.output_type == "error" for c in notebook.cells for o in c.get("outputs", []))


@pytest.mark.slow
@named
def test_runs_without_data(path: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("DRBN_LOL", "DRBN_PHOTOS")}
    command = [sys.executable, str(FOLDER / "run.py"), str(path), "--to", str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / path.name, as_version=4)
    assert code(executed) == code(nbformat.read(path, as_version=4))
    assert kinds(executed) & IMAGES


@pytest.mark.slow
def test_a_cell_that_fails_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("1 / 0")]
    (tmp_path / "broken.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    (tmp_path / "out").mkdir()
    command = [sys.executable, str(FOLDER / "run.py"), str(tmp_path / "broken.ipynb"), "--to", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_an_output_that_names_a_place_is_noticed() -> None:
    output = nbformat.v4.new_output("stream", text=f"written to {FOLDER}")
    cell = nbformat.v4.new_code_cell("print()", outputs=[output])
    shown = runner().printed(nbformat.v4.new_notebook(cells=[cell]))
    assert any(place in shown for place in runner().private_places())
