"""Names of the figures that runs log, in one place: what a workspace shows, and which direction is the better one."""

from typing import Literal, NamedTuple


class Chart(NamedTuple):
    """Figures that belong into one chart."""

    title: str
    figures: tuple[str, ...]


STEP = "trainer/global_step"
"""Where W&B finds the step of a figure."""

GRADIENT_NORM = "train/grad_norm"
LEARNING_RATE = "learning_rate"
SPEED, MEMORY, GPU_MEMORY = "speed/images_per_second", "speed/memory_gib", "speed/gpu_memory_gib"
"""What depends on the machine and not on the training has the prefix `speed/`."""

CHARTS: dict[str, tuple[Chart, ...]] = {
    "Losses": (
        Chart("Loss", ("train/loss", "val/loss")),
        Chart(
            "Stage 1: terms",
            ("train/ssim_full", "train/ssim_half", "train/ssim_quarter", "train/l1", "train/colour", "train/guess"),
        ),
        Chart("First guess, taught by itself: mean absolute error", ("guess/before", "guess/after")),
        Chart("Discriminator: opinion of real and fake", ("train/real", "train/fake")),
        Chart("Discriminator: pairs in the wrong order", ("train/ranking",)),
        Chart("Stage 2: fidelity", ("train/detail", "train/perceptual")),
        Chart("Stage 2: quality", ("train/quality", "train/structure", "train/clipping", "train/discriminator")),
    ),
    "Validation": (
        Chart("PSNR, dB", ("val/psnr", "val/band_psnr", "train/psnr")),
        Chart("SSIM", ("val/ssim", "val/band_ssim")),
        Chart("Discriminator", ("val/auroc", "val/auroc_enhanced", "val/spearman")),
        Chart("Discriminator: ways of spoiling never seen", ("val/auroc_unseen", "val/spearman_unseen")),
        Chart("Stage 2: losses", ("val/fidelity", "val/unpaired")),
        Chart("Discriminator's opinion of real low-light photos", ("val/logit", "val/band_logit")),
    ),
    "Learning rate and gradients": (
        Chart("Learning rate", (LEARNING_RATE, f"{LEARNING_RATE}/pg1", f"{LEARNING_RATE}/pg2")),
        Chart("Norm of the gradients before clipping", (GRADIENT_NORM, f"{GRADIENT_NORM}_discriminator")),
    ),
    "Speed and memory": (
        Chart("Images per second", (SPEED,)),
        Chart("Memory at its peak, GiB", (MEMORY, GPU_MEMORY)),
    ),
}

IMAGES = "images"
"""W&B has the images of a validation as `images/1`, `images/2`, ..., or as `images/pairs/1`, ... and
`images/photos/1`, ... where there are pairs and photos."""

BETTER: dict[str, Literal["max", "min"]] = {
    "val/psnr": "max",
    "val/ssim": "max",
    "val/auroc": "max",
    "val/auroc_enhanced": "max",
    "val/spearman": "max",
    "val/auroc_unseen": "max",
    "val/spearman_unseen": "max",
    "val/logit": "max",
    "val/loss": "min",
    "val/fidelity": "min",
    "val/unpaired": "min",
}


def all_figures() -> list[str]:
    """Every figure of every chart."""
    return [figure for charts in CHARTS.values() for chart in charts for figure in chart.figures]


def image_key(folder: str, number: int) -> str:
    """Where W&B has an image.

    Example:
        >>> image_key("", 1), image_key("pairs/", 2)
        ('images/1', 'images/pairs/2')
    """
    return f"{IMAGES}/{folder}{number}"
