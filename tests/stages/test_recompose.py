from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from drbn_lightning.batches import PairBatch, PhotoBatch, SemiSupervisedBatch, UnpairedBatch
from drbn_lightning.checkpoints.artifact import identity
from drbn_lightning.errors import DRBNError
from drbn_lightning.losses.adversarial import LogCriterion
from drbn_lightning.losses.perceptual import PerceptualLoss
from drbn_lightning.losses.recomposition import RecompositionLoss
from drbn_lightning.networks.bounded_recomposition import BoundedRecomposer
from drbn_lightning.networks.discriminator import Discriminator
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.frozen import Frozen
from drbn_lightning.networks.recomposition import FlatRecomposer, recompose_bands
from drbn_lightning.networks.vgg import VGG16Features
from drbn_lightning.stages.recompose import RecompositionLearning, opinion
from tests.running import loader, trainer

SIZE = 16


def batch(count: int = 2) -> SemiSupervisedBatch:
    torch.manual_seed(5)
    low, normal, high, dark = (torch.rand(count, 3, SIZE, SIZE) * scale for scale in (0.1, 1.0, 1.0, 0.15))
    pairs = PairBatch(low, normal, thumbnails_of(low), [str(number) for number in range(count)])
    return SemiSupervisedBatch(pairs, UnpairedBatch(high, None, dark, thumbnails_of(dark)))


def features(folder: Path) -> PerceptualLoss:
    """A perceptual loss with VGG16's layers, randomly filled."""
    torch.manual_seed(3)
    shapes = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128)}
    state = {f"features.{number}.weight": torch.randn(*shape, 3, 3) * 0.05 for number, shape in shapes.items()}
    state |= {f"features.{number}.bias": torch.zeros(shape[0]) for number, shape in shapes.items()}
    torch.save(state, folder / "vgg16.pth")
    return PerceptualLoss(weights=str(folder / "vgg16.pth"))


def stage(loss: RecompositionLoss | None = None, **changes: Any) -> RecompositionLearning:  # noqa: ANN401 of the stage
    torch.manual_seed(7)
    arguments: dict[str, Any] = {
        "network": FlatRecomposer(channels=4, growth_rate=2),
        "band": DRBN(1, base_channels=4, growth_rate=2),
        "discriminator": Discriminator(base_channels=2),
        "loss": loss or RecompositionLoss(),
        "criterion": LogCriterion(),
        "optimizer": lambda groups: torch.optim.Adam(groups, lr=1e-2),
        "discriminator_lr": 1e-3,
    }
    return RecompositionLearning(**(arguments | changes))


def fit(folder: Path, module: RecompositionLearning, **changes: Any) -> pl.Trainer:  # noqa: ANN401 of Lightning
    fitted = trainer(folder, **({"max_epochs": 2} | changes))
    fitted.fit(module, loader([batch()] * 3))
    return fitted


def gradients(module: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in module.parameters() if parameter.grad is not None]


class SteppedError(Exception):
    """The gradients are there."""


def step(module: RecompositionLearning, folder: Path) -> None:
    """Gradients of one training step, without its update."""
    caught: list[Tensor] = []

    class Stop(pl.Callback):
        def on_before_optimizer_step(self, *_: object) -> None:
            caught.extend(gradients(module))
            raise SteppedError

    with pytest.raises(SteppedError):
        fit(folder, module, callbacks=[Stop()])
    assert caught


pytestmark = pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning")


@pytest.mark.parametrize("adversary", ["joint", "frozen", "none"])
def test_stage_1_stays_as_it_is_bit_for_bit(adversary: str, tmp_path: Path) -> None:
    band = DRBN(1, base_channels=4, growth_rate=2)
    module = stage(band=band, adversary=adversary)
    before, recomposer = identity(band), identity(module.network)
    fitted = fit(tmp_path, module)
    assert identity(band) == before
    assert identity(module.network) != recomposer
    assert not band.training
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in band.parameters())
    own = {id(parameter) for group in fitted.optimizers[0].param_groups for parameter in group["params"]}
    assert not own & {id(parameter) for parameter in band.parameters()}
    fitted.save_checkpoint(tmp_path / "run.ckpt")
    names = torch.load(tmp_path / "run.ckpt", weights_only=True)["state_dict"]
    assert {name.split(".")[0] for name in names} == {"network", "discriminator"} - (
        set() if adversary == "joint" else {"discriminator"}
    )


