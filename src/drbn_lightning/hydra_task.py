"""What the entry points share: errors as one line, and a command line that a process group can repeat."""

import functools
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, read_write

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UNWRITABLE
from drbn_lightning.overrides import in_quotes, misread, typed
from drbn_lightning.terminal import (
    DONE,
    FAILED,
    INTERRUPTED,
    LOG,
    complain,
    exit_status,
    printable,
    requests_interrupt,
    settle,
)

Result = TypeVar("Result")
VALUED = ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp")
"""Hydra's options whose value may be the next word."""


def guarded(task: Callable[[DictConfig], Result]) -> Callable[[DictConfig], Result]:
    """Wrap a Hydra task: a `DRBNError` becomes one message without a traceback and a non-zero exit status.

    In a multirun it is raised on, so that the other jobs still run; Hydra prints it at the end.
    """

    @functools.wraps(task)
    def wrapped(config: DictConfig) -> Result:
        settle()  # in the processes of a launcher nobody else does
        try:
            with requests_interrupt():
                return task(config)
        except DRBNError as error:
            LOG.error(printable(str(error)))
            return _fail(str(error))
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            where = error.filename or HydraConfig.get().runtime.output_dir
            return _fail(
                f"{where} cannot be written: {UNWRITABLE[error.errno]}; make room or choose another hydra.run.dir"
            )
        except KeyboardInterrupt as interruption:
            LOG.warning(interruption or "interrupted")
            complain(f"\n{interruption or 'interrupted'}")
            sys.exit(INTERRUPTED)
        except Exception:
            LOG.exception("this is a fault of the program")
            raise

    return wrapped


def entry_point(interrupted: str = "interrupted") -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Wrap what `hydra.main` made: lasting output, and one line for overrides that Hydra would misread and for Ctrl-C.

    Args:
        interrupted: what to say after Ctrl-C outside the task, while a sweep's jobs run in other processes.
    """

    def wrap(entry: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(entry)
        def wrapped() -> None:
            settle()
            trouble = misread(sys.argv[1:])
            if trouble is not None:
                complain(f"error: {trouble}")
                sys.exit(FAILED)
            status = exit_status(entry, lambda: interrupted)
            if status != DONE:
                sys.exit(status)

        return wrapped

    return wrap


def _fail(message: str) -> NoReturn:
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        raise CompactHydraException(f"error: {printable(message)}") from None
    complain(f"error: {message}")
    sys.exit(FAILED)


def flags(words: Sequence[str]) -> list[str]:
    """Hydra's own options among the words of a command line, with their values, but for that of a multirun.

    Example:
        >>> flags(["-m", "seed=0,1", "--config-dir", "mine", "-cn=train"])
        ['--config-dir', 'mine', '-cn=train']
    """
    overrides: list[str] = []
    takes_value = False
    for word in words:
        if takes_value or (word.startswith("-") and word not in ("-m", "--multirun")):
            overrides.append(word)
        takes_value = not takes_value and word in VALUED
    return overrides


def again(words: Sequence[str], key: str, folder: Path) -> str:
    """The command that goes on with a run or a sweep, as a shell takes it.

    Args:
        words: what the user typed after the program's name; a word that sets `key` is left out.
        key: the key that names the folder, such as `resume`.
        folder: its value.

    Example:
        >>> print(again(["--config-dir=a b", "x={y: 1}", "resume=auto"], "resume", Path("runs/1")))
        python -m drbn_lightning.train '--config-dir=a b' 'x={y: 1}' resume=runs/1
    """
    others = [word for word in words if not word.startswith(f"{key}=")]
    return " ".join(["python -m drbn_lightning.train", *map(shlex.quote, others), typed(key, folder)])


@contextmanager
def own_command_line(hydra: HydraConf) -> Iterator[None]:
    """Make `sys.argv` and Hydra's run folder those of this job alone.

    Lightning starts the other processes of a group by repeating `sys.argv`, which in a multirun is the whole sweep, in
    Hydra's run folder, which in a multirun is not the job's. Those processes write no log of their own. In the process
    of a launcher, what runs as `__main__` is the launcher's: Lightning must not repeat that.
    """
    before, main = sys.argv, sys.modules["__main__"]
    runs_as = main.__spec__
    main.__spec__ = find_spec("drbn_lightning.train") or runs_as
    sys.argv = [before[0], *flags(before[1:]), *hydra.overrides.task, "hydra/job_logging=disabled"]
    config = cast(DictConfig, HydraConfig.instance().cfg)
    with read_write(config.hydra.run):
        config.hydra.run.dir = in_quotes(hydra.runtime.output_dir)[1:-1]  # Lightning adds those
    try:
        yield
    finally:
        sys.argv, main.__spec__ = before, runs_as
