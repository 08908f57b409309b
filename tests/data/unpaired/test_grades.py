import pytest

from drbn_lightning.data.unpaired.grades import kind_of, require_scores, score, severity
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE
from drbn_lightning.errors import DRBNError


def test_severity_is_the_score_the_other_way_round() -> None:
    assert [score(severity(mos)) for mos in (1, 4, 6.5, 9)] == [1, 4, 6.5, 9]


def test_kinds_include_their_limits() -> None:
    assert [kind_of(mos, 7, 4) for mos in (9, 7, 6.9, 4.1, 4, 1)] == [HIGH, HIGH, MIDDLE, MIDDLE, LOW, LOW]


@pytest.mark.parametrize(("high", "low"), [(4.0, 4.0), (9.5, 4.0), (7.0, 0.5)])
def test_limits_out_of_range(high: float, low: float) -> None:
    with pytest.raises(DRBNError, match=rf"unpaired\.low_mos={low} and unpaired\.high_mos={high} .*1\.0 to 9\.0"):
        require_scores(high, low)
    require_scores(7.0, 4.0)
