"""Test images must reach no loss: neither by the images of a run nor by the networks that it starts from or uses."""

import warnings
from collections.abc import Mapping, Sequence

from drbn_lightning.data.datamodule import SampleDataModule
from drbn_lightning.data.fingerprints import Fingerprint, overlap, resemblance
from drbn_lightning.errors import DRBNError, OptionError, named


def warn_or_refuse(data: SampleDataModule, message: str, remedy: str) -> None:
    """Say that figures on the test set of a data module will be too good.

    Raises:
        OptionError: its `on_overlap` is `error`.
    """
    if data.on_overlap == "error":
        raise OptionError(f"{message}; {remedy}, or allow them with {data.on_overlap_key}=warn")
    warnings.warn(f"{message}: figures on this test set will be too good", stacklevel=3)


def check_seen(data: SampleDataModule, seen: Mapping[str, Sequence[Fingerprint]], remedy: str) -> None:
    """Compare what networks, or parts of the data, have seen with the test set; warn or refuse as `on_overlap` says.

    Args:
        data: the data of the run, whose test set is opened.
        seen: what each one was trained on or chosen by, by the setting that names it.
        remedy: what to do about it.

    Raises:
        DRBNError: one has seen test images, and `on_overlap` is `error`.
    """
    if not data.has_test_set or not any(seen.values()):
        return
    try:
        data.setup("test")
    except DRBNError as error:
        warnings.warn(f"the test images could not be compared with {named(list(seen))}: {error}", stacklevel=2)
        return
    told: set[str] = set()
    for setting, trained in seen.items():
        new = [fingerprint for fingerprint in trained if fingerprint.identity not in told]
        told |= {fingerprint.identity for fingerprint in new}
        _check(data, setting, new, remedy)


def _check(data: SampleDataModule, setting: str, trained: Sequence[Fingerprint], remedy: str) -> None:
    tested = data.tested_on()
    overlaps = {fingerprint.name: overlap(fingerprint, tested) for fingerprint in trained}
    exact = {name for names in overlaps.values() for name in names}
    like = {
        fingerprint.name: [name for name in resemblance(fingerprint, tested) if name not in exact]
        for fingerprint in trained
    }
    for verb, names_of in (("were seen", overlaps), ("look like photos that were seen", like)):
        together = {name for names in names_of.values() for name in names}
        if not together:
            continue
        where = ", ".join(name for name, names in names_of.items() if names)
        examples = named([name for name in tested.names if name in together])
        message = f"{len(together)} of the {tested.count} test images of {tested.name} {verb} by {setting} ({where})"
        warn_or_refuse(data, f"{message}, for example {examples}", remedy)
