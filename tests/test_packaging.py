import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.running import TINY, TINY_SCENES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "drbn_lightning"
PLUGINS = ROOT / "src" / "hydra_plugins"  # a namespace, shared with other packages: no __init__.py of its own
CONFIGURATION = ROOT / "conf"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

REGISTRY_HOST = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|download\.pytorch\.org|npmjs\.org|debian\.org|anaconda\.org)\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}~])/(?:home|root|work|farm|Users)/")
UNPINNED = {"iqa", "ray"}  # a second OpenCV, and large: not part of dev, so not of the tested set
PIN = re.compile(r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[a-z0-9.]+)(?: ; (?P<marker>.+))?")


def packaged_files() -> dict[str, bytes]:
    modules = {file.relative_to(PACKAGE.parent): file for file in PACKAGE.parent.rglob("*.py")}
    typed = {Path("drbn_lightning/py.typed"): PACKAGE / "py.typed"}
    configuration = {
        Path("drbn_lightning/conf") / file.relative_to(CONFIGURATION): file
        for file in (CONFIGURATION / "__init__.py", *CONFIGURATION.rglob("*.yaml"))
    }
    folders = (PACKAGE / "weights", PACKAGE / "evaluation" / "report" / "assets")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assets = {file.relative_to(PACKAGE.parent): file for file in files}
    return {name.as_posix(): file.read_bytes() for name, file in (modules | typed | configuration | assets).items()}


def wheel_files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def build(kind: str, source: Path, destination: Path) -> Path:
    # Without isolation, the build uses the installed setuptools and needs no network.
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(destination), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = destination.iterdir()
    return result


@pytest.fixture(scope="module")
def source_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("source")
    caches = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for folder in ("src", "conf", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=caches)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree / file)
    return tree


@pytest.fixture(scope="module")
def tree_wheel(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return wheel_files(build("wheel", source_tree, tmp_path_factory.mktemp("tree_wheel")))


def test_every_package_folder_is_in_the_explicit_list() -> None:
    folders = {file.parent.relative_to(PACKAGE.parent) for file in PACKAGE.parent.rglob("*.py")}
    expected = {".".join(folder.parts) for folder in folders} | {"drbn_lightning.conf", "hydra_plugins"}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == expected


def test_every_package_folder_has_an_init() -> None:
    folders = {file.parent for file in PACKAGE.parent.rglob("*.py")} | {CONFIGURATION}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
    assert not (PLUGINS / "__init__.py").exists()


def test_wheel_holds_the_source_and_nothing_else(tree_wheel: dict[str, bytes]) -> None:
    content = {name: data for name, data in tree_wheel.items() if ".dist-info/" not in name}
    assert content == packaged_files()


def test_wheel_holds_the_licence(tree_wheel: dict[str, bytes]) -> None:
    (licence,) = (name for name in tree_wheel if name.endswith(".dist-info/licenses/LICENSE"))
    assert tree_wheel[licence] == (ROOT / "LICENSE").read_bytes()


def test_wheel_declares_every_command(tree_wheel: dict[str, bytes]) -> None:
    (entry_points,) = (data.decode() for name, data in tree_wheel.items() if name.endswith("entry_points.txt"))
    assert [command for command in PYPROJECT["project"]["scripts"] if f"{command} = " not in entry_points] == []


@pytest.mark.slow
def test_unpacked_wheel_trains_elsewhere_alone_and_in_a_multirun(tree_wheel: dict[str, bytes], tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, data in tree_wheel.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], env=environment, cwd=elsewhere, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", "import drbn_lightning; print(drbn_lightning.__file__)").startswith(str(site))
    smoke = ["stage=band", "trainer=smoke", *TINY, *TINY_SCENES]
    run("-m", "drbn_lightning.train", *smoke, "hydra.run.dir=one")
    run("-m", "drbn_lightning.train", "--multirun", *smoke, "seed=0,1", "hydra.sweep.dir=many")
    assert [path.parent.name for path in sorted(elsewhere.rglob("band.pt"))] == ["0", "1", "one"]


@pytest.mark.slow
def test_wheel_of_the_sdist_equals_wheel_of_the_tree(
    source_tree: Path, tree_wheel: dict[str, bytes], tmp_path: Path
) -> None:
    sdist = build("sdist", source_tree, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # from 3.11.4 on
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert wheel_files(build("wheel", unpacked, tmp_path / "sdist_wheel")) == tree_wheel


@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="not a git checkout")
def test_tracked_files_name_no_registry_host_and_no_path_of_a_machine() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    offences = []
    for name in filter(None, listing.split("\0")):
        try:
            lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError):  # a binary file; one removed but not yet committed
            continue
        offences += [
            f"{name}:{number}: {line[:120]}"
            for number, line in enumerate(lines, start=1)
            if REGISTRY_HOST.search(line) or MACHINE_PATH.search(line)
        ]
    assert offences == []


@pytest.mark.parametrize(
    "line",
    ["--index-url https://" + "pypi" + ".org/simple", "root: /" + "home/me/LOL", "see '/" + "work/main'"],
)
def test_patterns_find_an_offence(line: str) -> None:
    assert REGISTRY_HOST.search(line) or MACHINE_PATH.search(line)


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    matches = {line: PIN.fullmatch(line) for line in lines}
    assert [line for line, match in matches.items() if match is None] == []
    return {match["name"]: match["version"] for match in matches.values() if match is not None}


def test_constraints_name_each_package_once() -> None:
    assert len(pins()) == len((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())


def test_constraints_meet_every_direct_dependency() -> None:
    pinned = pins()
    project = PYPROJECT["project"]
    declared = [
        *project["dependencies"],
        *(line for name, extra in project["optional-dependencies"].items() if name not in UNPINNED for line in extra),
    ]
    requirements = [Requirement(line) for line in (*declared, *PYPROJECT["build-system"]["requires"])]
    unmet = [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert unmet == []
