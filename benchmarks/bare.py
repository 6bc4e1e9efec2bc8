"""What a training step costs at the least: the network without data, task and loss, and its convolutions alone."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.race import Times
from common.engine.precision import DTYPES, Precision

BARE, ALONE = "bare network", "convolutions alone"


def bare_step(network: nn.Module, precision: Precision, image: Tensor) -> Callable[[], None]:
    """An update of a network by the mean of its outputs."""
    placed = precision.place(network)

    def loss(image: Tensor) -> Tensor:
        outputs = placed(image)
        outputs = outputs.values() if isinstance(outputs, dict) else [outputs]
        return torch.stack([output.mean() for output in outputs]).sum()

    step = step_of(network.train(), loss)
    return lambda: step(image)


def step_of(network: nn.Module, loss: Callable[..., Tensor]) -> Callable[..., None]:
    """A step of a plain loop: the loss of a batch, its gradient, and an update by Adam."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step(*batch: Tensor) -> None:
        optimizer.zero_grad()
        loss(*batch).backward()
        optimizer.step()

    return step


@dataclass(frozen=True)
class _Call:
    """A convolution that a network ran."""

    layer: nn.Module
    image: Tensor
    output_gradient: Tensor

    def __call__(self) -> None:
        self.layer(self.image).backward(self.output_gradient)
        self.image.grad = None
        self.layer.zero_grad()


class Convolutions:
    """The convolutions of a network in training, forwards and backwards, with nothing in between.

    `work` is their number of operations in 1e9 an image; a product and its sum are two.
    """

    def __init__(self, network: nn.Module, precision: Precision, image: Tensor) -> None:
        self._calls: list[_Call] = []
        self._format = torch.autocast("cpu", dtype=DTYPES[precision.form], enabled=precision.form != "fp32")
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
        hooks = [layer.register_forward_hook(self._note) for layer in layers]
        precision.place(network)(image)
        for hook in hooks:
            hook.remove()
        with FlopCounterMode(display=False) as counter:
            self()
        self.work = counter.get_total_flops() / len(image) / 1e9

    def _note(self, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        image = inputs[0].detach().clone().requires_grad_(inputs[0].requires_grad)
        self._calls.append(_Call(layer, image, torch.rand_like(output)))

    def __call__(self) -> None:
        """Run each forwards and then backwards."""
        for call in self._calls:
            with self._format:
                call()


def floor(times: Times, work: float, *, against: str) -> str:
    """How fast the convolutions ran, and how fast they would have to run for 4 times the speed of `against`."""
    parts = [
        f"{work / statistics.median(seconds):.0f} GFLOP/s in {name.rsplit(maxsplit=1)[-1]}"
        for name, seconds in times.items()
        if name.startswith(ALONE)
    ]
    needed = work / (statistics.median(times[against]) / 4)
    return (
        f"The convolutions are {work:.2f} GFLOP an image, computed at {', '.join(parts)}. "
        f"4 times the speed of the {against} needs {needed:.0f} GFLOP/s, and nothing beside them."
    )
