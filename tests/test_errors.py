from drbn_lightning.errors import DRBNError, RunInterruptedError


def test_a_run_that_was_asked_to_stop_is_no_mistake_of_the_user() -> None:
    assert not issubclass(RunInterruptedError, DRBNError)
    assert not issubclass(DRBNError, OSError | ValueError)  # nobody catches it unawares
