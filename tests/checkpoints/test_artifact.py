import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning import files
from drbn_lightning.checkpoints.artifact import FORMAT, HEADER, header, load, publish, read, save
from drbn_lightning.checkpoints.description import MODULES, NetworkDescription
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.drbn import DRBN
from tests.golden import released_band_state, released_recomposer_state
from tests.running import all_same, equal

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")

ARGUMENTS = {"recursions": 2, "base_channels": 2, "growth_rate": 1, "first_guess": "input"}
DESCRIPTION = NetworkDescription("drbn_lightning.networks.drbn.DRBN", ARGUMENTS)
PROVENANCE = {"seed": 3, "figures": {"val/psnr": 17.25}, "overrides": ["seed=3"], "commit": None}
TRAINED_ON = [{"name": "a", "count": 2, "identity": "0" * 16, "names": [], "low": [], "normal": [], "signatures": []}]


class Foreign(nn.Module):
    """A network from outside the package; its one part is called as Lightning's prefix is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.network = nn.Linear(width, 2)


class Code:
    """Writes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


def network(seed: int = 0) -> DRBN:
    torch.manual_seed(seed)
    return DRBN(2, base_channels=2, growth_rate=1, first_guess="input")


def whole() -> dict[str, Any]:
    """What an artifact holds."""
    made = header("band", DESCRIPTION, PROVENANCE, TRAINED_ON)
    return {HEADER: made, "state_dict": network().state_dict()}


def saved(path: Path) -> Path:
    save(path, whole()[HEADER], network().state_dict())
    return path


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = saved(tmp_path / "new" / "folder" / "band.pt")
    for artifact in (load(path), load(str(path), "band")):
        assert equal(artifact.network.state_dict(), network().state_dict())
        assert not artifact.network.training
        assert artifact.stage == "band"
        assert artifact.description == DESCRIPTION
        assert artifact.provenance == PROVENANCE
        assert artifact.trained_on == TRAINED_ON
    assert list(path.parent.iterdir()) == [path]


def test_it_is_plain_tensors_and_values(tmp_path: Path) -> None:
    content = torch.load(saved(tmp_path / "band.pt"), weights_only=True)
    assert set(content) == {HEADER, "state_dict"}
    assert content[HEADER]["format"] == FORMAT
    assert type(content["state_dict"]) is dict
    assert all(type(tensor) is Tensor and tensor.is_contiguous() for tensor in content["state_dict"].values())


def test_the_same_network_gives_the_same_images(tmp_path: Path) -> None:
    low = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    artifact = load(saved(tmp_path / "band.pt"))
    with torch.no_grad():
        assert all_same(torch.equal, artifact.network(low), network().eval()(low))


def test_saving_again_replaces_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "band.pt")
    save(path, whole()[HEADER], network(seed=1).state_dict())
    assert equal(load(path).network.state_dict(), network(seed=1).state_dict())


@pytest.mark.parametrize("prefix", ["", "module."])
def test_released_weights_load(tmp_path: Path, prefix: str) -> None:
    state = {f"{prefix}{name}": tensor for name, tensor in released_band_state().items()}
    torch.save(state, tmp_path / "released.pt")
    artifact = load(tmp_path / "released.pt", "band")
    assert torch.equal(artifact.network.state_dict()["blocks.0.first.weight"], state[f"{prefix}recur1.SFENet1.weight"])
    assert artifact.description.arguments["first_guess"] == "input"


def test_released_weights_of_stage_2_load(tmp_path: Path) -> None:
    state = released_recomposer_state()
    torch.save(state, tmp_path / "released.pt")
    artifact = load(tmp_path / "released.pt", "recompose")
    assert torch.equal(artifact.network.state_dict()["first.weight"], state["SFENet1.weight"])
    assert artifact.description.build().state_dict().keys() == artifact.network.state_dict().keys()
    assert not artifact.network.training
    refused(tmp_path / "released.pt", "stage=recompose.*stage=band", "band")
    torch.save(state | {"UPNet2.weight": torch.zeros(3)}, tmp_path / "damaged.pt")
    refused(tmp_path / "damaged.pt", "stage-2")


