"""A training step of stage 1 beside the released code's, or an epoch of any stage as a user trains it.

    python benchmarks/training.py --peer PATH/TO/RELEASED_CODE --weights PATH/official_stage1.pt
    python benchmarks/training.py --curves
    python benchmarks/training.py --epoch quality data.length=64

A step is forward, loss, backward and Adam, on the same images and from the same weights in turn. With `--peer` a
checkout of the released code takes part; its loss and its gradients must agree with ours. `--curves` varies pixels,
batch, recursions and threads. `--epoch` trains with the built-in data and the networks that come with the package; what
follows are overrides as for `drbn_lightning.train`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import measuring
import peer
import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.artifact import load as load_artifact
from drbn_lightning.checkpoints.official import name_map
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.precision import has_native_bfloat16
from drbn_lightning.losses.band import BandLoss
from drbn_lightning.networks.drbn import DRBN

CURVES: dict[str, tuple[int, ...]] = {"size": (64, 96, 128, 192), "batch": (1, 2, 4, 8), "recursions": (1, 2, 3, 4)}
CURVES["threads"] = (1, 2, 4, 8, 16)
SMALL = {"size": 96, "batch": 2, "recursions": 4}
"""What stays while another thing varies."""
MOST_APART = 1e-3
"""How far loss and gradients may be from the released code's, of the largest one: both round."""


def main() -> int:
    """Measure what the command line says."""
    return measuring.run(build_parser(), measure)


def measure(options: argparse.Namespace) -> None:
    """Measure one of the three."""
    if options.epoch is not None:
        epoch(options)
    elif options.curves:
        curves(options)
    else:
        steps(options)


def steps(options: argparse.Namespace) -> None:
    """A step of stage 1, with the released code's first where there is a checkout."""
    low, normal = images(options.batch, options.size, options.device)
    ways: dict[str, Callable[[], Tensor]] = {}
    notes: list[str] = []
    state = None if options.weights is None else load_artifact(options.weights, "band").network.state_dict()
    if options.peer is not None:
        if options.weights is None:
            raise DRBNError("--peer needs --weights, the official weights of stage 1, to compare the results")
        network, loss = peer.released_network(options.peer, options.weights), peer.released_loss(options.peer)
        network.to(options.device)
        notes = [agreement(network, lambda: peer.released_step(network, loss, low, normal), state, low, normal)]
        ways["released code"] = stepping(network, lambda: peer.released_step(network, loss, low, normal))
    ways["ours"] = own_step(low, normal, state)
    if options.device.startswith("cuda") or has_native_bfloat16():
        ways["ours, bfloat16"] = own_step(low, normal, state, bfloat16=True)
    seconds = measuring.in_turn(ways, options.rounds, options.clock, options.device)
    measuring.report("training_step", options, measuring.figures(seconds), *notes)


