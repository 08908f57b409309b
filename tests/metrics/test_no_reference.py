import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.no_reference import (
    BY_PYIQA,
    NO_REFERENCE,
    brightness,
    clipped,
    colourfulness,
    pyiqa_metric,
)


def images() -> Tensor:
    return torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("metric", NO_REFERENCE.values(), ids=lambda metric: metric.key)
def test_plain_figures_are_per_image_and_of_the_8_bit_image(metric: Metric) -> None:
    image = (images() * 255).round() / 255
    both = metric.function(image)
    assert both.shape == (2,)
    assert both.tolist() == pytest.approx([metric.function(one[None]).item() for one in image], abs=1e-4)
    assert torch.equal(metric.function(image + 0.3 / 255), both)


def test_brightness_is_the_mean_luminance() -> None:
    image = images()
    red, green, blue = image.mean(dim=(2, 3)).T
    assert torch.allclose(brightness(image), 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-3)
    assert brightness(torch.zeros(1, 3, 1, 1)).item() == 0


def test_a_pixel_is_clipped_if_any_of_its_colours_is() -> None:
    image = torch.full((1, 3, 2, 4), 0.5)
    image[0, 0, 0, 0], image[0, 2, 0, 1], image[0, :, 1, 1] = 0.001, 1.2, 0.0
    assert clipped(image).item() == 37.5


def test_colourfulness_is_nothing_for_gray_and_grows_with_saturation() -> None:
    gray = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    image = images()
    pale = 0.5 * image + 0.5 * image.mean(dim=1, keepdim=True)
    assert colourfulness(gray).item() == 0
    assert (colourfulness(image) > 1.8 * colourfulness(pale)).all()


def test_colourfulness_of_two_colours_by_hand() -> None:
    image = torch.zeros(1, 3, 1, 2)
    image[0, 0, 0, 0] = image[0, 2, 0, 1] = 1  # red beside blue: opponents (255, 127.5) and (0, -255)
    spread = (127.5**2 + 191.25**2) ** 0.5
    strength = (127.5**2 + 63.75**2) ** 0.5
    assert colourfulness(image).item() == pytest.approx(spread + 0.3 * strength, rel=1e-5)


class Recorder(ModuleType):
    """Stands for pyiqa: remembers what it was asked for, and what it is shown."""

    __version__ = "0"

    def __init__(self) -> None:
        super().__init__("pyiqa")
        self.options: dict[str, object] = {}
        self.content = b""
        self.shown: list[Tensor] = []
        self.error: Exception | None = None

    def create_metric(self, name: str, **options: object) -> "Recorder":
        self.options = {"name": name, **options}
        if "pretrained_model_path" in options:
            self.content = Path(str(options["pretrained_model_path"])).read_bytes()
        if name == "piqe" and self.error:
            raise self.error
        return self

    def __call__(self, image: Tensor) -> Tensor:
        self.shown.append(image)
        if self.error:
            raise self.error
        return image.mean().double().reshape(1, 1)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorder:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "pyiqa", recorder)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return recorder


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(DRBNError, match=r"pyiqa.*drbn-lightning\[iqa\]"):
        pyiqa_metric("niqe")


def test_an_unknown_measure_is_named_with_the_known_ones() -> None:
    with pytest.raises(DRBNError, match=r"'brisque'.*niqe, ilniqe, piqe"):
        pyiqa_metric("brisque")


@pytest.mark.parametrize("name", ["niqe", "ilniqe"])
def test_parameters_come_from_the_file_or_the_cache_and_are_never_downloaded(
    recorder: Recorder, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "hub" / "pyiqa" / str(BY_PYIQA[name].file)
    with pytest.raises(DRBNError, match=rf"parameters\.{name}=PATH") as caught:
        pyiqa_metric(name)
    assert str(place) in str(caught.value)
    with pytest.raises(DRBNError, match=r"none\.mat"):
        pyiqa_metric(name, tmp_path / "none.mat")
    assert not recorder.options
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cached")
    (tmp_path / "own.mat").write_bytes(b"own")
    pyiqa_metric(name)
    assert recorder.content == b"cached"
    metric = pyiqa_metric(name, tmp_path / "own.mat")
    assert recorder.content == b"own"
    assert "own.mat" in metric.definition


def test_each_image_is_shown_by_itself_in_8_bits(recorder: Recorder) -> None:
    metric = pyiqa_metric("piqe")
    image = torch.rand(2, 3, 16, 20) + 0.2
    value = metric.function(image)
    assert value.dtype == torch.float32
    assert [tuple(one.shape) for one in recorder.shown] == [(1, 3, 16, 20)] * 2
    rounded = (image.clamp(0, 1) * 255).round() / 255
    assert torch.equal(torch.cat(recorder.shown), rounded)
    assert value.tolist() == pytest.approx(rounded.mean(dim=(1, 2, 3)).tolist(), abs=1e-5)


def test_images_without_a_figure_are_not_numbers(recorder: Recorder) -> None:
    metric = pyiqa_metric("piqe")
    assert metric.function(torch.rand(2, 3, 15, 20)).isnan().tolist() == [True, True]
    recorder.error = torch.linalg.LinAlgError("no texture")  # type: ignore[attr-defined]
    assert metric.function(torch.rand(1, 3, 16, 20)).isnan().tolist() == [True]


def test_what_pyiqa_cannot_read_is_an_error(recorder: Recorder, tmp_path: Path) -> None:
    recorder.error = ValueError("damaged")
    with pytest.raises(DRBNError, match="damaged"):
        pyiqa_metric("piqe")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"nothing")
    with pytest.raises(DRBNError, match=r"broken\.npz"):
        pyiqa_metric("niqe", broken)
    np.savez(broken, mean=np.zeros(3))
    with pytest.raises(DRBNError, match="mu_pris_param"):
        pyiqa_metric("niqe", broken)


@pytest.mark.reference
def test_niqe_by_pyiqa_itself(reference: Path) -> None:
    pytest.importorskip("pyiqa")
    metric = pyiqa_metric("niqe", reference / "weights" / "niqe_pris_params.npz")
    image = Image.open(reference / "data" / "photos" / "100039.jpg").convert("RGB")
    photo = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    noisy = photo + 0.2 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    good, bad = metric.function(torch.cat([photo, noisy])).tolist()
    assert good == pytest.approx(2.836, abs=0.01)
    assert bad > good + 3
    assert metric.function(torch.zeros(1, 3, 300, 300)).isnan().all()
    assert metric.function(torch.zeros(1, 3, 191, 300)).isnan().all()
