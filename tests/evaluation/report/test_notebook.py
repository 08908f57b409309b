import io

import pytest
import torch
from PIL import Image

from drbn_lightning.evaluation.report.notebook import Table, changes, means, side_by_side, smaller
from drbn_lightning.evaluation.scoring import Score
from drbn_lightning.evaluation.summary import Difference, Result, Row
from drbn_lightning.metrics.bootstrap import Interval
from drbn_lightning.metrics.catalog import choose_metrics


def found() -> Result:
    metrics = choose_metrics(["psnr"])
    scores = [Score("1", method, {"psnr": value}, 1.0) for method, value in (("input", 8.0), ("band", 19.0))]
    rows = [Row(score.method, {"psnr": Interval(score.figures["psnr"], 7.0, 20.0)}, None) for score in scores]
    return Result("a", None, scores, rows, [Difference("input", "band", {"psnr": Interval(11, 9, 13)})], [], metrics)


def test_images_are_stored_as_jpeg() -> None:
    row = {"dark": torch.zeros(3, 20, 40), "bright": torch.full((3, 20, 40), 2.0)}
    shown = side_by_side(row, row)
    with Image.open(io.BytesIO(shown._repr_jpeg_())) as image:
        assert (image.format, image.size) == ("JPEG", (80, 2 * (20 + 14)))
        assert image.getpixel((70, 30)) == (255, 255, 255)
        assert image.getpixel((10, 30)) == (0, 0, 0)


def test_smaller_images_are_averages_and_never_larger() -> None:
    image = torch.tensor([0.0, 1.0]).repeat(3, 4, 3)
    made = smaller({"wide": image, "narrow": image[..., :2]}, width=3)
    assert torch.equal(made["wide"], torch.full((3, 2, 3), 0.5))
    assert torch.equal(made["narrow"], image[..., :2])


def test_tables_show_intervals_and_signs() -> None:
    assert repr(means(found())).splitlines()[1:] == [
        "input     8.00 [7.00, 20.00]",
        "band      19.00 [7.00, 20.00]",
    ]
    assert "<td>band - input</td><td>+11.00 [+9.00, +13.00]</td>" in changes(found())._repr_html_()


def test_html_is_escaped() -> None:
    assert "<td>a &lt; b</td>" in Table(["what"], [["a < b"]])._repr_html_()


def test_rows_have_as_many_cells_as_there_are_headings() -> None:
    with pytest.raises(ValueError, match="2 cells: a, b"):
        Table(["a", "b"], [["1"]])
