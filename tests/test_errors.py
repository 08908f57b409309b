from drbn_lightning.errors import SHORT, DRBNError, RunInterruptedError, reason_of


def test_a_run_that_was_asked_to_stop_is_no_mistake_of_the_user() -> None:
    assert not issubclass(RunInterruptedError, DRBNError)
    assert not issubclass(DRBNError, OSError | ValueError)  # nobody catches it unawares


def test_another_packages_message_is_cut_short() -> None:
    assert reason_of(ValueError("1, " * 9999)) == ("1, " * SHORT)[:SHORT]
