"""The one exception for what a user can mend: a path, a key, a file."""


class DRBNError(Exception):
    """A mistake in the input; the message names the file or the configuration key and says what to do."""


class RunInterruptedError(Exception):
    """Somebody asked the run to stop; the message says where its checkpoint lies."""
