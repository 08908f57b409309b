"""Every command and Python example of README, CONTRIBUTING, docs and notebooks runs, on tiny data, for a few steps.

Commands are typed as they stand, from top to bottom, in a folder of their document's own, with stand-ins for names in
capitals (`tests/stand_ins.py`). Entry points run in this process (`tests/reader.py`).
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import wandb
from _pytest.mark import ParameterSet
from omegaconf import DictConfig

from drbn_lightning.tasks import evaluate as evaluating
from drbn_lightning.tasks import train as training
from tests.data.unpaired.photo_tables import pixels
from tests.documented import SHELLS, Block, Command, block_commands, blocks, commands, documents
from tests.reader import SUBSTITUTES, Reader, own_words, undisturbed
from tests.results import left_behind
from tests.small import shrink
from tests.stand_ins import STAND_INS, UnknownNameError, furnish, names_in, publish

COMMANDS = [command for path in documents() for command in commands(path)]
BLOCKS = [block for path in documents() for block in blocks(path)]
EXAMPLES = [block for block in BLOCKS if block.language == "python" and not block.file]
LANGUAGES = {*SHELLS, "python", "yaml", "text"}

Result: TypeAlias = float | None


def small(work: Callable[..., Result]) -> Callable[..., Result]:
    """The same work for a small configuration."""

    def smaller(config: DictConfig, *more: object, **options: object) -> Result:
        shrink(config)
        return work(config, *more, **options)

    return smaller


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the folders of all documents."""
    yield tmp_path_factory.mktemp("documents")
    wandb.teardown()


