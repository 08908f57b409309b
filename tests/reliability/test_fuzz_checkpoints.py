"""Changed checkpoints: each one gives the very tensors that were saved, or is refused in one line that names it."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drbn_lightning.checkpoints.artifact import HEADER, header, identity
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel, load_model
from drbn_lightning.checkpoints.official import name_map
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.tasks.train import find_resume_point
from tests.reliability.forked import Forked
from tests.reliability.fuzzing import INPUTS, TIMEOUT, settings_of, told
from tests.reliability.mutations import Step, changed, steps
from tests.reliability.seeds import Seed
from tests.running import tiny

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.timeout(TIMEOUT),
    pytest.mark.filterwarnings("ignore:Detected pickle protocol"),
]

DEADLINE, MEMORY = 20.0, 2 << 30
ARGUMENTS: dict[str, Any] = {"recursions": 1, "base_channels": 2, "growth_rate": 1}


def network() -> DRBN:
    torch.manual_seed(0)
    return DRBN(**ARGUMENTS)


def content() -> dict[str, Any]:
    """What a Lightning checkpoint of ours holds, as far as it is read."""
    description = NetworkDescription("drbn_lightning.networks.drbn.DRBN", dict(ARGUMENTS))
    about = header("band", description, {"config": "seed: 0\n", "source": "a test"}, [])
    state = {f"network.{name}": tensor for name, tensor in network().state_dict().items()}
    return {HEADER: about, "state_dict": state, "global_step": 3, "optimizer_states": []}


def packed(value: object, **options: Any) -> bytes:  # noqa: ANN401  # torch's
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def child(folder: Path) -> Iterator[Forked]:
    config = tiny(folder / "run")

    def looked_at(suffix: str, changed: bytes) -> tuple[str, ...]:
        path = folder / f"changed{suffix}"
        path.write_bytes(changed)
        endings = []
        config.resume = str(path)
        for read in (lambda: load_model(path), lambda: find_resume_point(config, "band", folder)):
            try:
                found = read()
                endings.append(identity(found.parts["band"].network) if isinstance(found, EnhancementModel) else "")
            except DRBNError as error:
                if str(path) not in str(error) or len(str(error).splitlines()) > 1:
                    return "unclear", str(error)
                endings.append("refused")
        return "refused" if endings[0] == "refused" else "read", endings[0]

    with Forked(looked_at, deadline=DEADLINE, memory=MEMORY) as forked:
        yield forked


def test_changed_bytes(child: Forked) -> None:
    official = {name: torch.zeros(1) for name in name_map()}  # of the right names, and small
    known = [
        Seed("Lightning", ".ckpt", packed(content())),
        Seed("artifact", ".pt", packed({HEADER: content()[HEADER], "state_dict": network().state_dict()})),
        Seed("official", ".pt", packed(official)),
        Seed("before torch 1.6", ".pt", packed(content(), _use_new_zipfile_serialization=False)),
    ]
    counts, right = Counter[str](), identity(network())

    @settings_of(INPUTS.checkpoints)
    @given(st.sampled_from(known[:2] * 3 + known[2:]), steps(3), st.booleans())
    def check(seed: Seed, plan: list[Step], mend: bool) -> None:
        data = changed(seed, plan, known, mend=False)
        outcome = child(seed.suffix, with_checksums(data) if mend else data)
        counts[outcome[0]] += 1
        assert outcome[0] in ("read", "refused"), (seed, outcome)
        if outcome[0] == "read" and not mend and seed.name in ("Lightning", "artifact"):
            assert outcome[1] == right  # whatever changed, it was not the network

    with told("changed checkpoints", counts):
        check()
    assert counts["refused"] > 0.5 * counts.total()


def with_checksums(data: bytes) -> bytes:
    """An archive of the same parts, as far as they can be read, with checksums that fit."""
    file = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(file, "w") as made:
            for entry in given.infolist():
                start = entry.header_offset + 30
                start += int.from_bytes(data[start - 4 : start - 2], "little")
                start += int.from_bytes(data[entry.header_offset + 28 : entry.header_offset + 30], "little")
                made.writestr(entry.filename, data[start : start + entry.file_size])
    except Exception:  # it is no archive any more
        return data
    return file.getvalue()


_WORDS = ("band", "quality", "recompose", "os.system", "subprocess.Popen", "drbn_lightning.files.written_beside")
STRANGE = (*_WORDS, "drbn_lightning.networks.discriminator.Discriminator", "a: [", "${oc.env:HOME}", "../x.pt")
NUMBERS = st.one_of(st.integers(-3, 40), st.just(1 << 40), st.floats())
SEVERAL = st.one_of(st.lists(NUMBERS, max_size=2), st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2))
SINGLE = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5), st.sampled_from(STRANGE))
VALUES = st.one_of(SINGLE, SEVERAL, st.just(torch.zeros(2)))


def test_headers_of_other_values(child: Forked) -> None:
    counts, places = Counter[str](), _places(content(), ())

    @settings_of(INPUTS.headers)
    @given(st.lists(st.tuples(st.sampled_from(places), VALUES), min_size=1, max_size=2), st.booleans())
    def check(changes: list[tuple[tuple[str, ...], Any]], remove: bool) -> None:
        value = content()
        for place, other in changes:
            _put(value, place, other, remove=remove)
        outcome = child(".ckpt", packed(value))
        counts[outcome[0]] += 1
        assert outcome[0] in ("read", "refused"), (changes, outcome)

    with told("headers of other values", counts):
        check()


def _places(value: dict[str, Any], above: tuple[str, ...]) -> list[tuple[str, ...]]:
    inner = [_places(part, (*above, key)) for key, part in value.items() if isinstance(part, dict)]
    return [(*above, key) for key in value] + list(chain.from_iterable(inner))


def _put(value: dict[str, Any], place: tuple[str, ...], other: Any, *, remove: bool) -> None:  # noqa: ANN401
    for key in place[:-1]:
        value = value.get(key, {})
        if not isinstance(value, dict):
            return
    if remove:
        value.pop(place[-1], None)
    else:
        value[place[-1]] = other
