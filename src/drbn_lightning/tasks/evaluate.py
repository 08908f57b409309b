"""Evaluating networks and other methods, from the configuration to the report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf

from drbn_lightning.assembly import build, build_unpaired
from drbn_lightning.baselines.catalog import input_method
from drbn_lightning.checkpoints.artifact import Artifact, identity, load
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel, model_of
from drbn_lightning.checkpoints.pretrained import pretrained_path
from drbn_lightning.data.datamodule import PairDataModule
from drbn_lightning.data.photo_folder import LoosePhotos
from drbn_lightning.errors import DRBNError, OptionError
from drbn_lightning.evaluation import quality
from drbn_lightning.evaluation.leakage import notes
from drbn_lightning.evaluation.methods import (
    EvaluatedMethod,
    choose_baselines,
    chosen_baselines,
    merged,
    methods_of,
    names_of,
    of_different_names,
)
from drbn_lightning.evaluation.predictions import predictions
from drbn_lightning.evaluation.report.files import Report, write_report, write_text
from drbn_lightning.evaluation.report.images import write_figures
from drbn_lightning.evaluation.scoring import EvaluationImage, network_method
from drbn_lightning.evaluation.test_set import ImageSet, Output, evaluate_set, mean_psnr, sizes_of
from drbn_lightning.images.folders import unused
from drbn_lightning.images.rgb import write_png
from drbn_lightning.inference.runtimes.precision import choose_device
from drbn_lightning.metrics.catalog import choose_columns
from drbn_lightning.terminal import say
from drbn_lightning.types import TensorMethod
from drbn_lightning.visualization.panels import strip


def evaluate(config: DictConfig, command: Sequence[str] = ()) -> float:
    """Evaluate checkpoints and other people's results beside the baselines.

    Args:
        config: the configuration of `conf/evaluate.yaml`.
        command: what the user changed on the command line, for the record.

    Returns:
        The mean PSNR in dB of the first checkpoint on the first data set, or the AUROC of a discriminator.

    Raises:
        DRBNError: a checkpoint, the data or the configuration is wrong.
    """
    require_counts(config)
    device = choose_device(config.device)
    paths = choose_checkpoints(config)
    artifacts = {path: load(path) for path in paths.values()}
    first = next(iter(artifacts.values()), None)
    if len(artifacts) == 1 and first is not None and first.stage == "quality":
        return evaluate_discriminator(config, first, device)
    models = {path: model_of(artifact, path, config.band) for path, artifact in artifacts.items()}
    named = {name or models[path].stage: path for name, path in paths.items()}
    main = next(iter(named), None)
    learned = networks(named, models, device)
    optional = (dict(config.lpips or {}), config.no_reference or [], dict(config.parameters or {}))
    columns = choose_columns(config.metrics or [], config.shave, *optional)
    output, outcomes, everybody = Path(config.paths.output_dir), [], dict[str, EvaluatedMethod]()
    sets = image_sets(config)
    for test_set in sets:
        methods = of_different_names([*others(config, test_set), *learned])
        if not methods:
            raise DRBNError(
                f"no method is to be evaluated on {test_set.name}: name a checkpoint, predictions or baselines"
            )
        everybody |= {method.name: merged(everybody.get(method.name), method) for method in methods}
        beside = output / "images" / (test_set.name.replace("/", "_") if len(sets) > 1 else "")
        shown = Output(beside, config.images, config.report_images, device)
        outcomes.append(evaluate_set(test_set, methods, columns, main or methods[-1].name, shown))
    write_report(Report(output, outcomes, list(everybody.values()), columns, device, list(command)), say)
    if write_figures(output / "figures", [sample for outcome in outcomes for sample in outcome.samples]):
        say(f"written: {output / 'figures'}")
    if config.quality_model is not None:
        score_photos(config, learned, models, device)
    return mean_psnr(outcomes[0], main or methods[-1].name)


def require_counts(config: DictConfig) -> None:
    """Raise a DRBNError where a number of images or pixels is none."""
    for key in ("shave", "images", "report_images"):
        if not isinstance(config[key], int) or isinstance(config[key], bool):
            raise DRBNError(f"{key}={config[key]} is no whole number; give 0 or more")


def networks(
    named: dict[str, Path], models: dict[Path, EnhancementModel], device: torch.device
) -> list[EvaluatedMethod]:
    """The networks of all checkpoints, stage 1 before stage 2, each once."""
    identities: set[str] = set()
    return [
        method for name, path in named.items() for method in methods_of(name, path, models[path], device, identities)
    ]


def others(config: DictConfig, test_set: ImageSet) -> list[EvaluatedMethod]:
    """Baselines, then results in folders: what has to do with one data set.

    Raises:
        DRBNError: a baseline is unknown, a folder does not fit the test images, or there is no method to evaluate.
    """
    folders = named_paths(config.predictions, "predictions")
    sizes = sizes_of(test_set.images() if folders else ())
    names = chosen_baselines(config.baselines or [])
    methods = choose_baselines(names, test_set.images(), test_set.has_targets)
    for name, folder in folders.items():
        own = folder / test_set.name.replace("/", "_")
        methods.append(predictions(name, own if own.is_dir() else folder, sizes))
    return methods


def image_sets(config: DictConfig) -> list[ImageSet]:
    """Those of `test_sets`, and `data` and `photos` where they are asked for; the built-in scenes where nothing is."""
    sets = {str(name): build(config.datasets, str(name)) for name in config.datasets}
    if config.data_is_asked_for or not (sets or config.photos):
        sets[""] = build(config, "data")
    image_sets = [_pairs(name, data) for name, data in sets.items()]
    if config.photos is not None:
        loose = LoosePhotos(Path(config.photos))
        image_sets.append(ImageSet("photos", loose.fingerprint(), lambda: _loose(loose), has_targets=False))
    return image_sets


def _pairs(name: str, data: PairDataModule) -> ImageSet:
    try:
        data.setup("test")
    except OptionError as error:
        raise error.below(f"datasets.{name}" if name else "data") from None
    tested = data.tested_on()
    return ImageSet(
        name or tested.name, tested, lambda: (EvaluationImage.of_pair(batch) for batch in data.test_dataloader())
    )


def _loose(photos: LoosePhotos) -> Iterator[EvaluationImage]:
    return (EvaluationImage(photo.name, photo.key, photo.low, photo.thumbnail, None) for photo in photos)


def evaluate_discriminator(config: DictConfig, artifact: Artifact, device: torch.device) -> float:
    """Compare a discriminator's scores with people's, on the photos held out for testing. Returns the AUROC.

    Raises:
        DRBNError: no high-MOS photo is held out for testing.
    """
    data = build_unpaired(config)
    data.setup("test")
    network = artifact.network.to(device)
    ratings = quality.score_ratings(data.test_dataloader(), network, device)
    if "high" not in ratings.kinds:
        raise DRBNError(
            f"checkpoint={config.checkpoint} has nothing to score: no high-MOS photo is held out for testing; "
            "choose unpaired=... with some, or raise unpaired.test_photos or unpaired.test_share"
        )
    say(quality.ratings_table(ratings))
    return quality.ratings_auroc(ratings)


def score_photos(
    config: DictConfig, learned: list[EvaluatedMethod], models: dict[Path, EnhancementModel], device: torch.device
) -> None:
    """Score the networks' results on real low-light photos, held out for testing, by a discriminator: `photos.csv`."""
    artifact = load(config.quality_model, "quality")
    used = [part.provenance.get("used", {}) for model in models.values() for part in model.parts.values()]
    if any(identity(artifact.network) in identities.values() for identities in used):
        say(f"note: {config.quality_model} took part in the training of stage 2; one of another seed is a fairer one")
    data = build_unpaired(config)
    data.setup("test")
    for note in notes(learned, data.tested_on()):
        say(f"{'warning' if note.is_warning else 'note'}: {note.method}: {note.text}")
    output, scores, labels = Path(config.paths.output_dir), list[quality.PhotoScore](), set[str]()
    methods: dict[str, TensorMethod] = {"input": input_method}
    methods |= {method.name: network_method(method.network, device) for method in learned if method.network is not None}
    rated = quality.rate(methods, data.test_dataloader(), artifact.network.to(device), device)
    for number, photo in enumerate(rated):
        scores += photo.scores
        if number < config.images:
            write_png(output / "photos" / f"{unused(photo.batch.name[0], '', labels)}.png", strip(photo.results))
    if not scores:
        raise DRBNError(
            f"quality_model={config.quality_model} has nothing to score: no real low-light photo is held out for "
            "testing; choose unpaired=... with some (unpaired.real_low, or unpaired.real_low_test_photos of scenes)"
        )
    say(f"real low-light photos, scored by {config.quality_model}:\n{quality.table(scores)}\n{quality.DEFINITIONS}")
    say(f"written: {write_text(output / 'photos.csv', quality.as_csv(scores))}")
    ratings = quality.score_ratings(data.test_dataloader(), artifact.network, device)
    if ratings.kinds:
        say(f"the quality model itself, on held-out photos that people have rated:\n{quality.ratings_table(ratings)}")


