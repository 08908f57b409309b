"""Judge a trained network on pairs: `python -m drbn_lightning.evaluate checkpoint=band.pt data=lol_v1`."""

from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from drbn_lightning.assembly import build_data
from drbn_lightning.batches import PairBatch
from drbn_lightning.command_line import guarded, say
from drbn_lightning.data.base import PairDataModule
from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.errors import DRBNError
from drbn_lightning.image_files import write_png, written_beside
from drbn_lightning.inference.baselines import GammaSearch
from drbn_lightning.inference.evaluation import (
    DEFINITIONS,
    Judged,
    Method,
    Score,
    as_csv,
    gamma_method,
    input_method,
    judge,
    mean,
    network_method,
    table,
)
from drbn_lightning.inference.panels import strip
from drbn_lightning.networks.checkpoint import Artifact, load


def evaluate(config: DictConfig) -> float:
    """Evaluate one checkpoint beside the baselines.

    Args:
        config: the configuration of `conf/evaluate.yaml`.

    Returns:
        The network's mean PSNR in dB.

    Raises:
        DRBNError: the checkpoint, the data or the configuration is wrong.
    """
    artifact = load_checkpoint(config)
    data = build_data(config)
    data.setup("test")
    warn_of_overlap(artifact, data)
    methods = choose_methods(config, artifact, data.test_dataloader())
    output, scores = Path(config.paths.output_dir), list[Score]()
    for number, judged in enumerate(judge(methods, data.test_dataloader())):
        scores += judged.scores
        if number < config.pictures:
            write_pictures(output / "pictures", judged)
    report(output, scores)
    return mean(score.psnr for score in scores if score.method == artifact.stage)


def load_checkpoint(config: DictConfig) -> Artifact:
    """The network to judge; by default the stage's published one.

    Raises:
        DRBNError: there is none; the message says which command makes it.
    """
    path = Path(config.checkpoint or Path(config.paths.artifacts) / "band.pt")
    if config.checkpoint is None and not path.exists():
        raise DRBNError(
            f"{path} does not exist yet: train it with `python -m drbn_lightning.train stage=band`, "
            "or name another network by checkpoint=PATH"
        )
    return load(path)


def warn_of_overlap(artifact: Artifact, data: PairDataModule) -> None:
    """Say how many of the test pictures the network has seen in training, by content."""
    tested = data.tested_on()
    for about in artifact.trained_on:
        trained = Fingerprint.from_dict(about)
        seen = overlap(trained, tested)
        if seen:
            say(
                f"warning: {len(seen)} of the {tested.count} pictures of {tested.name} were seen in training "
                f"({trained.name}), for example {seen[0]}; the figures are too good"
            )


def choose_methods(config: DictConfig, artifact: Artifact, pairs: DataLoader[PairBatch]) -> dict[str, Method]:
    """The baselines asked for, and the network under the name of its stage.

    Raises:
        DRBNError: a baseline is unknown.
    """
    methods: dict[str, Method] = {}
    for name in config.baselines:
        if name == "input":
            methods[name] = input_method
        elif name == "gamma":
            search = GammaSearch()
            for batch in pairs:
                search.add(batch)
            methods[f"best gamma {search.best():.2f}"] = gamma_method(search.best())
        else:
            raise DRBNError(f"baselines holds {name!r}; there are input and gamma")
    return methods | {artifact.stage: network_method(artifact.network, choose_device(config.device))}


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one.

    Raises:
        DRBNError: there is no such device here.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DRBNError(f"device={name} does not work here ({str(error).splitlines()[0]}); use auto or cpu") from None
    return device


def write_pictures(folder: Path, judged: Judged) -> None:
    """Write input, every method's result and target side by side."""
    name = Path(judged.batch.name[0]).stem
    write_png(folder / f"{name}.png", strip(judged.results | {"target": judged.batch.normal[0]}))


def report(folder: Path, scores: list[Score]) -> None:
    """Print the table and write it as CSV."""
    say(table(scores))
    say(DEFINITIONS)
    path = folder / "scores.csv"
    with written_beside(path) as beside:
        beside.write_text(as_csv(scores))
    say(f"written: {path} and {folder / 'pictures'}")


@hydra.main(version_base="1.3", config_path="pkg://drbn_lightning.conf", config_name="evaluate")
@guarded
def main(config: DictConfig) -> float:
    """Evaluate as the command line says."""
    return evaluate(config)


if __name__ == "__main__":
    main()
