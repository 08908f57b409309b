"""The one exception for what a user can mend: a path, a key, a file; and how a message names several of them."""

from collections.abc import Sequence

NAMED = 3
"""How many names a message gives."""


class DRBNError(Exception):
    """A mistake in the input; the message names the file or the configuration key and says what to do."""


class RunInterruptedError(Exception):
    """Somebody asked the run to stop; the message says where its checkpoint lies."""


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> named(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