def choose_checkpoints(config: DictConfig) -> dict[str, Path]:
    """The checkpoints to evaluate by name; a single one has none. By default the latest stage's published one.

    Without a published one it is the one that ships with the package. Where there are predictions, there is no default.

    Raises:
        DRBNError: there is none; the message says which command makes it.
    """
    if config.checkpoint is not None:
        paths = named_paths(config.checkpoint, "checkpoint")
        return paths if OmegaConf.is_config(config.checkpoint) else {"": Path(config.checkpoint)}
    if config.predictions is not None:
        return {}
    folder = Path(config.paths.artifacts)
    for stage in ("recompose", "band"):
        if (folder / f"{stage}.pt").exists():
            return {"": folder / f"{stage}.pt"}
    try:
        path = pretrained_path()
    except DRBNError:
        raise DRBNError(
            f"{folder / 'band.pt'} does not exist yet: train it with `python -m drbn_lightning.train stage=band`, "
            "or name another network by checkpoint=PATH"
        ) from None
    say(f"note: no checkpoint is named and {folder} holds none, so the one that ships with the package is evaluated")
    return {"": path}


def named_paths(setting: str | ListConfig | DictConfig | None, key: str) -> dict[str, Path]:
    """Paths by name: those given, or made of the files' names.

    Raises:
        DRBNError: a name has no path.
    """
    plain = OmegaConf.to_container(setting, resolve=True) if isinstance(setting, ListConfig | DictConfig) else setting
    if isinstance(plain, list):
        plain = names_of([str(path) for path in plain])
    elif not isinstance(plain, dict):
        plain = {} if plain is None else names_of([str(plain)])
    missing = [str(name) for name, path in plain.items() if path is None]
    if missing:
        raise DRBNError(f"{key}.{missing[0]} is null; give a path, or leave the name out")
    return {str(name): Path(str(path)) for name, path in plain.items()}
