"""Run notebooks and store their outputs: `python notebooks/run.py` runs all of them in place.

With DRBN_LOL and DRBN_PHOTOS set, they show real photos; without, built-in synthetic scenes.
"""

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

HERE = Path(__file__).resolve().parent
LONGEST = 3600  # seconds that a cell may take
LARGEST = 1_500_000  # bytes of a notebook with its outputs


def run(path: Path, target: Path) -> None:
    """Run a notebook by this interpreter, in the folder of the notebooks, and write it with its outputs.

    Raises:
        ValueError: an output names a place of this machine, or the outputs are too large to be kept.
        CellExecutionError: a cell failed.
        CellTimeoutError: a cell took too long.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",  # of ipykernel; jupyter_client starts it by this interpreter
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute()
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "executed": code_digest(notebook)}
    shown = printed(notebook)
    for place in private_places():
        if place in shown:
            raise ValueError(f"{path.name}: an output names the place {place} of this machine; leave it out")
    text = nbformat.writes(notebook) + "\n"
    if len(text) > LARGEST:
        raise ValueError(f"{path.name}: {len(text)} bytes with its outputs; show fewer or smaller images")
    target.write_text(text, encoding="utf-8")


def code_digest(notebook: nbformat.NotebookNode) -> str:
    """Digest of the code of all cells, which a notebook keeps, so that outputs of other code are noticed."""
    code = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def printed(notebook: nbformat.NotebookNode) -> str:
    """All outputs but images, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    data = [value for output in outputs for kind, value in output.get("data", {}).items() if "image/" not in kind]
    return "\n".join([*data, *(output.get("text", "") for output in outputs)])


def private_places() -> list[str]:
    """Folders of this machine that nobody else should read about."""
    given = [os.environ.get(name) for name in ("DRBN_LOL", "DRBN_PHOTOS", "DRBN_CACHE")]
    places = [HERE.parent, Path.home(), Path(sys.prefix), *(Path(place).absolute() for place in given if place)]
    return [str(place) for place in places if place != Path("/")]


def main() -> None:
    """Run the notebooks that the command line names."""
    parser = argparse.ArgumentParser(description="run notebooks and store their outputs")
    parser.add_argument("notebooks", nargs="*", type=Path, help="by default all of them")
    parser.add_argument("--to", type=Path, help="folder to write to; by default each stays in its place")
    given = parser.parse_args()
    for path in given.notebooks or sorted(HERE.glob("*.ipynb")):
        start = time.perf_counter()
        try:
            run(path, (given.to or path.parent) / path.name)
        except (CellExecutionError, CellTimeoutError, ValueError) as error:
            sys.exit(f"error: {error}")
        print(f"{path.name}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