def test_a_network_from_outside_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODULES, "tests")
    original, path = Foreign(3), tmp_path / "band.pt"
    description = NetworkDescription(f"{__name__}.{Foreign.__name__}", {"width": 3})
    save(path, header("band", description, {}, []), original.state_dict())
    loaded = load(path).network
    assert isinstance(loaded, Foreign)
    assert equal(loaded.state_dict(), original.state_dict())


@pytest.mark.parametrize("kind", ["ours", "foreign"])
def test_a_lightning_checkpoint_is_published_without_the_rest(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODULES, "tests")
    original: nn.Module = network() if kind == "ours" else Foreign(3)
    description = DESCRIPTION if kind == "ours" else NetworkDescription(f"{__name__}.Foreign", {"width": 3})
    state = {f"network.{name}": tensor for name, tensor in original.state_dict().items()}
    lightning = {
        HEADER: header("band", description, PROVENANCE, TRAINED_ON),
        "state_dict": state | {"val_psnr.mean_value": torch.zeros(())},
        "optimizer_states": [{"state": {0: torch.ones(2)}}],
        "global_step": 5,
    }
    torch.save(lightning, tmp_path / "last.ckpt")
    assert equal(load(tmp_path / "last.ckpt", "band").network.state_dict(), original.state_dict())
    publish(tmp_path / "last.ckpt", tmp_path / "band.pt")
    assert set(torch.load(tmp_path / "band.pt", weights_only=True)) == {HEADER, "state_dict"}
    artifact = load(tmp_path / "band.pt")
    assert equal(artifact.network.state_dict(), original.state_dict())
    assert artifact.provenance == PROVENANCE


def refused(path: Path, message: str, stage: str | None = None) -> None:
    with pytest.raises(DRBNError, match=message) as refusal:
        load(path, stage)
    assert str(path) in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "gone.pt", "exist")
    refused(tmp_path, "exist")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all\n", b"\x80", b"PK\x03\x04", bytes(1000)])
def test_a_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    refused(tmp_path / "a.pt", "damaged")


def test_one_changed_bit_of_a_tensor_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt")
    name, tensor = next(iter(network().state_dict().items()))
    content = bytearray(path.read_bytes())
    content[content.index(tensor.numpy().tobytes())] ^= 1
    path.write_bytes(content)
    state = torch.load(path, weights_only=True)["state_dict"]
    assert not torch.equal(state[name], tensor)  # torch itself does not notice
    refused(path, "damaged.*checksum")


def test_compressed_parts_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt")
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for part in stored.namelist():
            packed.writestr(part, stored.read(part))
    refused(tmp_path / "b.pt", "damaged.*compressed")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.pt"
    torch.save(whole(), path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        refused(path, "damaged")


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_bytes_never_end_in_another_error(tmp_path: Path, zipped: bool) -> None:
    path, rng = tmp_path / "a.pt", random.Random(0)
    torch.save(whole(), path, _use_new_zipfile_serialization=zipped)
    content, refusals = path.read_bytes(), 0
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(4):
            damaged[rng.randrange(min(3000, len(content)))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            load(path)
        except DRBNError:
            refusals += 1
    assert refusals > 50


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "a.pt"
    torch.save({"state_dict": Code(trace)}, path)
    refused(path, "damaged")
    path.write_bytes(pickle.dumps(Code(trace)))
    refused(path, "damaged")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Code(trace)))  # that code would have left this trace
    assert trace.exists()


def test_a_tensor_instead_of_a_dictionary(tmp_path: Path) -> None:
    torch.save(torch.zeros(2), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "Tensor")
    with pytest.raises(DRBNError, match="Tensor"):
        read(tmp_path / "a.pt")


@pytest.mark.parametrize("state", [{}, {"conv1.weight": torch.zeros(1)}, {1: torch.zeros(1)}])
def test_a_foreign_state_dict(tmp_path: Path, state: dict[Any, Tensor]) -> None:
    torch.save(state, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "drbn_lightning")


