import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_ERROR, EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
LONGEST_MODULE = 250  # lines; a longer one has a second room in it

BROKEN_CONTRACT = """
[tool.importlinter]
root_package = "drbn_lightning"
include_external_packages = true

[[tool.importlinter.contracts]]
name = "Broken on purpose: networks need torch"
type = "forbidden"
source_modules = ["drbn_lightning.networks"]
forbidden_modules = ["torch"]
"""


def check_contracts(configuration: Path) -> int:
    # Debug mode raises what is wrong with the configuration itself, so that an error means a broken contract.
    return lint_imports(str(configuration), no_cache=True, no_logo=True, is_debug_mode=True)


@pytest.fixture(autouse=True)
def _keep_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # import-linter puts the working folder there


def test_import_contracts_hold() -> None:
    assert check_contracts(ROOT / "pyproject.toml") == EXIT_STATUS_SUCCESS


def test_broken_import_contract_fails(tmp_path: Path) -> None:
    configuration = tmp_path / "broken.toml"
    configuration.write_text(BROKEN_CONTRACT, encoding="utf-8")
    assert check_contracts(configuration) == EXIT_STATUS_ERROR


def test_no_module_is_too_long() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCE.rglob("*.py")}
    assert {str(file): length for file, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_every_module_has_its_test_at_the_same_place() -> None:
    package = SOURCE / "drbn_lightning"
    modules = [file.relative_to(package) for file in package.rglob("*.py") if file.name != "__init__.py"]
    lacking = [str(file) for file in modules if not (ROOT / "tests" / file.parent / f"test_{file.name}").exists()]
    assert lacking == []


def test_no_module_is_called_utils() -> None:
    assert list(SOURCE.rglob("util*.py")) == []


def test_no_command_waits_for_torch_before_it_has_something_to_do() -> None:
    """Help, a wrong word, completion in the shell and the main process of a sweep need neither of these."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    entries = ", ".join(sorted({target.partition(":")[0] for target in scripts.values()}))
    heavy = "{'torch', 'pytorch_lightning', 'kornia', 'wandb', 'matplotlib', 'gradio', 'optuna'}"
    code = f"import sys, {entries}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
