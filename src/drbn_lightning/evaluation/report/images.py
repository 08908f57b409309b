"""Images of an evaluation on disk: every method side by side, the parts of stage 2, figures like the paper's."""

from pathlib import Path

import torch
from torch import Tensor, nn

from drbn_lightning.evaluation.scoring import ScoredImage
from drbn_lightning.images.rgb import write_png
from drbn_lightning.networks.recomposition import BandRecomposition, is_chained
from drbn_lightning.visualization.panels import figure_5, figure_6, figure_7, sheet, stage2_panels, strip


def write_images(
    path: Path, scored: ScoredImage, network: nn.Module | None, device: torch.device
) -> list[dict[str, Tensor]]:
    """Write every method's result and the target, where there is one, side by side; bands and weights of stage 2 too.

    Args:
        path: where to, without a suffix.
        scored: the image and its results.
        network: the network of stage 1 or of both stages, on `device`; None where there is none.
        device: where the network runs.

    Returns:
        The panels of stage 2, for figures of several images.
    """
    low, target = scored.image.low, scored.image.normal
    normal = None if target is None else target[0]
    write_png(
        path.with_name(f"{path.name}.png"), strip(scored.results | ({} if normal is None else {"target": normal}))
    )
    if not isinstance(network, BandRecomposition):
        return []
    with torch.inference_mode():
        bands, recomposed = network.parts(low.to(device), scored.image.thumbnail.to(device))
    chained = is_chained(network.recomposer)
    sample = stage2_panels(
        low[0], bands, recomposed.recomposition_weights, recomposed.image[0], normal, chained=chained
    )
    write_png(path.with_name(f"{path.name}_stages.png"), sheet(sample))
    return [sample]


def write_figures(folder: Path, samples: list[dict[str, Tensor]]) -> bool:
    """Write figures like the paper's 5, 6 and 7 of panels of stage 2; say whether there were any."""
    figures = {"5_guidance": figure_5, "6_bands": figure_6, "7_weights": figure_7}
    for name, figure in figures.items() if samples else ():
        write_png(folder / f"figure_{name}.png", figure(samples))
    return bool(samples)
