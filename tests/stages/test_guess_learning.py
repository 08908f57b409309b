from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.assembly import build_data
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.first_guess import Guess
from drbn_lightning.stages import guess_learning
from drbn_lightning.stages.guess_learning import SAMPLES, teach_guess
from drbn_lightning.tasks.train import train
from tests.data.samples import opened
from tests.running import equal, tiny, weights
from tests.stages.test_band import last

LEARNED = "network.first_guess=learned"
PREDICTOR = "guess.predictor."


def new() -> Guess:
    torch.manual_seed(1)
    return Guess("learned", mean=0.42, gain_limit=60.0, ceiling=1.5)


def scenes(count: int = 96) -> tuple[Tensor, Tensor]:
    """Thumbnails of scenes whose colour says how bright they ought to be: the blue ones half as much."""
    draw = torch.Generator().manual_seed(3)
    normal = torch.rand(count, 3, 48, 48, generator=draw) * 0.2
    blue = (torch.arange(count) % 2).bool()
    normal[:, 0] += 0.5
    normal[blue] = normal[blue].flip(1) * 0.5
    return normal * 0.05, normal


def predictor(path: Path) -> dict[str, Tensor]:
    return {name: value for name, value in weights(path).items() if name.startswith(PREDICTOR)}


def test_it_learns_what_scenes_look_like() -> None:
    guess = new()
    errors = teach_guess(guess, *scenes(), steps=80, seed=0)
    assert errors.after < 0.3 * errors.before
    low, normal = scenes(32)
    means = guess(low).mean(dim=(1, 2, 3)) / normal.mean(dim=(1, 2, 3))
    assert means.log().abs().max() < 0.25


def test_it_is_a_function_of_its_seed_and_leaves_the_global_generator_alone() -> None:
    first, second, third = new(), new(), new()
    low, normal = scenes()
    teach_guess(first, low, normal, steps=3, seed=5)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    nn.init.normal_(second.predictor.head[0].weight)  # type: ignore[union-attr, arg-type]  # what was known is forgotten
    torch.set_rng_state(before)
    teach_guess(second, low, normal, steps=3, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    teach_guess(third, low, normal, steps=3, seed=6)
    assert equal(first.state_dict(), second.state_dict())
    assert not equal(first.state_dict(), third.state_dict())


def test_batch_norm_is_folded_into_the_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    normalised: list[nn.Sequential] = []
    make = guess_learning._with_batch_norm

    def spy(features: nn.Sequential) -> nn.Sequential:
        normalised.append(make(features))
        return normalised[-1]

    wanted: list[Tensor] = []
    fold = guess_learning._fold
    images = torch.rand(2, 3, 48, 48)

    def compare(trained: nn.Sequential, plain: nn.Sequential) -> None:
        wanted.append(trained.eval()(images))
        fold(trained, plain)

    monkeypatch.setattr(guess_learning, "_with_batch_norm", spy)
    monkeypatch.setattr(guess_learning, "_fold", compare)
    guess = new()
    names = list(guess.state_dict())
    teach_guess(guess, *scenes(), steps=5, seed=0)
    assert list(guess.state_dict()) == names
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in normalised[0]) == 4
    torch.testing.assert_close(guess.predictor.features(images), wanted[0], atol=1e-4, rtol=1e-4)  # type: ignore[union-attr]


def test_a_stage_teaches_its_guess_first_and_then_leaves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny(tmp_path, LEARNED, "stage.guess_steps=3", "trainer.max_epochs=2")
    train(config, "band", [], publish=False)
    data = opened(build_data(config))
    alone = new().to(memory_format=torch.channels_last)  # as the stage keeps it
    teach_guess(alone, *data.thumbnails(SAMPLES), steps=3, seed=config.seed)
    taught = {name.removeprefix("guess."): value for name, value in predictor(tmp_path / "band.pt").items()}
    assert taught
    assert equal(taught, alone.state_dict())
    header = (tmp_path / "csv" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"guess/before", "guess/after"} <= set(header)
    assert "teaching the first guess: 3 steps\nits mean absolute error on 64 thumbnails: 0." in capsys.readouterr().out


def test_a_resumed_run_does_not_teach_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (LEARNED, "stage.guess_steps=2", "stage.scheduler=null")
    train(tiny(tmp_path, *options, "trainer.max_epochs=1"), "band", [], publish=False)
    taught = predictor(tmp_path / "band.pt")
    monkeypatch.setattr("drbn_lightning.stages.band.teach_guess", None)  # calling it would fail
    train(tiny(tmp_path, *options, "trainer.max_epochs=2", f"resume={last(tmp_path)}"), "band", [], publish=False)
    assert equal(predictor(tmp_path / "band.pt"), taught)


def test_the_guess_of_the_weights_to_start_from_can_be_kept(tmp_path: Path) -> None:
    train(tiny(tmp_path / "first", LEARNED, "stage.guess_steps=2"), "band", [], publish=False)
    start = tmp_path / "first" / "band.pt"
    train(tiny(tmp_path / "second", LEARNED, "stage.guess_steps=0", f"init={start}"), "band", [], publish=False)
    end = tmp_path / "second" / "band.pt"
    assert equal(predictor(end), predictor(start))
    assert not equal(weights(end), weights(start))


def test_thumbnails_are_the_same_whoever_loads_them(tmp_path: Path) -> None:
    config = tiny(tmp_path, "data.length=6", "data.num_workers=2")
    low, normal = opened(build_data(config)).thumbnails(10)
    assert low.shape == normal.shape == (10, 3, 48, 48)
    config.data.num_workers, config.data.batch_size = 0, 1
    again, _ = opened(build_data(config)).thumbnails(10)
    assert torch.equal(low, again)
    assert low.mean() < normal.mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("stage.guess_steps=5",), r"stage\.guess_steps .*network\.first_guess=learned"),
        ((LEARNED, "stage.guess_steps=-1"), r"stage\.guess_steps is -1"),
    ],
)
def test_steps_that_make_no_sense_are_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        train(tiny(tmp_path, *options), "band", [], publish=False)
