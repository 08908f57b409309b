from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.evaluation.report.images import write_figures, write_images
from drbn_lightning.evaluation.scoring import EvaluationImage, ScoredImage
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer
from drbn_lightning.visualization.panels import HEADING

CPU = torch.device("cpu")


def scored(height: int = 20, width: int = 24) -> ScoredImage:
    torch.manual_seed(1)
    low, normal = 0.1 * torch.rand(1, 3, height, width), torch.rand(1, 3, height, width)
    return ScoredImage(
        EvaluationImage("a.png", "a", low, thumbnails_of(low), normal), {"input": low[0], "band": normal[0]}, []
    )


def target() -> Tensor:
    normal = scored().image.normal
    assert normal is not None
    return normal[0]


def both(chained: bool = False) -> nn.Module:
    torch.manual_seed(2)
    band = DRBN(1, base_channels=2, growth_rate=1)
    return BandRecomposition(band, FlatRecomposer(channels=2, growth_rate=1, chained=chained)).eval()


def test_stage_1_has_a_strip_alone(tmp_path: Path) -> None:
    assert write_images(tmp_path / "a", scored(), DRBN(1, base_channels=2, growth_rate=1), CPU) == []
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert read_rgb(tmp_path / "a.png").shape == (20 + HEADING, 24 * 3, 3)


def test_without_a_target_or_a_network_there_is_a_strip_of_results(tmp_path: Path) -> None:
    without = scored()._replace(image=scored().image._replace(normal=None))
    assert write_images(tmp_path / "a", without, None, CPU) == []
    assert read_rgb(tmp_path / "a.png").shape == (20 + HEADING, 24 * 2, 3)


def test_stage_2_has_a_sheet_of_its_parts_as_well(tmp_path: Path) -> None:
    (sample,) = write_images(tmp_path / "a.b", scored(), both(), CPU)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.b.png", "a.b_stages.png"]
    assert read_rgb(tmp_path / "a.b_stages.png").shape == (2 * (20 + HEADING), 24 * 5, 3)
    assert torch.equal(sample["target"], target())
    with torch.no_grad():
        assert torch.equal(sample["stage 2"], both()(scored().image.low).full[0].clamp(0, 1))


def test_chained_bands_are_shown_as_they_are_weighed(tmp_path: Path) -> None:
    shown: list[Tensor] = []
    for chained in (False, True):
        (sample,) = write_images(tmp_path / "a", scored(), both(chained), CPU)
        with torch.no_grad():
            network = both(chained)
            assert isinstance(network, BandRecomposition)
            base = network.parts(scored().image.low)[1].residuals.base[0].clamp(0, 1)
        assert torch.equal(sample["base"], base)
        shown.append(base)
    assert not torch.equal(shown[0], shown[1])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_figures_have_a_row_for_each_sample(tmp_path: Path, count: int) -> None:
    samples = [write_images(tmp_path / "a", scored(), both(), CPU)[0] for _ in range(count)]
    assert write_figures(tmp_path / "figures", samples) is (count > 0)
    if not count:
        assert not (tmp_path / "figures").exists()
        return
    sizes = {file.name: read_rgb(file).shape for file in (tmp_path / "figures").iterdir()}
    rows = count * (20 + HEADING)
    assert sizes == {
        "figure_5_guidance.png": (rows, 24 * 4, 3),
        "figure_6_bands.png": (rows, 24 * 5, 3),
        "figure_7_weights.png": (rows, 24 * 5, 3),
    }
