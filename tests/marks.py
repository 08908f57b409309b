"""Marks that several tests need."""

from collections.abc import Container, Iterable

import pytest
from _pytest.mark import ParameterSet


def slow_but(quick: Container[object], values: Iterable[object]) -> list[ParameterSet]:
    """Values of a parameter, of which `make test` tries the quick ones and `make test-all` each."""
    return [pytest.param(value, marks=() if value in quick else pytest.mark.slow) for value in values]