@pytest.mark.parametrize("adversary", ["joint", "frozen"])
def test_the_recomposer_learns_through_the_discriminator(adversary: str, tmp_path: Path) -> None:
    module = stage(RecompositionLoss(detail_weight=0), adversary=adversary)
    step(module, tmp_path)
    assert sum(float(gradient.abs().sum()) for gradient in gradients(module.network)) > 0


def test_the_recomposer_learns_through_vgg(tmp_path: Path) -> None:
    module = stage(RecompositionLoss(detail_weight=0, perceptual=features(tmp_path)), adversary="none")
    step(module, tmp_path)
    assert sum(float(gradient.abs().sum()) for gradient in gradients(module.network)) > 0


def test_the_generator_loss_puts_no_gradient_on_the_discriminator() -> None:
    module = stage()
    terms = module.adversarial_terms(torch.rand(2, 3, SIZE, SIZE), *batch())
    torch.autograd.backward(terms["quality"])
    assert module.discriminator is not None
    assert not gradients(module.discriminator)
    assert gradients(module.network)


def test_the_discriminator_loss_puts_no_gradient_on_the_recomposer() -> None:
    module = stage(quality_on_pairs=True, real_images="both")
    paired = module(batch().pairs.low)[1].image
    terms = module.adversarial_terms(paired, *batch())
    torch.autograd.backward(terms["discriminator"])
    assert module.discriminator is not None
    assert not gradients(module.network)
    assert len(gradients(module.discriminator)) == len(list(module.discriminator.parameters()))


def test_a_joint_discriminator_changes_nothing_in_the_recomposers_gradient(tmp_path: Path) -> None:
    joint, frozen = stage(adversary="joint"), stage(adversary="frozen")
    for module in (joint, frozen):
        step(module, tmp_path)
    pairs = list(zip(gradients(joint.network), gradients(frozen.network), strict=True))
    assert pairs
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_joint_discriminator_learns_to_tell_them_apart(tmp_path: Path) -> None:
    module = stage(RecompositionLoss(quality_weight=0), discriminator_lr=1e-2)
    assert module.discriminator is not None

    def margin() -> float:
        assert module.discriminator is not None
        with torch.no_grad():
            fake = module(batch().unpaired.real_low)[1].image
            return float((module.discriminator(batch().unpaired.high_mos) - module.discriminator(fake)).mean())

    before = margin()
    fit(tmp_path, module)
    assert margin() > before


def test_a_frozen_discriminator_stays_as_it_is(tmp_path: Path) -> None:
    network = Discriminator(base_channels=2, normalization="batch")
    before = identity(network)
    fit(tmp_path, stage(discriminator=network, adversary="frozen"))
    assert identity(network) == before


def test_both_networks_have_their_own_learning_rate(tmp_path: Path) -> None:
    groups = fit(tmp_path, stage()).optimizers[0].param_groups
    assert [group["lr"] for group in groups] == [1e-2, 1e-3]


def test_each_network_is_clipped_by_itself() -> None:
    module = stage()
    optimizer = torch.optim.Adam(module.trainable_parameters())
    for number, group in enumerate(optimizer.param_groups):
        for parameter in group["params"]:
            parameter.grad = torch.full_like(parameter, 1e-4 * 1e6**number)
    before = [gradient.clone() for gradient in gradients(module.network)]
    module.configure_gradient_clipping(optimizer, 1.0)
    assert all(torch.equal(one, other) for one, other in zip(before, gradients(module.network), strict=True))
    assert module.discriminator is not None
    norm = torch.stack([gradient.norm() for gradient in gradients(module.discriminator)]).norm()
    assert norm.item() == pytest.approx(1.0, rel=1e-3)


def test_vgg_is_loaded_once_for_all_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    before = VGG16Features.__init__

    def counted(self: VGG16Features, *values: Any, **more: Any) -> None:  # noqa: ANN401 of the network
        made.append(self)
        before(self, *values, **more)

    monkeypatch.setattr(VGG16Features, "__init__", counted)
    perceptual = features(tmp_path)
    (tmp_path / "vgg16.pth").unlink()
    fitted = fit(tmp_path, stage(RecompositionLoss(perceptual=perceptual)))
    assert fitted.current_epoch == 2
    assert len(made) == 1


def test_vgg_is_in_no_checkpoint(tmp_path: Path) -> None:
    module = stage(RecompositionLoss(perceptual=features(tmp_path)))
    assert not [name for name in module.state_dict() if name.startswith("loss")]
    assert len(list(module.parameters())) == len(list(module.network.parameters())) + len(
        list(module.discriminator.parameters() if module.discriminator else [])
    )