@pytest.fixture
def reader(desk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Reader]:
    for module, name in ((training, "train"), (evaluating, "evaluate")):
        monkeypatch.setattr(module, name, small(getattr(module, name)))
    for name in ("DRBN_CACHE", "HOME", "TORCH_HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(desk / "home"))
    for name in ("WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("SEEDS", "0")  # of benchmarks/ablations.sh
    with undisturbed():
        yield Reader(monkeypatch, lambda: capfd.readouterr().out)


def sit_down(desk: Path, document: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a document's folder, which Python searches for modules as it does for `python -m`.

    What the commands of a block publish, later ones of the block find; the next block finds what ships.
    """
    place = desk / document.replace("/", "_")
    if not place.exists():
        furnish(place, [block for block in BLOCKS if block.document == document])
    reading = place / f"block_{block}"
    if not reading.exists():
        shutil.rmtree(place / "artifacts", ignore_errors=True)
        (place / "artifacts").mkdir()
        publish(place / "artifacts")
        reading.touch()
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)


def cases() -> list[ParameterSet]:
    """Each command as a test: what loads ONNX Runtime or OpenVINO goes with its like; what takes long is slow."""
    kinds = ((pytest.mark.runtimes, loads_runtimes), (pytest.mark.slow, takes_long))
    return [
        pytest.param(command, id=str(command), marks=[mark for mark, holds in kinds if holds(command)])
        for command in COMMANDS
    ]


def loads_runtimes(command: Command) -> bool:
    return any(word in {"--runtime", "drbn_lightning.export", "drbn-export"} for word in command.words)


def takes_long(command: Command) -> bool:
    """Whether it trains, evaluates, sweeps or exports; of README's, whether it sweeps or exports."""
    module, *words = own_words(command.words)[2:] or [""]
    is_sweep, is_script = words[:1] == ["-m"], own_words(command.words)[0].startswith("benchmarks/")
    computes = module in {"drbn_lightning.train", "drbn_lightning.evaluate"} and command.document != "README.md"
    return is_sweep or is_script or computes or module == "drbn_lightning.export"


@pytest.mark.parametrize("command", cases())
def test_a_command_works(command: Command, desk: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    sit_down(desk, command.document, command.block, monkeypatch)
    reader.type(command.words)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda block: f"{block.document}:{block.line}")
def test_an_example_works(example: Block, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sit_down(desk, example.document, example.line, monkeypatch)
    names: dict[str, Any] = {"image": pixels("image") // 8}
    exec(compile(example.text, f"{example.document}:{example.line}", "exec"), names)
    if "brighter" in names:
        assert names["brighter"].mean() > names["image"].mean()


def test_a_training_is_small_but_whole(tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reader.type(["drbn-train", "stage=band", "trainer=ddp", "trainer.devices=4"])
    (record,) = [json.loads(file.read_text()) for file in Path("outputs", "band").rglob("run.json")]
    assert (record["status"], record["steps"]) == ("finished", 2)
    assert Path("artifacts", "band.pt").exists()


def test_every_block_says_what_it_is() -> None:
    assert {
        block.language for block in BLOCKS if not block.language.startswith("{")
    } <= LANGUAGES  # {toctree} is Sphinx's


def test_every_name_in_capitals_is_known() -> None:
    unknown = [
        f"{command}: {name}" for command in COMMANDS for name in names_in(*command.words) if name not in STAND_INS
    ]
    assert not unknown, "add them to STAND_INS in tests/stand_ins.py"


@pytest.mark.parametrize("beginning", SUBSTITUTES)
def test_no_command_is_excused_in_vain(beginning: str) -> None:
    assert any(f"{' '.join(own_words(command.words))} ".startswith(beginning) for command in COMMANDS)


def test_commands_are_found_with_their_lines() -> None:
    text = "# a comment alone\ndrbn-train stage=band \\\n    'data.root=A B'  # why\n\nmake test\n"
    listed = list(block_commands(Block("README.md", 10, "console", text)))
    assert [str(command) for command in listed] == [
        "README.md:11: drbn-train stage=band 'data.root=A B'",
        "README.md:14: make test",
    ]


def test_in_a_session_only_what_follows_the_prompt_is_a_command() -> None:
    listed = block_commands(Block("README.md", 1, "console", "$ make test\nall is well\n"))
    assert [command.words for command in listed] == [("make", "test")]


def test_a_document_is_read_with_its_text_and_its_files(tmp_path: Path) -> None:
    text = "Say `pip install '.[page]'` or `make`.\n\n```python\n# own.py\nx = 1\n```\n\n```console\nmake test\n```\n"
    (tmp_path / "a.md").write_text(text)
    assert [*map(str, commands(tmp_path / "a.md"))] == ["a.md:1: pip install '.[page]'", "a.md:9: make test"]
    assert [block.file for block in blocks(tmp_path / "a.md")] == ["own.py", None]


def test_an_unknown_name_or_program_fails(tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match=r"PATH/TO/NOWHERE .*tests/stand_ins\.py"):
        reader.type(["drbn-train", "data.root=PATH/TO/NOWHERE"])
    with pytest.raises(AssertionError, match="curl"):
        reader.type(["curl"])


@pytest.mark.parametrize(
    ("module", "name", "whole", "broken"),
    [
        ("train", "outputs/run.json", '{"status": "finished"}', '{"status": "failed"}'),
        ("evaluate", "outputs/scores.csv", "image,psnr\n1,20\n", "image,psnr\n"),
        ("summarize", "summary.csv", "run,best\n0,20\n", ""),
    ],
)
def test_a_command_that_leaves_nothing_whole_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, whole: str, broken: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(whole)
    for text, words in ((None, []), (broken, []), (whole, []), (None, ["--cfg", "job"])):
        fails = text != whole and not words
        with pytest.raises(AssertionError) if fails else nullcontext(), left_behind(f"drbn_lightning.{module}", words):
            if text is not None:
                file.unlink()
                file.write_text(text)


@pytest.mark.parametrize(
    "words",
    [
        ["python", "-m", "drbn_lightning.train", "network.recursion=2"],
        ["drbn-enhance", "nowhere.jpg", "-o", "out"],
        ["make", "nothing"],
        ["pip", "install", "drbn-lightning[nothing]"],
        [".venv/bin/nothing"],
    ],
)
def test_a_command_that_fails_fails(
    words: list[str], tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        reader.type(words)
