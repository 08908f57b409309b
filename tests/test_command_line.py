import argparse
from collections.abc import Callable

import pytest

from drbn_lightning import command_line, enhance, export, page


def declared(parser: argparse.ArgumentParser, option: str) -> tuple[object, object, object]:
    """What a command says of an option: its default, its choices, its help."""
    (action,) = (action for action in parser._actions if option in action.option_strings)
    return action.default, action.choices, action.help


@pytest.mark.parametrize("option", ["--network", "--checkpoint", "--band"])
def test_every_command_that_takes_a_network_declares_it_alike(option: str) -> None:
    parsers = [module.build_parser() for module in (enhance, page, export)]
    assert len({declared(parser, option) for parser in parsers}) == 1


@pytest.mark.parametrize("option", ["--device", "--runtime", "--tile", "--allow-large"])
def test_enhancing_and_the_page_declare_the_machine_alike(option: str) -> None:
    first, second = (declared(module.build_parser(), option) for module in (enhance, page))
    assert first == second


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (command_line.between(float, 0, 1), "0.5", 0.5),
        (command_line.between(float, 0, 1), "1", 1.0),
        (command_line.between(int, 1, 100), "100", 100),
        (command_line.positive, "7", 7),
    ],
)
def test_numbers_within_their_bounds_are_read(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (command_line.between(float, 0, 1), "1.01"),
        (command_line.between(float, 0, 1), "nan"),
        (command_line.between(int, 1, 100), "0"),
        (command_line.between(int, 1, 100), "9.5"),
        (command_line.positive, "0"),
        (command_line.positive, "-3"),
        (command_line.positive, "many"),
    ],
)
def test_numbers_out_of_their_bounds_are_named(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=text):
        read(text)
