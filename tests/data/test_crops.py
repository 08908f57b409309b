import pytest
import torch

from drbn_lightning.data.crops import Crop, centre_crop, cut, draw_crop, generator, require_room
from drbn_lightning.errors import DRBNError


def test_a_crop_is_a_function_of_its_keys() -> None:
    assert draw_crop(generator(1, 2, 3), 50, 60, 8) == draw_crop(generator(1, 2, 3), 50, 60, 8)
    assert len({draw_crop(generator(1, 2, index), 50, 60, 8) for index in range(20)}) == 20


def test_every_window_flip_and_turn_comes_up() -> None:
    crops = [draw_crop(generator(0, index), 10, 9, 8) for index in range(400)]
    assert {crop.top for crop in crops} == {0, 1, 2}
    assert {crop.left for crop in crops} == {0, 1}
    assert len({crop[3:] for crop in crops}) == 8


def test_cut_takes_the_window() -> None:
    image = torch.arange(3 * 5 * 6).reshape(3, 5, 6)
    assert torch.equal(cut(image, Crop(1, 2, 3, False, False, 0)), image[:, 1:4, 2:5])


def test_the_eight_turns_of_a_window_are_all_different() -> None:
    image = torch.arange(16).reshape(1, 4, 4)
    turned = {
        tuple(cut(image, Crop(0, 0, 4, a, b, c)).flatten().tolist())
        for a in (False, True)
        for b in (False, True)
        for c in (0, 1)
    }
    assert len(turned) == 8


def test_a_crop_as_large_as_the_image_is_the_image() -> None:
    crop = draw_crop(generator(0), 8, 8, 8)
    assert (crop.top, crop.left) == (0, 0)


def test_centre_crop_is_central_and_never_too_large() -> None:
    image = torch.arange(7 * 9).reshape(1, 7, 9)
    assert torch.equal(cut(image, centre_crop(7, 9, 3)), image[:, 2:5, 3:6])
    assert torch.equal(cut(image, centre_crop(7, 9, 100)), image)


@pytest.mark.parametrize(("size", "message"), [(11, r"b\.png .*20x10"), (0, "data.crop_size is 0")])
def test_refuses_a_crop_that_does_not_fit(size: int, message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        require_room(size, [("a.png", (3, 12, 12)), ("b.png", (3, 10, 20))])


def test_accepts_a_crop_that_fits() -> None:
    require_room(10, [("a.png", (3, 12, 12)), ("b.png", (3, 10, 20))])


def test_upright_crops_are_the_same_windows_mirrored_left_to_right_alone() -> None:
    for seed in range(20):
        turned, upright = (draw_crop(generator(seed), 30, 40, 16, upright=upright) for upright in (False, True))
        assert upright == turned._replace(upside_down=False, quarter_turns=0)