def images(batch: int, size: int, device: str) -> tuple[Tensor, Tensor]:
    """Dark images of noise and targets, `(N, 3, H, W)`."""
    drawn = torch.rand(2, batch, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    return 0.2 * drawn[0], drawn[1]


def stepping(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A step of Adam, as both codes have it; the rate is too small to leave the weights."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-8)

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return value.detach()

    return step


def own_step(
    low: Tensor, normal: Tensor, state: dict[str, Tensor] | None = None, *, bfloat16: bool = False, recursions: int = 4
) -> Callable[[], Tensor]:
    """A step as `stage=band` trains, in channels-last order, with the released code's loss and first guess."""
    network, loss = own(low, state, recursions)
    ordered = low.contiguous(memory_format=torch.channels_last)

    def value() -> Tensor:
        with torch.autocast(low.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            bands = network(ordered)
        found: Tensor = loss(bands, normal)["loss"]
        return found

    return stepping(network, value)


def own(low: Tensor, state: dict[str, Tensor] | None, recursions: int = 4) -> tuple[nn.Module, BandLoss]:
    """Our network and the released code's loss."""
    torch.manual_seed(0)
    network = DRBN(recursions=recursions, first_guess="input")
    if state is not None:
        network.load_state_dict(state)
    return network.to(low.device, memory_format=torch.channels_last), BandLoss(1.0, 1.0, "stride")


def agreement(
    released: nn.Module, theirs: Callable[[], Tensor], state: dict[str, Tensor] | None, low: Tensor, normal: Tensor
) -> str:
    """How far loss and gradients are apart.

    Raises:
        DRBNError: further than `MOST_APART`.
    """
    network, loss = own(low, state)
    value = loss(network(low.contiguous(memory_format=torch.channels_last)), normal)["loss"]
    ours = dict(zip(names(network), torch.autograd.grad(value, list(network.parameters())), strict=True))
    other = theirs()
    expected = dict(zip(names(released), torch.autograd.grad(other, list(released.parameters())), strict=True))
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    apart = max(float((ours[mine] - expected[name]).abs().max()) for name, mine in name_map().items()) / largest
    losses = abs(float(value.detach()) - float(other.detach()))
    if not max(apart, losses) <= MOST_APART:
        raise DRBNError(f"the released step is another one: losses differ by {losses:.1e}, gradients by {apart:.1e}")
    return f"losses differ by {losses:.1e}, gradients by {apart:.1e} of the largest"


def names(network: nn.Module) -> list[str]:
    """Names of the parameters, in their order."""
    return [name for name, _ in network.named_parameters()]


def curves(options: argparse.Namespace) -> None:
    """Seconds of a step over pixels, batch, recursions and threads, one varied at a time."""
    results: dict[str, list[float]] = {}
    threads = torch.get_num_threads()
    for name, values in CURVES.items():
        for value in values if name != "threads" else [value for value in values if value <= threads]:
            chosen = SMALL | ({} if name == "threads" else {name: value})
            torch.set_num_threads(value if name == "threads" else threads)
            low, normal = images(chosen["batch"], chosen["size"], options.device)
            way = {f"{name} {value}": own_step(low, normal, recursions=chosen["recursions"])}
            results |= measuring.in_turn(way, options.rounds, options.clock, options.device)
    torch.set_num_threads(threads)
    measuring.report("training_curves", options, measuring.figures(results))


def epoch(options: argparse.Namespace) -> None:
    """Seconds of each epoch of a stage, and of its steps, as a user trains it."""
    import pytorch_lightning as pl
    from hydra import compose, initialize_config_module

    from drbn_lightning.assembly import build_experiment
    from drbn_lightning.checkpoints.pretrained import pretrained_path

    class Watch(pl.Callback):
        """Notes when steps and epochs end."""

        def __init__(self) -> None:
            self.steps, self.epochs = list[float](), list[float]()
            self._began = self._last = time.perf_counter()

        def on_train_epoch_start(self, *_: object) -> None:
            self._began = self._last = time.perf_counter()

        def on_train_batch_end(self, *_: object) -> None:
            now = time.perf_counter()
            self.steps.append(now - self._last)
            self._last = now

        def on_train_epoch_end(self, *_: object) -> None:
            self.epochs.append(time.perf_counter() - self._began)

    with tempfile.TemporaryDirectory() as folder:
        uses = [f"uses.band={pretrained_path('band')}"] if options.epoch != "band" else []
        words = [
            f"stage={options.epoch}",
            *uses,
            f"paths.output_dir={folder}",
            "logger=none",
            "callbacks.progress=null",
        ]
        words += [f"paths.cache={folder}/cache", f"trainer.max_epochs={options.rounds}", *options.overrides]
        with initialize_config_module("drbn_lightning.conf", version_base="1.3"):
            config = compose("train", overrides=words)
        experiment = build_experiment(config, options.epoch, words)
        watch = Watch()
        experiment.trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        experiment.trainer.fit(experiment.stage, datamodule=experiment.data)
    results = {"epoch": watch.epochs}
    measuring.report("training_epoch", options, measuring.figures(results), step_note(watch.steps))


def step_note(steps: list[float]) -> str:
    """What is to be said of the steps, the first one apart."""
    later = sorted(steps[1:]) or steps
    return f"a step: median {later[len(later) // 2]:.3f} s, {later[0]:.3f} to {later[-1]:.3f}; the first {steps[0]:.3f}"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--peer", type=Path, metavar="PATH", help="a checkout of the released code, to run beside")
    add("--weights", type=Path, metavar="FILE", help="official weights of stage 1, for both")
    add("--size", type=int, default=256, help="side of the crops in pixels (256)")
    add("--batch", type=int, default=4, help="crops a step (4)")
    add("--curves", action="store_true", help="vary pixels, batch, recursions and threads instead")
    add("--epoch", choices=("band", "quality", "recompose"), help="train a stage for `--rounds` epochs instead")
    add("overrides", nargs="*", metavar="key=value", help="of --epoch, as for a training")
    measuring.common(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
