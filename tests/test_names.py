from typing import get_args

from drbn_lightning.inference.memory import BYTES_PER_PIXEL
from drbn_lightning.inference.runtimes.precision import Precision
from drbn_lightning.names import ENHANCING_STAGES, PRECISIONS, RUNTIMES, STAGES
from tests.test_conf import CONF


def test_stages_are_those_of_the_configuration() -> None:
    assert set(STAGES) == {file.stem for file in (CONF / "stage").glob("*.yaml")}
    assert set(ENHANCING_STAGES) < set(STAGES)


def test_every_runtime_and_precision_is_known_where_it_is_used() -> None:
    assert {"auto"} | {runtime for runtime, _ in BYTES_PER_PIXEL} == set(RUNTIMES)
    assert set(PRECISIONS) == {"auto", *get_args(Precision)}