def test_the_terms_have_the_weights_asked_for(tmp_path: Path) -> None:
    image, normal = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE)
    one, two = (RecompositionLoss(weight, weight, weight, perceptual=features(tmp_path)) for weight in (1.0, 2.0))
    first, second = one.fidelity(image, normal), two.fidelity(image, normal)
    assert set(first) == {"detail", "perceptual"}
    for name, term in first.items():
        assert second[name].item() == pytest.approx(2 * term.item())
    assert two.quality(torch.tensor(3.0))["quality"].item() == 6.0
    assert set(RecompositionLoss(perceptual=None).fidelity(image, normal)) == {"detail"}


def test_mistakes_are_said() -> None:
    with pytest.raises(ValueError, match=r"stage\.adversary.*'both'"):
        stage(adversary="both")
    with pytest.raises(ValueError, match=r"stage\.scoring_mode.*'test'"):
        stage(scoring_mode="test")
    with pytest.raises(DRBNError, match="adversary=joint"):
        stage(discriminator=None)
    with pytest.raises(ValueError, match=r"stage\.loss"):
        RecompositionLoss(detail_weight=-1)


def test_an_adversary_needs_real_low_light_photos() -> None:
    module = stage()
    with pytest.raises(DRBNError, match=r"unpaired\.real_low"):
        module.adversarial_terms(torch.rand(2, 3, SIZE, SIZE), batch().pairs, None)


def photos() -> PhotoBatch:
    dark = batch().unpaired.real_low
    assert dark is not None
    return PhotoBatch(dark, thumbnails_of(dark), torch.full((2,), float("nan")), ["real_low"] * 2, ["a", "b"])


def validated(module: RecompositionLearning) -> dict[str, float]:
    """Figures of one pass over held-out photos."""
    module.validation_step(photos(), 0, 1)
    names = ("logit", "unpaired")
    return {name: float(module.figures[name].compute()) for name in names}  # type: ignore[operator]  # a metric


def test_epochs_are_compared_by_a_discriminator_that_does_not_move(tmp_path: Path) -> None:
    trained = Discriminator(base_channels=2).eval()
    before = identity(trained)
    module = stage(discriminator=trained)
    fit(tmp_path, module)
    assert isinstance(module.validating, Frozen)
    assert module.discriminator is not None
    published = module.validating.network
    assert identity(published) == before != identity(module.discriminator)
    module.eval()
    with torch.no_grad():
        image = module(photos().photo)[1].image
        expected = module.validating(image).mean().item(), module.discriminator(image).mean().item()
    assert validated(module)["logit"] == pytest.approx(expected[0], rel=1e-4)
    assert expected[0] != pytest.approx(expected[1], rel=1e-4)


def test_a_discriminator_that_only_begins_to_learn_has_no_say_in_which_epoch_is_best() -> None:
    figures = [validated(stage(RecompositionLoss(quality_weight=weight)).eval()) for weight in (0.0, 5.0)]
    assert figures[0] == figures[1]
    trained = Discriminator(base_channels=2).eval()
    losses = [RecompositionLoss(quality_weight=weight) for weight in (0.0, 5.0)]
    first, second = (validated(stage(loss, discriminator=trained).eval()) for loss in losses)
    assert second["unpaired"] > first["unpaired"]


def test_a_discriminator_scores_in_the_mode_asked_for() -> None:
    networks = [Discriminator(base_channels=2, normalization="batch") for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    image = torch.rand(2, 3, SIZE, SIZE, requires_grad=True)
    evaluated, trained = opinion(networks[0].eval(), image), opinion(networks[1].eval(), image, training=True)
    assert not torch.allclose(evaluated, trained)
    assert identity(networks[0]) != identity(networks[1])  # statistics of batch norm have moved
    torch.autograd.backward(trained.sum())
    assert image.grad is not None
    assert not gradients(networks[1])
    assert not networks[1].training


def test_a_recomposer_that_asks_for_it_sees_the_whole_image(tmp_path: Path) -> None:
    network = BoundedRecomposer(base_channels=2, hidden=4, dropout=0)
    module = stage(network=network)
    before = identity(network)
    fit(tmp_path, module)
    assert identity(network) != before
    low, thumbnail = torch.rand(2, 3, 16, 16) * 0.2, torch.rand(2, 3, 48, 48) * 0.2
    with torch.no_grad():
        bands, recomposed = module(low, thumbnail)
        preview = module.band(thumbnail, thumbnail).full
        assert torch.equal(recomposed.image, recompose_bands(network, bands, low, preview).image)
        assert not torch.equal(recomposed.image, module(low, 1 - thumbnail)[1].image)