def test_another_stage(tmp_path: Path) -> None:
    refused(saved(tmp_path / "a.pt"), "stage=band.*stage=quality", "quality")


def test_released_names_with_other_tensors(tmp_path: Path) -> None:
    state = released_band_state() | {"recur2.Up1.weight": torch.zeros(3)}
    torch.save(state, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "stage-1")


@pytest.mark.parametrize("version", [FORMAT + 1, None, "1"])
def test_an_unknown_format(tmp_path: Path, version: object) -> None:
    content = whole()
    content[HEADER]["format"] = version
    torch.save(content, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", rf"format {version}.*{FORMAT}")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("state_dict"),
        lambda content: content.update(state_dict=[torch.zeros(1)]),
        lambda content: content.update(state_dict=None),
        lambda content: content[HEADER].pop("network"),
        lambda content: content[HEADER].pop("trained_on"),
        lambda content: content[HEADER].update(network=3),
        lambda content: content[HEADER]["network"].pop("target"),
        lambda content: content[HEADER]["network"].update(arguments=4),
        lambda content: content[HEADER]["network"].update(arguments={"recursions": torch.zeros(2)}),
        lambda content: content[HEADER].update(provenance=torch.zeros(2)),
        lambda content: content[HEADER].update(trained_on=[{"name": torch.zeros(1)}]),
    ],
)
def test_a_header_that_is_not_whole(tmp_path: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    content = whole()
    damage(content)
    torch.save(content, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "damaged")


def test_a_header_that_is_none(tmp_path: Path) -> None:
    torch.save({HEADER: "1", "state_dict": {}}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "format None")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("subprocess.Popen", r"subprocess\.Popen is not of this package"),
        ("os.mkdir", r"os\.mkdir is not of this package"),
        ("torch.nn.Linear", r"torch\.nn\.Linear is not of this package"),
        ("no_such_package.Network", "no_such_package"),
        ("drbn_lightning.networks.drbn", r"drbn is not a torch\.nn\.Module, so it is not built"),
        ("drbn_lightning.networks.drbn.Gone", "imported"),
        ("Network", "imported"),
        ("", "imported"),
        (".relative.Network", "imported"),
    ],
)
def test_only_networks_are_built(tmp_path: Path, target: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {"args": ["touch", "trace"]} if target == "subprocess.Popen" else {"path": "trace"}
    content = whole()
    content[HEADER]["network"] = {"target": target, "arguments": arguments}
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(DRBNError, match=message):
        load(tmp_path / "a.pt")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("arguments", [{"wrong": 1}, {"recursions": 0}, {"recursions": "x"}, {"base_channels": -1}])
def test_arguments_that_the_network_does_not_take(arguments: dict[str, Any]) -> None:
    with pytest.raises(DRBNError, match=r"DRBN .*: \S"):
        NetworkDescription(DESCRIPTION.target, arguments).build()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {name: tensor[..., None] for name, tensor in network().state_dict().items()},
        network().state_dict() | {"more": torch.zeros(1)},
        dict.fromkeys(network().state_dict(), "text"),
        {1: torch.zeros(1)},
    ],
)
def test_tensors_that_do_not_fit(tmp_path: Path, state: dict[Any, Any]) -> None:
    torch.save(whole() | {"state_dict": state}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "drbn_lightning.networks.drbn.DRBN")


def test_a_full_disk_says_so_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    class Full:
        hex = "full"

    path = saved(tmp_path / "band.pt")
    before = path.read_bytes()
    monkeypatch.setattr("uuid.uuid4", Full)
    (tmp_path / f".full{files.TEMPORARY_SUFFIX}").symlink_to("/dev/full")
    with pytest.raises(DRBNError, match=r"band\.pt"):
        save(path, whole()[HEADER], network(seed=1).state_dict())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DRBNError, match=r"band\.pt"):
        save(tmp_path / "file" / "band.pt", whole()[HEADER], network().state_dict())
