"""What an offline run of W&B holds, read back from its files and its own record."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from drbn_lightning.checkpoints.artifact import identity, load
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.tasks.train import train
from drbn_lightning.tracking.charts import BETTER, GPU_MEMORY, all_figures
from tests.running import TINY, TINY_SCENES, published, tiny, tiny_photos, vgg_file
from tests.wandb_record import Recorded

EPOCHS, STEPS = 2, 4
WORDS = ("logger=[csv,tensorboard,wandb]", f"trainer.max_epochs={EPOCHS}", "trainer.log_every_n_steps=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine without a key, and without anything of W&B's own in its home folder."""
    folder = tmp_path_factory.mktemp("wandb")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_MODE", "WANDB_OFFLINE", "WANDB_API_KEY", "NETRC"):
            patch.delenv(name, raising=False)
        for name in ("HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
            patch.setenv(name, str(folder / "home"))
        yield folder
        wandb.teardown()


@pytest.fixture(scope="module")
def band(folder: Path) -> Path:
    train(tiny(folder / "band", *WORDS, "seed=3"), "band", ["seed=3"], publish=False)
    return folder / "band"


@pytest.fixture(scope="module")
def recompose(band: Path, folder: Path) -> Path:
    others = published(folder / "published")
    words = ("logger=wandb", "trainer.max_epochs=1", "trainer.log_every_n_steps=1")
    uses = (f"uses.band={band / 'band.pt'}", f"uses.quality={others / 'quality.pt'}", "perceptual=vgg16")
    weights = f"perceptual.weights={vgg_file(folder / 'vgg.npz')}"
    train(
        tiny_photos(folder / "recompose", "recompose", *words, *uses, weights, "seed=3"), "recompose", [], publish=False
    )
    return folder / "recompose"


def recorded(run: Path) -> Recorded:
    (offline,) = (run / "wandb").glob("offline-run-*")
    return Recorded(offline)


def test_without_a_key_the_run_is_offline_and_finished(band: Path) -> None:
    assert wandb.run is None
    run = recorded(band)
    assert (run.run.project, run.exit_codes) == ("drbn_lightning", [0])


def test_the_configuration_is_that_of_the_run(band: Path) -> None:
    config = recorded(band).config
    assert (config["network"]["base_channels"], config["seed"], config["trainer"]["max_epochs"]) == (4, 3, EPOCHS)
    run_config = config["run"]
    assert (run_config["stage"], run_config["overrides"], run_config["seed"]) == ("band", ["seed=3"], 3)
    assert {"version", "commit", "torch", "date"} <= set(run_config)
    assert "${" not in json.dumps(config)


def test_the_history_holds_what_the_table_on_disk_holds(band: Path) -> None:
    run, lines = recorded(band), (band / "csv" / "version_0" / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    assert {"train/loss", "train/ssim_full", "val/psnr", "learning_rate", "train/grad_norm"} < set(names)
    for name in set(names) - {"step", "epoch"}:
        expected = {int(row["step"]): float(row[name]) for row in rows if row[name]}
        assert run.column(name) == pytest.approx(expected)
        assert len(expected) == (EPOCHS if name.startswith("val/") else EPOCHS * STEPS / 2)


def test_the_summary_holds_the_best(band: Path) -> None:
    run, best = recorded(band), load(band / "band.pt").provenance
    column = run.column("val/psnr")
    assert run.summary["best/val/psnr"] == pytest.approx(max(column.values()))
    assert run.summary["best/step"] == best["steps"] == max(column, key=lambda step: column[step]) + 1
    assert run.summary["best/epoch"] == best["steps"] / STEPS
    summaries = {metric.name: metric.summary for metric in run.about("metric")}
    assert all(
        (summaries[name].max, summaries[name].min) == (better == "max", better == "min")
        for name, better in BETTER.items()
    )
    assert run.summary["val/psnr"]["max"] == pytest.approx(max(column.values()))


def test_the_images_are_those_on_disk(band: Path) -> None:
    run = recorded(band)
    for number, scene in enumerate(("scene_000", "scene_001"), start=1):
        shown = run.column(f"images/{number}")
        assert list(shown) == [STEPS, EPOCHS * STEPS]
        for epoch, image in enumerate(shown.values(), start=1):
            assert image["captions"] == [scene]
            with Image.open(run.folder / "files" / image["filenames"][0]) as opened:
                on_disk = read_rgb(band / "images" / f"epoch_{epoch:03d}" / f"{scene}.png")
                assert np.array_equal(np.asarray(opened), on_disk)


def test_what_was_published_and_the_data_are_artifacts(band: Path) -> None:
    dataset, network = recorded(band).artifacts
    fingerprint, artifact = load(band / "band.pt").trained_on[0], load(band / "band.pt")
    assert (dataset.name, dataset.type) == ("synthetic-train", "dataset")
    assert fingerprint["identity"] in dataset.aliases
    (file,) = dataset.manifest.contents
    assert json.loads(Path(file.local_path).read_text()) == fingerprint
    assert (network.name, network.type) == ("band", "model")
    assert identity(artifact.network) in network.aliases
    assert json.loads(network.metadata)["identity"] == identity(artifact.network)
    (file,) = network.manifest.contents
    assert (file.path, Path(file.local_path)) == ("band.pt", band / "band.pt")


def test_lineage_leads_from_stage_to_stage(band: Path, recompose: Path) -> None:
    first, second = recorded(band), recorded(recompose)
    lineage = second.config["lineage"]
    assert lineage["band"] == {"path": str(band / "band.pt"), "identity": lineage["band"]["identity"]}
    assert lineage["band"]["identity"] in first.artifacts[-1].aliases
    assert lineage["quality"]["identity"] == second.config["run"]["used"]["quality"]
    assert lineage["datasets"].items() >= first.config["lineage"]["datasets"].items()
    assert {one.name for one in second.artifacts} == {"recompose", "synthetic-train", *_names(lineage["datasets"])}


def _names(datasets: dict[str, str]) -> set[str]:
    return {name.replace("/", "-") for name in datasets}


def test_pairs_and_photos_of_stage_2_are_shown_apart(recompose: Path) -> None:
    logged = {name for row in recorded(recompose).history for name in row if name.startswith("images/")}
    assert logged == {f"images/{kind}/{number}" for kind in ("pairs", "photos") for number in (1, 2)}


def test_every_figure_of_the_workspace_is_one_that_a_stage_logs(band: Path, recompose: Path, folder: Path) -> None:
    published(folder / "quality" / "artifacts")
    words = ("logger=wandb", "trainer.max_epochs=1", "trainer.log_every_n_steps=1")
    train(tiny_photos(folder / "quality", "quality", *words), "quality", [], publish=False)
    rows = [row for run in (band, folder / "quality", recompose) for row in recorded(run).history]
    logged = {name for row in rows for name in row}
    weighted = {
        "train/colour",
        "train/guess",
        "train/ranking",
        "train/clipping",
    }  # logged where their weights are above 0
    unseen = {"val/auroc_unseen", "val/spearman_unseen"}  # logged where kinds of degradation are held out
    taught = {"guess/before", "guess/after"}  # logged where a first guess is taught by itself
    assert set(all_figures()) - logged == {GPU_MEMORY} | weighted | unseen | taught
    assert {name for name in logged if name.startswith(("train/", "val/"))} <= set(all_figures())


def test_tensorboard_hears_of_configuration_and_best(band: Path) -> None:
    (events,) = (band / "tensorboard").rglob("events.out.*")
    log = EventAccumulator(str(events))
    log.Reload()
    assert [one.value for one in log.Scalars("hp_metric")][-1] == pytest.approx(
        load(band / "band.pt").provenance["figures"]["val/psnr"]
    )
    assert "_hparams_/session_start_info" in log.Tags()["tensors"] or log.PluginTagToContent("hparams")
    assert "seed: 3" in (events.parent / "hparams.yaml").read_text()


def test_disabled_leaves_nothing(folder: Path) -> None:
    words = ("logger=wandb", "logger.wandb.mode=disabled", "trainer.max_epochs=1")
    train(tiny(folder / "disabled", *words), "band", [], publish=False)
    assert wandb.run is None
    assert not (folder / "disabled" / "wandb").exists()
    assert (folder / "disabled" / "band.pt").exists()


def test_two_runs_in_a_process_are_two_and_a_failed_one_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diverging = ("stage.optimizer.lr=1e30", "stage.scheduler=null")
    words = ("logger=wandb", "trainer.max_epochs=1", "callbacks.images=null")
    with pytest.raises(DRBNError, match="step 2"):
        train(tiny(folder / "first", *words, *diverging), "band", [], publish=False)
    assert wandb.run is None
    train(tiny(folder / "second", *words), "band", [], publish=False)
    first, second = recorded(folder / "first"), recorded(folder / "second")
    assert first.run.run_id != second.run.run_id
    assert (first.exit_codes, second.exit_codes) == ([1], [0])
    (alert,) = first.about("alert")
    assert (alert.level, "not finite since step 2" in alert.text) == ("ERROR", True)
    assert second.about("alert") == []
    commands = [line for line in capsys.readouterr().out.splitlines() if "wandb sync" in line]
    assert [Path(line.split()[-1]).name for line in commands] == [first.folder.name, second.folder.name]


class Listener:
    """Stands for the whole network: W&B's server, and a proxy for everything else."""

    def __init__(self) -> None:
        self.heard, self.server = list[bytes](), socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            caller, _ = self.server.accept()
            self.heard.append(caller.recv(1000))
            caller.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            caller.close()


@pytest.mark.slow
def test_the_jobs_of_a_sweep_are_runs_of_one_group_and_nothing_asks_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    for name in ("WANDB_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, listener.url)
    for name in ("WANDB_MODE", "WANDB_API_KEY", "NETRC", "NO_PROXY", "no_proxy", "WANDB_ERROR_REPORTING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = ["stage=band", *TINY, *TINY_SCENES, "logger=wandb", "trainer.max_epochs=1", "stage.scheduler=null"]
    sweep = ["stage.optimizer.lr=1e30,1e-3", f"hydra.sweep.dir={tmp_path / 'many'}", "-m"]
    done = subprocess.run(
        [sys.executable, "-m", "drbn_lightning.train", *words, *sweep],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "diverged" in done.stderr
    failed, whole = (recorded(tmp_path / "many" / number) for number in ("0", "1"))
    assert (failed.exit_codes, whole.exit_codes) == ([1], [0])
    assert failed.run.run_group == whole.run.run_group != ""
    assert whole.run.run_group.endswith("many")
    assert list(whole.run.tags) == ["band", "synthetic", "sweep"]
    assert (failed.run.display_name, whole.run.display_name) == (
        "0 stage.optimizer.lr=1e+30", "1 stage.optimizer.lr=0.001",
    )  # fmt: skip
    assert listener.heard == []
