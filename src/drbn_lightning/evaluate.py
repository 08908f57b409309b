"""Judge a trained network: `python -m drbn_lightning.evaluate checkpoint=band.pt data=lol_v1`."""

from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from drbn_lightning.assembly import build_data, build_unpaired
from drbn_lightning.batches import PairBatch
from drbn_lightning.command_line import guarded, say
from drbn_lightning.data.base import SampleDataModule
from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.errors import DRBNError
from drbn_lightning.image_files import unused, write_png, written_beside
from drbn_lightning.inference import photos
from drbn_lightning.inference.baselines import GammaSearch
from drbn_lightning.inference.evaluation import (
    DEFINITIONS,
    Method,
    Score,
    as_csv,
    difference,
    gamma_method,
    input_method,
    judge,
    mean,
    network_method,
    table,
)
from drbn_lightning.inference.panels import strip
from drbn_lightning.inference.pictures import write_figures, write_pictures
from drbn_lightning.networks.checkpoint import Artifact, identity, load
from drbn_lightning.networks.whole import Whole, load_whole


def evaluate(config: DictConfig) -> float:
    """Evaluate one checkpoint, an enhancement network beside the baselines.

    Args:
        config: the configuration of `conf/evaluate.yaml`.

    Returns:
        The network's mean PSNR in dB, or the AUROC of a discriminator.

    Raises:
        DRBNError: the checkpoint, the data or the configuration is wrong.
    """
    path = choose_checkpoint(config)
    device = choose_device(config.device)
    artifact = load(path)
    if artifact.stage == "quality":
        return evaluate_discriminator(config, artifact, device)
    return evaluate_enhancement(config, load_whole(path, config.band), device)


def evaluate_enhancement(config: DictConfig, whole: Whole, device: torch.device) -> float:
    """Judge stage 1, or both stages, on pairs; with `judge`, real low-light photos as well. Returns the PSNR in dB."""
    data = build_data(config)
    data.setup("test")
    warn_of_overlap(whole, data)
    methods = choose_methods(config, whole, data.test_dataloader(), device)
    output, scores, labels = Path(config.paths.output_dir), list[Score](), set[str]()
    samples = list[dict[str, torch.Tensor]]()
    for number, judged in enumerate(judge(methods, data.test_dataloader())):
        scores += judged.scores
        if number < config.pictures:
            path = output / "pictures" / unused(judged.batch.name[0], "", labels)
            samples += write_pictures(path, judged, whole.network, device)
    report(output, scores, [stage for stage in ("band", whole.stage) if whole.stage != "band"])
    if write_figures(output / "figures", samples):
        say(f"written: {output / 'figures'}")
    if config.judge is not None:
        judge_photos(config, whole, device)
    return mean(score.psnr for score in scores if score.method == whole.stage)


def evaluate_discriminator(config: DictConfig, artifact: Artifact, device: torch.device) -> float:
    """Compare a discriminator's scores with people's, on the photos held out for testing. Returns the AUROC.

    Raises:
        DRBNError: no photo that people like is held out for testing.
    """
    data = build_unpaired(config)
    data.setup("test")
    network = artifact.network.to(device)
    ratings = photos.judge_ratings(data.test_dataloader(), network, device)
    if "high" not in ratings.kinds:
        raise DRBNError(
            f"checkpoint={config.checkpoint} has nothing to judge: no photo that people like is held out for testing; "
            "choose unpaired=... with some, or raise unpaired.test_photos or unpaired.test_share"
        )
    say(photos.ratings_table(ratings))
    return photos.ratings_auroc(ratings)


def judge_photos(config: DictConfig, whole: Whole, device: torch.device) -> None:
    """Score the results on real low-light photos, held out for testing, by a discriminator: `photos.csv`."""
    artifact = load(config.judge, "quality")
    if identity(artifact.network) in whole.parts[whole.stage].provenance.get("used", {}).values():
        say(f"note: {config.judge} took part in the training of stage 2; a judge from another seed is a fairer one")
    data = build_unpaired(config)
    data.setup("test")
    warn_of_overlap(whole, data)
    output, scores, labels = Path(config.paths.output_dir), list[photos.PhotoScore](), set[str]()
    methods = {"input": input_method} | network_methods(whole, device)
    rated = photos.rate(methods, data.test_dataloader(), artifact.network.to(device), device)
    for number, one in enumerate(rated):
        scores += one.scores
        if number < config.pictures:
            write_png(output / "photos" / f"{unused(one.batch.name[0], '', labels)}.png", strip(one.results))
    if not scores:
        raise DRBNError(
            f"judge={config.judge} has nothing to judge: no real low-light photo is held out for testing; choose "
            "unpaired=... with some (unpaired.real_low, or unpaired.real_low_test_photos of scenes)"
        )
    say(f"real low-light photos, judged by {config.judge}:\n{photos.table(scores)}\n{photos.DEFINITIONS}")
    write_text(output / "photos.csv", photos.as_csv(scores))
    ratings = photos.judge_ratings(data.test_dataloader(), artifact.network, device)
    if ratings.kinds:
        say(f"the judge itself, on held-out photos that people have rated:\n{photos.ratings_table(ratings)}")


def choose_checkpoint(config: DictConfig) -> Path:
    """The network to judge; by default the latest stage's published one.

    Raises:
        DRBNError: there is none; the message says which command makes it.
    """
    if config.checkpoint is not None:
        return Path(config.checkpoint)
    folder = Path(config.paths.artifacts)
    for stage in ("recompose", "band"):
        if (folder / f"{stage}.pt").exists():
            return folder / f"{stage}.pt"
    raise DRBNError(
        f"{folder / 'band.pt'} does not exist yet: train it with `python -m drbn_lightning.train stage=band`, "
        "or name another network by checkpoint=PATH"
    )


def warn_of_overlap(whole: Whole, data: SampleDataModule) -> None:
    """Say how many of the test pictures the network has seen in training, by content."""
    tested = data.tested_on()
    for about in whole.trained_on:
        trained = Fingerprint.from_dict(about)
        seen = overlap(trained, tested)
        if seen:
            say(
                f"warning: {len(seen)} of the {tested.count} pictures of {tested.name} were seen in training "
                f"({trained.name}), for example {seen[0]}; the figures are too good"
            )


def choose_methods(
    config: DictConfig, whole: Whole, pairs: DataLoader[PairBatch], device: torch.device
) -> dict[str, Method]:
    """The baselines asked for, and each stage's network under the name of its stage.

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
    return methods | network_methods(whole, device)


def network_methods(whole: Whole, device: torch.device) -> dict[str, Method]:
    """Stage 1 and, where there is one, stage 2."""
    networks = {"band": whole.parts["band"].network} | {whole.stage: whole.network}
    return {stage: network_method(network, device) for stage, network in networks.items()}


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


def report(folder: Path, scores: list[Score], stages: list[str]) -> None:
    """Print the table, and the difference between two `stages`, and write the scores as CSV."""
    say(table(scores))
    if stages:
        say(difference(scores, *stages))
    say(DEFINITIONS)
    write_text(folder / "scores.csv", as_csv(scores))


def write_text(path: Path, text: str) -> None:
    """Write a text file all or nothing, and say so."""
    with written_beside(path) as beside:
        beside.write_text(text)
    say(f"written: {path}")


@hydra.main(version_base="1.3", config_path="pkg://drbn_lightning.conf", config_name="evaluate")
@guarded
def main(config: DictConfig) -> float:
    """Evaluate as the command line says."""
    return evaluate(config)


if __name__ == "__main__":
    main()
