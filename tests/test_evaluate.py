import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from drbn_lightning.assembly import build_data
from drbn_lightning.data.scenes import scene
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluate import choose_device, evaluate
from drbn_lightning.image_files import read_rgb, write_png
from drbn_lightning.inference.panels import HEADING
from drbn_lightning.networks.checkpoint import NetworkDescription, header, save
from drbn_lightning.networks.drbn import DRBN
from tests.running import composed

SCENES = ("data.scene_size=24", "data.crop_size=16", "data.test_scenes=3", "data.test_size=30", "data.num_workers=0")
ARGUMENTS = {"recursions": 1, "base_channels": 2, "growth_rate": 1}

pytestmark = pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")


def artifact(path: Path, trained_on: list[dict[str, object]] | None = None, stage: str = "band") -> Path:
    """An untrained network as a checkpoint."""
    torch.manual_seed(0)
    description = NetworkDescription("drbn_lightning.networks.drbn.DRBN", ARGUMENTS)
    save(path, header(stage, description, {}, trained_on or []), DRBN(1, base_channels=2, growth_rate=1).state_dict())
    return path


def config(folder: Path, *words: str) -> DictConfig:
    return composed(folder, "device=cpu", *SCENES, *words, name="evaluate")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The folder of an evaluation, and what it returned."""
    folder = tmp_path_factory.mktemp("judged")
    path = artifact(folder / "mine.pt")
    return folder, evaluate(config(folder, f"checkpoint={path}", "pictures=2"))


def test_returns_the_mean_of_the_network(judged: tuple[Path, float]) -> None:
    folder, result = judged
    own = [float(row["psnr"]) for row in rows(folder) if row["method"] == "band"]
    assert len(own) == 3
    assert result == pytest.approx(sum(own) / 3, abs=1e-4)


def test_judges_the_baselines_beside_it(judged: tuple[Path, float]) -> None:
    found = rows(judged[0])
    methods = [row["method"] for row in found[:3]]
    assert methods[0] == "input"
    assert methods[1].startswith("best gamma 0.")
    assert methods[2] == "band"
    assert [(row["picture"], row["method"]) for row in found] == [
        (f"scene_{number:03d}", method) for number in range(3) for method in methods
    ]
    scores = {method: sum(float(row["psnr"]) for row in found if row["method"] == method) for method in methods}
    assert scores[methods[1]] > scores["input"]


def test_writes_as_many_pictures_as_asked_for(judged: tuple[Path, float]) -> None:
    folder = judged[0]
    assert sorted(file.name for file in (folder / "pictures").iterdir()) == ["scene_000.png", "scene_001.png"]
    data = build_data(config(folder))
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    strip = read_rgb(folder / "pictures" / "scene_000.png")
    assert strip.shape == (30 + HEADING, 30 * 4, 3)
    for columns, picture in ((slice(0, 30), batch.low), (slice(90, 120), batch.normal)):
        assert np.array_equal(strip[HEADING:, columns], (picture[0] * 255).round().byte().permute(1, 2, 0).numpy())


def test_says_what_it_measured_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = artifact(tmp_path / "artifacts" / "band.pt")  # the default place
    assert path.exists()
    result = evaluate(config(tmp_path, "baselines=[]", "pictures=0"))
    said = capsys.readouterr().out
    assert f"mean       {result:7.2f}" in said
    assert "PSNR in dB over RGB" in said
    assert str(tmp_path / "scores.csv") in said
    assert "warning" not in said
    assert {row["method"] for row in rows(tmp_path)} == {"band"}
    assert not (tmp_path / "pictures").exists()


def test_without_a_checkpoint_says_which_command_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"artifacts/band\.pt does not exist yet: .*drbn_lightning\.train stage=band"):
        evaluate(config(tmp_path))
    with pytest.raises(DRBNError, match=r"other\.pt does not exist; give the path"):
        evaluate(config(tmp_path, f"checkpoint={tmp_path / 'other.pt'}"))


def test_an_unknown_baseline_or_device(tmp_path: Path) -> None:
    path = artifact(tmp_path / "mine.pt")
    with pytest.raises(DRBNError, match="baselines holds 'retinex'; there are input and gamma"):
        evaluate(config(tmp_path, f"checkpoint={path}", "baselines=[input,retinex]"))
    with pytest.raises(DRBNError, match=r"device=abacus does not work here .*; use auto or cpu"):
        evaluate(config(tmp_path, f"checkpoint={path}", "device=abacus"))
    assert not (tmp_path / "scores.csv").exists()


def test_auto_finds_a_device() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def lol(root: Path, pictures: dict[str, list[int]], size: tuple[int, int] = (30, 36)) -> Path:
    """A LOL-v1 of scenes, each split by the seeds of its pictures."""
    for split, seeds in pictures.items():
        for number, seed in enumerate(seeds):
            picture = (scene(np.random.default_rng(seed), *size) * 255).round().byte().permute(1, 2, 0).numpy()
            write_png(root / split / "high" / f"{number}.png", picture)
            write_png(root / split / "low" / f"{number}.png", picture // 6)
    return root


def test_warns_of_pictures_seen_in_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = lol(tmp_path / "first", {"our485": [0, 1, 2, 3], "eval15": [50]})
    on = (f"data.root={root}", "data.crop_size=16", "data.num_workers=0")
    first = build_data(composed(tmp_path, "data=lol_v1", *on, "data.validation_pairs=1", name="evaluate"))
    first.setup("fit")
    trained = first.trained_on()
    seen = int(trained[0].names[0])
    path = artifact(tmp_path / "mine.pt", [fingerprint.as_dict() for fingerprint in trained])
    words = ("data=lol_v1", "data.num_workers=0", "device=cpu", f"checkpoint={path}", "baselines=[]", "pictures=0")
    capsys.readouterr()
    evaluate(composed(tmp_path, *words, f"data.root={root}", name="evaluate"))
    assert "warning" not in capsys.readouterr().out
    leaking = lol(tmp_path / "second", {"our485": [60], "eval15": [51, seen, 52]})
    evaluate(composed(tmp_path, *words, f"data.root={leaking}", name="evaluate"))
    said = capsys.readouterr().out
    assert "warning: 1 of the 3 pictures of v1/test were seen in training (v1/train), for example 1;" in said
