"""Overrides as people type them: quoted for Hydra and the shell, and told what Hydra would not tell them clearly."""

import argparse
import re
import shlex
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

QUOTES = "\"'"


def quoted(text: str) -> str:
    r"""A text as Hydra's grammar wants it.

    Example:
        >>> print(quoted("it's"))
        'it\'s'
    """
    return "'" + text.replace("'", "\\'") + "'"


def typed(key: str, value: object) -> str:
    r"""An override as a user types it: quoted for Hydra, then for the shell, where that is needed.

    Example:
        >>> typed("data.root", "a/b"), typed("data.root", "my [old] photos")
        ('data.root=a/b', '\'data.root="my [old] photos"\'')
    """
    text = str(value)
    return f"{key}={text}" if re.fullmatch(r"[\w./-]+", text, re.ASCII) else shlex.quote(f"{key}={in_quotes(text)}")


def misread(words: Sequence[str]) -> str | None:
    """What is wrong with overrides whose values Hydra cannot read, or would take for something else; None if nothing.

    Args:
        words: the command line after the program's name.
    """
    arguments, _ = get_args_parser().parse_known_args(list(words))
    parser, before = OverridesParser.create(), ""
    arguments.multirun |= any(word.startswith(("hydra.mode=", "+hydra.mode=")) for word in arguments.overrides)
    # Files of the user's own may make it a multirun, too.
    own_files = bool(arguments.config_dir or arguments.config_name or arguments.config_path)
    for word in arguments.overrides:
        key, equals, value = word.partition("=")
        try:
            read = parser.parse_override(word)
        except HydraException as error:
            if not equals and "=" in before:  # the shell has cut a path at its blank
                key, _, value = f"{before} {word}".partition("=")
                return f"{word} is no key=value; a path with blanks wants quotes: {typed(key, value)}"
            if not equals:
                return f"{word} is no key=value"
            reason, quoted_word = " ".join(str(error).splitlines()[0].split()), _with_quotes(key, value, arguments)
            return f"Hydra cannot read {word} ({reason}); put quotes around the text: {quoted_word}"
        if (
            read.is_sweep_override()
            and not (arguments.multirun or own_files)
            and read.value_type is ValueType.SIMPLE_CHOICE_SWEEP
        ):
            return f"{word} is several values for a sweep, which needs -m; as one text: {typed(key, value)}"
        if not read.key_or_group:
            return f"{word} names no key; say KEY=VALUE"
        if (names := _refused_by_its_group(read)) is not None:
            return f"{word} chooses no configuration of {read.key_or_group}; there are {', '.join(names)}"
        if _taken_for_another(read, value):
            return f"{value} is a file or folder, and Hydra takes {word} for something else; say {typed(key, value)}"
        before = word
    return None


def _refused_by_its_group(read: Override) -> list[str] | None:
    """The choices of a group of configurations to which an override gives a number or null: Hydra fails at those."""
    if read.is_sweep_override() or read.is_force_add():
        return None
    value, named = read.value(), isinstance(read.value(), str | dict)
    if read.is_delete():
        named |= value is None
    elif isinstance(value, list):
        named = all(isinstance(name, str) for name in value)
    return None if named else choices(read.key_or_group)


def choices(group: str) -> list[str] | None:
    """The configurations of one of our groups, by name; None where there is no such group.

    Example:
        >>> choices("network")
        ['drbn', 'drbn_small', 'retinex']
    """
    folder = resources.files("drbn_lightning.conf").joinpath(group)
    if not group or not folder.is_dir():
        return None
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def _taken_for_another(read: Override, value: str) -> bool:
    """Whether a value is a path that exists and Hydra makes a list, a map, several values or another text of it."""
    other = read.is_sweep_override() or isinstance(read.value(), list | dict)
    other |= isinstance(read.value(), str) and read.value() != value
    return other and Path(value).exists()


def _with_quotes(key: str, value: str, arguments: argparse.Namespace) -> str:
    """The override with quotes around its text, or around each text of a list, a map or a sweep."""
    inner = re.fullmatch(r"([\[{])(.*)([\]}])", value, re.DOTALL)
    if Path(value).exists() or not (inner or (arguments.multirun and "," in value)):
        return typed(key, value)
    start, body, end = inner.groups() if inner else ("", value, "")
    parts = [
        re.fullmatch(r"""(\s*(?:"[^"]*"|'[^']*'|[\w.-]+)\s*:\s*|\s*)(.*?)\s*""", part, re.DOTALL)
        for part in body.split(",")
    ]
    texts = [(part[1] if start == "{" else "", part[2]) for part in parts if part is not None]
    return shlex.quote(f"{key}={start}{','.join(name + in_quotes(text.strip(QUOTES)) for name, text in texts)}{end}")


def in_quotes(text: str) -> str:
    """A text in double quotes, which a shell's single quotes keep; backslashes count before a quote only."""
    text = re.sub(r'(\\*)"', r'\1\1\\"', text)
    return '"' + re.sub(r"(\\+)$", r"\1\1", text) + '"'
