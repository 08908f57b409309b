import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from drbn_lightning.assembly import build_data
from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.enhance import main as enhance
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import read_rgb, write_png
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.tasks.evaluate import evaluate
from drbn_lightning.visualization.panels import HEADING
from tests.running import composed

SCENES = ("data.scene_size=24", "data.crop_size=16", "data.test_scenes=3", "data.test_size=30", "data.num_workers=0")
ARGUMENTS = {"recursions": 1, "base_channels": 2, "growth_rate": 1}

pytestmark = pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")


def artifact(path: Path, trained_on: list[dict[str, object]] | None = None, stage: str = "band", seed: int = 0) -> Path:
    """An untrained network as a checkpoint."""
    torch.manual_seed(seed)
    description = NetworkDescription("drbn_lightning.networks.drbn.DRBN", ARGUMENTS)
    save(path, header(stage, description, {}, trained_on or []), DRBN(1, base_channels=2, growth_rate=1).state_dict())
    return path


def config(folder: Path, *words: str) -> DictConfig:
    return composed(folder, "device=cpu", *SCENES, *words, name="evaluate")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The folder of an evaluation, and what it returned."""
    folder = tmp_path_factory.mktemp("scored")
    path = artifact(folder / "mine.pt")
    return folder, evaluate(config(folder, f"checkpoint={path}", "images=2"))


def test_returns_the_mean_of_the_network(scored: tuple[Path, float]) -> None:
    folder, result = scored
    own = [float(row["psnr"]) for row in rows(folder) if row["method"] == "band"]
    assert len(own) == 3
    assert result == pytest.approx(sum(own) / 3, abs=1e-4)


def test_scores_the_baselines_beside_it(scored: tuple[Path, float]) -> None:
    lines = rows(scored[0])
    methods = [row["method"] for row in lines[:3]]
    assert methods[0] == "input"
    assert methods[1].startswith("best gamma 0.")
    assert methods[2] == "band"
    assert [(row["image"], row["method"]) for row in lines] == [
        (f"scene_{number:03d}", method) for number in range(3) for method in methods
    ]
    scores = {method: sum(float(row["psnr"]) for row in lines if row["method"] == method) for method in methods}
    assert scores[methods[1]] > scores["input"]


def test_writes_as_many_images_as_asked_for(scored: tuple[Path, float]) -> None:
    folder = scored[0]
    assert sorted(file.name for file in (folder / "images").iterdir()) == ["scene_000.png", "scene_001.png"]
    data = build_data(config(folder))
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    strip = read_rgb(folder / "images" / "scene_000.png")
    assert strip.shape == (30 + HEADING, 30 * 4, 3)
    for columns, image in ((slice(0, 30), batch.low), (slice(90, 120), batch.normal)):
        assert np.array_equal(strip[HEADING:, columns], (image[0] * 255).round().byte().permute(1, 2, 0).numpy())


def test_says_what_it_measured_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = artifact(tmp_path / "artifacts" / "band.pt")  # the default place
    assert path.exists()
    result = evaluate(config(tmp_path, "baselines=[]", "images=0"))
    output = capsys.readouterr().out
    assert re.search(rf"^band +{result:.2f} ", output, re.MULTILINE)
    assert "PSNR dB: over RGB, result rounded to 8 bits" in output
    assert str(tmp_path / "scores.csv") in output
    assert "warning" not in output
    assert {row["method"] for row in rows(tmp_path)} == {"band"}
    assert not (tmp_path / "images").exists()


def no_weights(*_: object) -> Path:
    raise DRBNError("the pretrained weights are missing")


def test_without_a_checkpoint_says_which_command_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drbn_lightning.tasks.evaluate.pretrained_path", no_weights)
    with pytest.raises(DRBNError, match=r"artifacts/band\.pt.*drbn_lightning\.train stage=band"):
        evaluate(config(tmp_path))
    with pytest.raises(DRBNError, match=r"other\.pt"):
        evaluate(config(tmp_path, f"checkpoint={tmp_path / 'other.pt'}"))


def test_an_unknown_baseline_or_device(tmp_path: Path) -> None:
    path = artifact(tmp_path / "mine.pt")
    with pytest.raises(DRBNError, match=r"baselines .*'retinex'.*input, gamma"):
        evaluate(config(tmp_path, f"checkpoint={path}", "baselines=[input,retinex]"))
    with pytest.raises(DRBNError, match=r"device=abacus .*auto or cpu"):
        evaluate(config(tmp_path, f"checkpoint={path}", "device=abacus"))
    assert not (tmp_path / "scores.csv").exists()


def lol(root: Path, images: dict[str, list[int]], size: tuple[int, int] = (30, 36)) -> Path:
    """A LOL-v1 of scenes, each split by the seeds of its images."""
    for split, seeds in images.items():
        for number, seed in enumerate(seeds):
            image = (scene(np.random.default_rng(seed), *size) * 255).round().byte().permute(1, 2, 0).numpy()
            write_png(root / split / "high" / f"{number}.png", image)
            write_png(root / split / "low" / f"{number}.png", image // 6)
    return root


def test_warns_of_images_seen_in_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = lol(tmp_path / "first", {"our485": [0, 1, 2, 3], "eval15": [50]})
    on = (f"data.root={root}", "data.crop_size=16", "data.num_workers=0")
    first = build_data(composed(tmp_path, "data=lol_v1", *on, "data.validation_pairs=1", name="evaluate"))
    first.setup("fit")
    trained = first.trained_on()
    copied = int(trained[0].names[0])
    path = artifact(tmp_path / "mine.pt", [fingerprint.as_dict() for fingerprint in trained])
    words = ("data=lol_v1", "data.num_workers=0", "device=cpu", f"checkpoint={path}", "baselines=[]", "images=0")
    capsys.readouterr()
    evaluate(composed(tmp_path, *words, f"data.root={root}", name="evaluate"))
    assert "warning" not in capsys.readouterr().out
    leaking = lol(tmp_path / "second", {"our485": [60], "eval15": [51, copied, 52]})
    evaluate(composed(tmp_path, *words, f"data.root={leaking}", name="evaluate"))
    output = capsys.readouterr().out
    assert "warning: band: 1 of the 3 images of v1/test were seen in training (v1/train), for example 1;" in output


def test_without_a_published_network_the_pretrained_one_is_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path / "shipped.pt")
    monkeypatch.setattr("drbn_lightning.tasks.evaluate.pretrained_path", lambda: path)
    evaluate(config(tmp_path, "images=0", "baselines=[]"))
    assert "note: no checkpoint is named and" in capsys.readouterr().out


def test_several_checkpoints_are_compared_with_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = artifact(tmp_path / "a" / "band.pt"), artifact(tmp_path / "b" / "band.pt", seed=1)
    words = ("baselines=[input]", "images=0", "report_images=0")
    evaluate(config(tmp_path, f"checkpoint={{mine: {first}, theirs: {second}}}", *words))
    assert [row["method"] for row in rows(tmp_path)[:3]] == ["input", "mine", "theirs"]
    output = capsys.readouterr().out
    assert "mine - theirs" in output
    assert "mine - input" in output
    evaluate(config(tmp_path, f"checkpoint=[{first},{second}]", *words))
    assert [row["method"] for row in rows(tmp_path)[:3]] == ["input", "a/band", "b/band"]
    with pytest.raises(DRBNError, match=r"checkpoint\.mine"):
        evaluate(config(tmp_path, "+checkpoint.mine=null"))


def test_the_summary_says_everything(scored: tuple[Path, float]) -> None:
    folder, result = scored
    summary = json.loads((folder / "summary.json").read_text())
    (only,) = summary["results"]
    assert only["data"] == "synthetic/test"
    assert only["methods"]["band"]["means"]["psnr"]["mean"] == pytest.approx(result, abs=1e-4)
    low, high = (only["methods"]["band"]["means"]["psnr"][key] for key in ("low", "high"))
    assert low <= result <= high
    assert only["differences"][0]["minus"] == "input"
    assert summary["metrics"]["psnr"]["definition"].startswith("over RGB")
    assert summary["methods"]["band"]["parameters"] > 100
    assert len(summary["methods"]["band"]["identity"]) == 16
    assert {"version", "torch", "date", "command", "timing"} <= summary.keys()


def test_what_enhance_wrote_has_the_figures_of_the_network_itself(tmp_path: Path) -> None:
    path = artifact(tmp_path / "mine.pt")
    root = lol(tmp_path / "lol", {"mine": [0, 1, 2]}) / "mine"
    saved = tmp_path / "saved"
    assert enhance([str(root / "low"), "-o", str(saved), "--checkpoint", str(path), "--precision", "float32"]) == 0
    data = ("data=folders", f"data.root={root}", "data.num_workers=0", "device=cpu")
    words = (*data, f"predictions={saved}", "images=1", "baselines=[]")
    result = evaluate(composed(tmp_path, *words, f"checkpoint={path}", name="evaluate"))
    by_image = {(row["image"], row["method"]): row for row in rows(tmp_path)}
    assert {method for _, method in by_image} == {"saved", "band"}
    for name in "012":
        for key in ("psnr", "ssim", "ssim_gray", "ssim_gc", "psnr_gt_mean", "ssim_gt_mean"):
            assert float(by_image[name, "saved"][key]) == pytest.approx(float(by_image[name, "band"][key]), abs=1e-3)
    assert evaluate(composed(tmp_path, *words, name="evaluate")) == pytest.approx(result, abs=1e-3)
    assert {row["method"] for row in rows(tmp_path)} == {"saved"}
    (saved / "1.png").unlink()
    with pytest.raises(DRBNError, match=r"the 3 test images.* 1; "):
        evaluate(composed(tmp_path, *words, name="evaluate"))


def test_several_data_sets_and_photos_without_targets_in_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path / "mine.pt")
    root = lol(tmp_path / "lol", {"our485": [0, 1], "eval15": [50, 51]})
    words = [f"checkpoint={path}", f"root={root}", "datasets.lol_v1.num_workers=0", "baselines=[input]", "images=1"]
    words += [f"photos={root / 'eval15' / 'low'}", "test_sets=[lol_v1]", "device=cpu"]
    small = ("data=folders", f"data.root={root / 'our485'}", "data.num_workers=0")
    evaluate(composed(tmp_path, *words, *small, name="evaluate"))
    assert list(dict.fromkeys(row["data"] for row in rows(tmp_path))) == ["lol_v1", "our485/test", "photos"]
    assert {row["psnr"] for row in rows(tmp_path) if row["data"] == "photos"} == {""}
    output = capsys.readouterr().out
    assert "lol_v1: 2 images" in output
    assert "photos: 2 images" in output
    folders = sorted(folder.name for folder in (tmp_path / "images").iterdir())
    assert folders == ["lol_v1", "our485_test", "photos"]
    evaluate(composed(tmp_path, *words[:1], *words[-3:-2], "device=cpu", "images=0", name="evaluate"))
    assert {row["data"] for row in rows(tmp_path)} == {"photos"}
    scenes = ("data=synthetic", "data.test_scenes=1", "data.test_size=32", "data.num_workers=0")
    evaluate(composed(tmp_path, *words[:1], *words[-3:-2], *scenes, "device=cpu", "images=0", name="evaluate"))
    assert {row["data"] for row in rows(tmp_path)} == {"synthetic/test", "photos"}


def test_two_methods_of_one_name_are_refused(tmp_path: Path) -> None:
    path = artifact(tmp_path / "mine.pt")
    with pytest.raises(DRBNError, match=r"input.*checkpoint="):
        evaluate(config(tmp_path, f"checkpoint={{input: {path}}}"))


def test_a_protocol_without_its_folder_names_the_key(tmp_path: Path) -> None:
    path = artifact(tmp_path / "mine.pt")
    with pytest.raises(DRBNError, match=r"datasets\.lol_v1\.root") as refusal:
        evaluate(composed(tmp_path, "test_sets=[lol_v1]", f"checkpoint={path}", "device=cpu", name="evaluate"))
    assert len(str(refusal.value).splitlines()) == 1
