"""Caches whose bytes changed, folders of results by any names, and overrides of any kind."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.predictions import Size, match
from drbn_lightning.images.rgb import read_rgb, write_png
from drbn_lightning.overrides import misread
from drbn_lightning.runs import labels
from tests.reliability.fuzzing import INPUTS, TIMEOUT, settings_of, told
from tests.reliability.mutations import Step, changed, steps
from tests.reliability.seeds import Seed, colours

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(TIMEOUT)]


def test_changed_caches(tmp_path: Path) -> None:
    """Whatever became of a cache, its images are those of the files."""
    paths = [tmp_path / "photos" / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        write_png(path, colours()[number:])
    images = [torch.from_numpy(read_rgb(path)).permute(2, 0, 1) for path in paths]
    folder, counts = tmp_path / "cache", Counter[str]()
    ImageCache.open(folder, paths)
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}

    @settings_of(INPUTS.caches)
    @given(st.sampled_from(sorted(kept)), steps(3), st.booleans())
    def check(name: str, plan: list[Step], after: bool) -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        for file, content in kept.items():
            (folder / file).write_bytes(content)
        cache = ImageCache.open(folder, paths) if after else None  # mapped before it changes
        seed = Seed(name, "", kept[name])
        content = changed(seed, plan, [Seed(other, "", value) for other, value in kept.items()], mend=False)
        if after:
            content = content[: len(kept[name])].ljust(len(kept[name]), b"\0")  # what is mapped cannot be cut
        (folder / name).write_bytes(content)
        found = cache or ImageCache.open(folder, paths)
        assert all(torch.equal(found[number], image) for number, image in enumerate(images))
        counts["changed while open" if after else "changed before"] += 1

    with told("changed caches", counts):
        check()


PARTS = st.sampled_from(
    ["low", "normal", "1", "01", "a", "_", " ", "-", "00001_00_0.1s", "é", "\x1b[2J", "..", "GT", "'"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("".join)


def test_folders_of_results(tmp_path: Path) -> None:
    """Every image has the one result of its key, or the folder is refused."""
    counts = Counter[str]()
    generator = random.Random(0)

    @settings_of(INPUTS.predictions)
    @given(st.lists(st.tuples(NAMES, st.sampled_from([".png", ".PNG", ".txt"])), max_size=4), st.integers(0, 3))
    def check(names: list[tuple[str, str]], missing: int) -> None:
        folder = tmp_path / "results"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for stem, suffix in names:
            write_png(folder / f"{stem}{suffix}", colours()[:4, : 4 + generator.randrange(20) // 19])
        wanted = [Size(f"{stem}{suffix}", stem.lower(), 4, 4) for stem, suffix in names[missing:]]
        try:
            found = match(folder, wanted)
        except DRBNError as error:
            message = str(error)
        else:
            message = ""
        if message:
            assert str(folder) in message
            counts["refused"] += 1
            return
        assert set(found) == {image.key for image in wanted}
        assert all(read_rgb(file).shape == (4, 4, 3) for file in found.values())
        counts["matched"] += 1

    with told("folders of results", counts):
        check()


KEYS = st.sampled_from(
    ["stage", "data", "data.root", "data.length", "network", "network.recursions", "unpaired", "trainer",
     "trainer.max_epochs", "experiment", "checkpoint", "predictions", "metrics", "hydra.run.dir",
     "uses.band", "seed", "paths.cache", "nothing", "stage.optimizer.lr", "callbacks", "adversary",
     "test_sets", "quality_model", "data@x", "a.b.c", "", "logger", "_target_"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ["band", "quality", "recompose", "lol_v1", "null", "[]", "[1,2]", "{a: 1}", "${seed}",
         "${oc.env:HOME}", "1,2", "a b", "'", '"', "[", "{", "${", "..", "/etc/passwd", "\\", "=",
         "1e400", "-1", "true", "nan", "range(1,3)", "glob(*)", "\x1b[2J", "${nothing}",
         "${oc.decode:x}", "a\nb", "choice(1,2)", "built_in", "synthetic", "all", "@", "none"]
    ),
    st.text(max_size=8),
    st.integers().map(str),
)  # fmt: skip
SIGNS = st.sampled_from(["", "", "", "", "+", "++", "~"])


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_overrides(command: str) -> None:
    """Each one is composed, or answered by what becomes one clear error: ours, or Hydra's."""
    counts = Counter[str]()
    labels.register()

    @settings_of(INPUTS.overrides)
    @given(st.lists(st.tuples(SIGNS, KEYS, VALUES), min_size=1, max_size=3))
    def check(given: list[tuple[str, str, str]]) -> None:
        words = [f"{sign}{key}={value}" for sign, key, value in given]
        trouble = misread(words)
        if trouble is not None:
            counts["refused before Hydra"] += 1
            return
        kept = [word for word in words if not word.lstrip("+~").startswith("hydra.")]
        try:
            with initialize_config_module("drbn_lightning.conf", version_base="1.3"):
                OmegaConf.to_yaml(compose(command, overrides=kept))
            counts["composed"] += 1
        except (HydraException, OmegaConfBaseException):
            counts["refused by Hydra"] += 1

    with told(f"overrides of {command}", counts):
        check()
