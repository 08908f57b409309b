"""The one exception for what a user can mend: a path, a key, a file; and what its messages are made of."""

from collections.abc import Sequence

SHORT = 160
"""How many characters of another package's message a message of ours repeats."""

NAMED = 3
"""How many names a message gives."""


class DRBNError(Exception):
    """A mistake in the input; the message names the file or the configuration key and says what to do."""


KEY = "{key}"
"""Stands in the message of an `OptionError` for the place of a data module in the configuration."""


class OptionError(DRBNError):
    """A mistake in the options of a data module, which does not know where in the configuration it lies."""

    def __init__(self, message: str, key: str = "data") -> None:
        """Fill in the key.

        Args:
            message: as that of a `DRBNError`, with `KEY` for the key of the data module.
            key: where the data module lies in the configuration.

        Example:
            >>> str(OptionError(f"{KEY}.root is not set"))
            'data.root is not set'
        """
        super().__init__(message.replace(KEY, key))
        self.message = message

    def below(self, key: str) -> "OptionError":
        """The same mistake of a data module that lies elsewhere; `key` may begin with `KEY` in turn.

        Example:
            >>> str(OptionError(f"{KEY}.root is not set").below("datasets.lol_v1"))
            'datasets.lol_v1.root is not set'
        """
        return OptionError(self.message.replace(KEY, key))


class RunInterruptedError(Exception):
    """Somebody asked the run to stop; the message says where its checkpoint lies."""


class QueuedAgainError(SystemExit):
    """The process ends with a status by which its cluster knows that the job has been queued again."""


def reason_of(error: BaseException) -> str:
    r"""What an exception of another package says, shortly: the beginning of its first line, or its class.

    Example:
        >>> reason_of(ValueError("wrong sizes\n(1, 2)")), reason_of(IndexError())
        ('wrong sizes', 'IndexError')
    """
    lines = str(error).strip().splitlines()
    return lines[0][:SHORT] if lines else type(error).__name__


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> named(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
