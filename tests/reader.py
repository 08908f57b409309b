"""Somebody who reads the documents and types the commands that they show, on tiny data and for a few steps."""

import importlib
import itertools
import json
import logging
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

from drbn_lightning import evaluate, page, train  # noqa: F401 Hydra takes its version from them, once, see `undisturbed`
from tests.documented import ROOT
from tests.results import left_behind
from tests.stand_ins import filled

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


class Substitute(NamedTuple):
    """What is done instead of a command that a test cannot run, and why."""

    reason: str
    act: Callable[[list[str]], object]


def _plan(words: list[str]) -> None:
    call("make", "--dry-run", "--directory", str(ROOT), *words[1:])


def _look_up(words: list[str]) -> None:
    for extra in re.findall(r"drbn-lightning\[([\w,-]+)\]", " ".join(words)):
        assert set(extra.split(",")) <= PROJECT["optional-dependencies"].keys()


def _look_for(words: list[str]) -> None:
    assert shutil.which(Path(words[0]).name, path=Path(sys.executable).parent) is not None


SUBSTITUTES = {
    "make ": Substitute("what it makes runs in CI and in other tests; make plans it", _plan),
    "pip install ": Substitute("asks a package index; the extra is looked up in pyproject.toml", _look_up),
    ".venv/bin/": Substitute("asks a package index, or changes this repository; the tool is looked for", _look_for),
    "python -m drbn_lightning.inference.release": Substitute(
        "replaces the package's weights, see tests/inference/test_release.py; the module is looked for",
        lambda words: importlib.import_module(words[2]),
    ),
    "python -m drbn_lightning.page ": Substitute(
        "shows a page until Ctrl-C, see tests/test_page.py; its options are read",
        lambda words: page.build_parser().parse_args(words[3:]),
    ),
}
"""By the beginning of the command."""
ADDED = {
    "drbn_lightning.export": "--no-timings",  # the timings take half a minute, see tests/test_export.py
    "drbn_lightning.workspace": "--dry-run",  # W&B is not asked, see tests/test_workspace.py
}
"""Words that are added to an entry point's."""


ASKING = """
import json, os, sys
with os.fdopen(int(os.environ["ASK"]), "w") as ask:
    print(json.dumps(sys.argv[1:]), file=ask)
sys.exit(os.read(int(os.environ["ANSWERED"]), 8) != b"done\\n")
"""
"""A script's Python: it has the test do what its words say, and fails where the test ends without an answer."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back what a command changes in its process: Hydra's state, environment, log, signals, modules."""
    state, environment, modules = Singleton.get_state(), dict(os.environ), set(sys.modules)
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    logs = [logging.getLogger(name) for name in (None, "drbn_lightning")]
    settings = [(log.handlers[:], log.level, log.propagate, log.disabled) for log in logs]
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        Singleton.set_state(state)
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in signals.items():
            signal.signal(number, handler)
        for log, (handlers, level, propagate, disabled) in zip(logs, settings, strict=True):
            log.handlers[:], log.propagate, log.disabled = handlers, propagate, disabled
            log.setLevel(level)  # not by its attribute: loggers remember what they are enabled for
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(Path.cwd())):
                del sys.modules[name]


def own_words(words: Sequence[str]) -> list[str]:
    """A command without the variables that are set before it."""
    return list(itertools.dropwhile(re.compile(r"\w+=").match, words))


def in_full(words: list[str]) -> list[str]:
    """A command by `python -m` where it is one of the package's scripts."""
    module, _, function = PROJECT["scripts"].get(words[0], "").partition(":")
    return ["python", "-m", module, *words[1:]] if function == "main" else words


class Reader:
    """Types commands, in the current folder."""

    def __init__(self, patch: pytest.MonkeyPatch, said: Callable[[], str]) -> None:
        """Remember what takes back all changes at the end, and what gives the text that has come since it was asked."""
        self.patch, self.said = patch, said

    def type(self, words: Sequence[str]) -> None:
        """Type a command.

        Raises:
            AssertionError: it fails, or is of a kind that this class does not know.
        """
        self._do([filled(word, Path.cwd()) for word in words])

    def _do(self, words: list[str]) -> None:
        for variable in words[: -len(own_words(words))]:
            self.patch.setenv(*variable.split("=", 1))
        words = in_full(own_words(words))
        text = f"{' '.join(words)} "
        instead = [one for beginning, one in SUBSTITUTES.items() if text.startswith(beginning)]
        if instead:
            instead[0].act(words)
        elif words[0].startswith("benchmarks/"):
            self._run_script(*words)
        elif words[-2:] == ["|", "source"]:
            self._source(words[:-2])
        elif words[0] == "eval":
            self._source(shlex.split(words[1].removeprefix("$(").removesuffix(")")))
        elif words[:2] == ["python", "-m"]:
            self._enter(words[2], words[3:])
        elif words[0] == "python" and words[1].endswith(".py"):
            self._ends_well(lambda: runpy.run_path(words[1], run_name="__main__") and None, words[1:])
        else:
            raise AssertionError(f"tests/reader.py does not know how to run {words[0]} yet")

    def _run_script(self, program: str, *words: str) -> None:
        """Run a script; what it has Python do is done in this process, while the script waits for it."""
        python = Path("python").absolute()
        asking = Path("asking.py").absolute()
        asking.write_text(ASKING)
        # By sh: the first line of a script cannot name a program whose path has a blank.
        python.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-IS", str(asking)])} "$@"\n')
        python.chmod(0o755)
        (asked, ask), (answered, answer) = os.pipe(), os.pipe()
        variables = os.environ | {"PYTHON": str(python), "ASK": str(ask), "ANSWERED": str(answered)}
        command, pipes = ["bash", str(ROOT / program), *words], (ask, answered)
        with (
            subprocess.Popen(command, env=variables, pass_fds=pipes) as script,
            os.fdopen(asked) as questions,
            os.fdopen(answer, "w") as answers,
        ):
            for pipe in pipes:
                os.close(pipe)
            for question in questions:
                self._do(["python", *json.loads(question)])
                print("done", file=answers, flush=True)
        assert script.returncode == 0

    def _source(self, words: list[str]) -> None:
        """Type a command whose text is meant for the shell, which must understand it where that is bash."""
        self.said()
        self._do(words)
        script = self.said()
        assert script
        if any("bash" in word for word in words):
            call("bash", "-c", 'eval "$(cat)"', input=script)

    def _enter(self, module: str, words: list[str]) -> None:
        """Run an entry point in this process; it must end well, and leave its files behind."""
        if module in ADDED:
            words.append(ADDED[module])
        if "hydra/launcher=parallel" in words:
            words.append("hydra.launcher.n_jobs=1")  # in this process; tests/test_sweeps.py has others
        entered = importlib.import_module(module)
        with left_behind(module, words):
            self._ends_well(entered.main, [str(entered.__file__), *words])

    def _ends_well(self, task: Callable[[], object], words: list[str]) -> None:
        self.patch.setattr(sys, "argv", words)
        try:
            status = task()
        except SystemExit as end:
            status = end.code
        assert status in (None, 0)


def call(*words: str, **options: Any) -> None:  # noqa: ANN401 those of subprocess
    """Run a program of the machine; it must end well."""
    done = subprocess.run(words, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
