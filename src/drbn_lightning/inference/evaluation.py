"""Judging methods on pairs, picture by picture."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.batches import PairBatch
from drbn_lightning.inference.baselines import gamma_curve
from drbn_lightning.metrics.bootstrap import paired
from drbn_lightning.metrics.fidelity import psnr, ssim, to_8_bit

Method = Callable[[Tensor, Tensor], Tensor]
DEFINITIONS = (
    "PSNR in dB over RGB, result rounded to 8 bits; SSIM over RGB, Gaussian 11, sigma 1.5, reflected borders, "
    "result rounded to 8 bits"
)


class Score(NamedTuple):
    """Figures of one picture by one method: `psnr` in dB, `ssim` at most 1."""

    picture: str
    method: str
    psnr: float
    ssim: float


class Judged(NamedTuple):
    """A pair, every method's result of it (`(3, H, W)`, 8-bit values in [0, 1]), and their scores."""

    batch: PairBatch
    results: dict[str, Tensor]
    scores: list[Score]


def network_method(network: nn.Module, device: torch.device) -> Method:
    """A band network as a method: its full band, by channels-last float32 inference."""
    network = network.to(device).to(memory_format=torch.channels_last).eval()

    def enhance(low: Tensor, low_mean: Tensor) -> Tensor:
        picture = low.to(device, memory_format=torch.channels_last)
        full: Tensor = network(picture, low_mean.to(device)).full
        return full.cpu()

    return enhance


def input_method(low: Tensor, low_mean: Tensor) -> Tensor:
    """The input as it is."""
    return low


def gamma_method(gamma: float) -> Method:
    """One gamma curve for all pictures."""
    return lambda low, low_mean: gamma_curve(low, gamma)


@torch.inference_mode()
def judge(methods: dict[str, Method], batches: Iterable[PairBatch]) -> Iterator[Judged]:
    """Run every method on every picture.

    Args:
        methods: by name; each maps `(low, low_mean)` to a picture.
        batches: one picture each.

    Yields:
        Results and scores, picture by picture.
    """
    for batch in batches:
        results, scores = {}, []
        for name, method in methods.items():
            result = method(batch.low, batch.low_mean)
            figures = psnr(result, batch.normal).item(), ssim(result, batch.normal).item()
            scores.append(Score(batch.name[0], name, *figures))
            results[name] = to_8_bit(result[0])
        yield Judged(batch, results, scores)


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are numbers; not a number where there is none.

    Example:
        >>> mean([1.0, float("nan"), 3.0])
        2.0
    """
    numbers = [value for value in values if value == value]
    return sum(numbers) / len(numbers) if numbers else float("nan")


def table(scores: list[Score]) -> str:
    """Scores as a text table: a row for each picture, PSNR and SSIM of each method, and the means last."""
    methods = list(dict.fromkeys(score.method for score in scores))
    pictures = list(dict.fromkeys(score.picture for score in scores))
    found = {(score.picture, score.method): score for score in scores}
    width = max(len(name) for name in [*pictures, "picture"])
    lines = ["picture".ljust(width) + "".join(f"  {name:>16}" for name in methods)]
    lines.append(" " * width + "  PSNR dB     SSIM" * len(methods))
    for picture in pictures:
        cells = [found[picture, method] for method in methods]
        lines.append(picture.ljust(width) + "".join(f"  {cell.psnr:7.2f}  {cell.ssim:7.4f}" for cell in cells))
    means = [(mean(s.psnr for s in of), mean(s.ssim for s in of)) for of in _by_method(scores, methods)]
    lines.append("mean".ljust(width) + "".join(f"  {first:7.2f}  {second:7.4f}" for first, second in means))
    return "\n".join(lines)


def difference(scores: list[Score], first: str, second: str) -> str:
    """One line on what a second method changes on the same pictures, with bootstrap intervals of 95 %.

    Example:
        >>> scores = [Score("a", "band", 20.0, 0.8), Score("a", "recompose", 21.0, 0.7)]
        >>> scores += [Score("b", "band", 10.0, 0.6), Score("b", "recompose", 11.0, 0.5)]
        >>> difference(scores, "band", "recompose")
        'recompose - band: PSNR +1.00 dB [+1.00, +1.00], SSIM -0.1000 [-0.1000, -0.1000] (2 pictures, paired bootstrap)'
    """
    one, two = _by_method(scores, [first, second])
    gain = paired([score.psnr for score in one], [score.psnr for score in two])
    change = paired([score.ssim for score in one], [score.ssim for score in two])
    parts = [
        f"PSNR {gain.mean:+.2f} dB [{gain.low:+.2f}, {gain.high:+.2f}]",
        f"SSIM {change.mean:+.4f} [{change.low:+.4f}, {change.high:+.4f}]",
    ]
    return f"{second} - {first}: {', '.join(parts)} ({len(one)} pictures, paired bootstrap)"


def as_csv(scores: list[Score]) -> str:
    """Scores as CSV, a row for each picture and method."""
    rows = ((score.picture, score.method, f"{score.psnr:.4f}", f"{score.ssim:.5f}") for score in scores)
    return csv_text(Score._fields, rows)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV.

    Example:
        >>> csv_text(["picture", "method"], [["a, b", "input"]]).splitlines()
        ['picture,method', '"a, b",input']
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _by_method(scores: list[Score], methods: list[str]) -> list[list[Score]]:
    return [[score for score in scores if score.method == method] for method in methods]
