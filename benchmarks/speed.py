"""Speed of training beside plain loops and segmentation_models_pytorch: `python -m benchmarks.speed` (or `make bench`).

Each recipe is trained by this project, by a plain loop with the same network and losses (`benchmarks.plain`), and by
the bare network, which has no data, no task and one sum for a loss (`benchmarks.bare`). They take turns in one process.
Losses are compared first. Prints Markdown tables of CPU time, which docs/performance.md holds.
"""

import argparse
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from functools import partial
from importlib.util import find_spec
from itertools import chain, count, islice, repeat
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

from benchmarks import plain
from benchmarks.bare import ALONE, BARE, Convolutions, bare_step, floor, step_of
from benchmarks.race import Contestant, Times, race, ratio, show, table
from common.config.load import load_config
from common.config.recipes import CONFIGS
from common.data.ragged import of_one_size
from common.data.synthetic.pets import synthetic_pets
from common.engine.loop import train_epoch
from common.engine.precision import BF16_UNITS
from common.run.claim import RunFolder
from pretrain.config import PretrainConfig
from pretrain.fixed_network import LATE_TAPS, TAPS
from pretrain.model import Autoencoder, TrainingForward
from pretrain.phase import Pretraining
from pretrain.picture import OFTEN
from pretrain.targets.features import FeatureTarget
from pretrain.targets.hog import HogTarget
from transfer.config import TransferConfig
from transfer.phase import Transfer

BATCH = 16
HALF = ["--widths", "16", "32", "64", "128", "256", "256"]
RECIPES: dict[str, list[str]] = {
    "default (hidden patches, HOG)": ["--perceptual_init", "own"],  # as where ImageNet's weights are not at hand
    "system A": ["--config", str(CONFIGS / "pretrain/system_a.yaml"), "--perceptual_init", "own"],
    "features": ["--config", str(CONFIGS / "pretrain/features.yaml"), "--perceptual_init", "own"],
}
PLAIN, LIBRARY = "plain loop", "segmentation_models_pytorch"
TOLERANCE = 1e-4
"""Largest relative difference of a loss of ours from the plain loop's, in fp32."""


class Speed:
    """The contestants, on drawn pets that lie in a folder as JPEG files."""

    def __init__(self, options: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self.options, self.folder, self.stack = options, folder, stack
        self.images = _draw(folder / "data", options.images)
        self.weights = folder / "mobilenet_v2.pth"
        torch.save(mobilenet_v2(weights=None).state_dict(), self.weights)
        self.flags = ["--data_dir", str(folder / "data"), "--device", "cpu", "--num_workers", "1"]
        self.flags += ["--cache_dir", str(folder / "cache"), "--image_size", str(options.image_size)]
        self.flags += ["--batch_size", str(BATCH), "--no_report"]
        self.formats = ["fp32", *["bf16"] * any(torch.cpu.get_capabilities().get(unit, False) for unit in BF16_UNITS)]

    def pretraining(self, recipe: str) -> list[Contestant]:
        """This project in each format, the plain loop, and the bare network, which all begin with the same weights."""
        words = [*RECIPES[recipe], *HALF, "--perceptual_weights_path", str(self.weights)]
        phases = {form: self._phase(Pretraining, PretrainConfig, words, form) for form in self.formats}
        for phase in phases.values():
            _move(phase.model)
        first = phases["fp32"]
        model = deepcopy(first.model).to(memory_format=torch.contiguous_format)
        loss = _plain_loss(model, first, self.weights)
        _compare(first, loss, model)
        bare = self._bare({form: TrainingForward(deepcopy(phase.model)) for form, phase in phases.items()}, phases)
        kept = self._kept(words, first) if isinstance(first.objective.target, FeatureTarget) else []
        batches = plain.forever(plain.Pictures(self.images, self.options.image_size), BATCH)
        return [
            Contestant(PLAIN, self._turns(step_of(model, loss), ((image,) for image, _ in batches))),
            *(Contestant(f"ours, {form}", self._ours(phase)) for form, phase in phases.items()),
            *kept,
            *bare,
        ]

    def _kept(self, words: list[str], like: Pretraining) -> list[Contestant]:
        """This project with the teacher's maps kept, which are made before times are taken."""
        form = self.formats[-1]
        phase = self._phase(Pretraining, PretrainConfig, [*words, "--teacher_cache", "4"], form)
        phase.model.load_state_dict(like.model.state_dict())
        phase._keep_maps()
        return [Contestant(f"ours, {form}, teacher's maps kept", self._ours(phase))]

    def transfer(self) -> list[Contestant]:
        """This project with MobileNetV2, and segmentation_models_pytorch, whose decoder is another."""
        from segmentation_models_pytorch import Unet

        words = ["--classes", str(self.folder / "data/classes.yaml"), "--encoder", "mobilenet_v2"]
        words += ["--encoder_weights", "none", "--freeze_epochs", "0"]
        phases = {form: self._phase(Transfer, TransferConfig, words, form) for form in self.formats}
        pictures = plain.Pictures(self.images, self.options.image_size, masks=True)
        library = []
        for name, fast in {LIBRARY: False, f"{LIBRARY}, channels-last and bf16": True}.items():
            if fast and "bf16" not in self.formats:
                continue
            network = Unet("mobilenet_v2", encoder_weights=None, classes=3).train()
            network.to(memory_format=torch.channels_last if fast else torch.contiguous_format)
            step = step_of(network, partial(plain.segmentation_loss, network, fast=fast))
            turn = self._turns(step, plain.forever(pictures, BATCH))
            library.append(Contestant(name, turn))
        if find_spec("lightning"):
            from benchmarks.trainer import lightning_turn

            turn = lightning_turn(pictures, BATCH, self.options.updates)
            library.append(Contestant(f"{LIBRARY} by Lightning", turn))
        else:
            print("Lightning is left out: pip install -c constraints.txt -e '.[bench]'")
        ours = [Contestant(f"ours, {form}", self._ours(phase)) for form, phase in phases.items()]
        bare = self._bare({form: deepcopy(phase.net) for form, phase in phases.items()}, phases)
        return [*library, *ours, *bare]

    def show(self, heading: str, times: Times, *, against: str) -> None:
        """Print the table of a race, what the loop adds to the bare network, and what the convolutions allow."""
        loop = [
            f"The step takes {ratio(times[f'ours, {form}'], times[f'{BARE}, {form}'])} times as long as {BARE}, {form}."
            for form in self.formats
        ]
        show(heading, [*table(times, against=against), "", *loop, floor(times, self.work, against=against)])

    def _phase(self, kind: type, config_class: type, words: Sequence[str], form: str):
        folder = self.folder / f"run-{len(list(self.folder.glob('run-*')))}"
        flags = [*self.flags, *words, "--precision", form, "--output_dir", str(folder)]
        flags += ["--compile"] * self.options.compile
        config = load_config(config_class, flags, prog="benchmarks.speed")
        held = self.stack.enter_context(RunFolder("benchmark", config))
        return kind(config, held)

    def _ours(self, phase: Pretraining | Transfer) -> Callable[[], int]:
        batches = chain.from_iterable(phase.batches.epoch(epoch) for epoch in count())
        updater = phase._updater()
        updater.model.train()
        if isinstance(phase, Pretraining) and phase.painter is not None:
            phase.painter.update = OFTEN  # as in a training that is under way

        def turn() -> int:
            some = list(islice(batches, self.options.updates))  # the last of a pass over the images is smaller
            train_epoch(phase.step, some, updater)
            return sum(map(len, some))

        return turn

    def _turns(self, step: Callable[..., None], batches: Iterator) -> Callable[[], int]:
        def turn() -> int:
            for batch in islice(batches, self.options.updates):
                step(*batch)
            return self.options.updates * BATCH

        return turn

    def _bare(self, networks: dict[str, nn.Module], phases: Mapping[str, Pretraining | Transfer]) -> list[Contestant]:
        """The network alone, and its convolutions alone, in each format."""
        image = torch.rand(BATCH, 3, self.options.image_size, self.options.image_size)
        steps: dict[str, Callable[[], None]] = {}
        for form, network in networks.items():
            steps[f"{BARE}, {form}"] = bare_step(network, phases[form].precision, image)
        for form, network in networks.items():
            steps[f"{ALONE}, {form}"] = convolutions = Convolutions(network, phases[form].precision, image)
            self.work = convolutions.work
        return [Contestant(name, self._turns(step, repeat(()))) for name, step in steps.items()]


def _draw(folder: Path, number: int) -> list[Path]:
    """Drawn pets as files of 256 pixels a side."""
    pets = synthetic_pets(number, 256, seed=0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for key, image, mask in zip(pets.keys, of_one_size(pets.images), of_one_size(pets.masks), strict=True):
        cv2.imwrite(str(folder / f"images/{key}.jpg"), image[..., ::-1])
        cv2.imwrite(str(folder / f"masks/{key}.png"), mask)
    (folder / "classes.yaml").write_text("names: [background, cat, dog]\nvalues: {0: 0, 1: 1, 2: 2, 255: ignore}\n")
    return sorted((folder / "images").iterdir())


def _plain_loss(model: Autoencoder, phase: Pretraining, weights: Path) -> Callable[[Tensor], Tensor]:
    """The loss of a batch by the plain functions; the task is drawn as ours is."""
    target = phase.objective.target
    match target:
        case FeatureTarget():
            slow = deepcopy(target)
            slow.teacher.network = plain.Taps(weights, LATE_TAPS)  # pyright: ignore[reportAttributeAccessIssue]
            return lambda image: plain.distilled_loss(model, phase.tasks.make_task(image), slow)
        case HogTarget():
            mean, variance = target.mean, target.variance
            return lambda image: plain.masked_loss(model, phase.tasks.make_task(image), mean=mean, variance=variance)
        case _:
            taps = plain.Taps(weights, TAPS)
            return lambda image: plain.autoencoder_loss(model, image, taps)


def _compare(phase: Pretraining, loss: Callable[[Tensor], Tensor], model: nn.Module) -> None:
    """Exit unless both losses of a batch are equal; dropout is off, and the weights are left as they are."""
    image = next(iter(phase.batches.epoch(0))).image
    found = []
    for one in (lambda: phase.objective(phase.network, phase.tasks.make_task(image))["loss"], lambda: loss(image)):
        torch.manual_seed(0)
        for network in (phase.model, model):
            _no_dropout(network.train())
        found.append(one().item())
    ours, theirs = found
    if abs(ours - theirs) > TOLERANCE * abs(theirs):
        raise SystemExit(f"the losses differ: ours {ours}, the plain loop's {theirs}")
    print(f"loss of a batch: ours {ours:.6f}, the plain loop's {theirs:.6f}")


@torch.no_grad()
def _move(network: nn.Module) -> None:
    """Away from the start, where the last layers are zeros and every target costs the same."""
    random = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        weight.add_(0.02 * torch.randn(weight.shape, generator=random))


def _no_dropout(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, nn.Dropout2d):
            part.eval()


def main() -> None:
    """Race the contestants of every recipe, and of phase 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image_size", type=int, default=128)
    parser.add_argument("--images", type=int, default=200, help="number of drawn pets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=2, help="in each turn")
    parser.add_argument("--quick", action="store_true", help="three rounds of one update")
    parser.add_argument("--compile", action="store_true", help="compile our networks")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.updates = 3, 1
    torch.set_num_threads(options.threads)
    capability = torch.backends.cpu.get_cpu_capability()
    print(f"{platform.processor() or platform.machine()}, {capability}, torch {torch.__version__}, ", end="")
    print(f"{options.threads} threads, {options.image_size} pixels, batches of {BATCH}")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        speed = Speed(options, Path(folder), stack)
        for recipe in RECIPES:
            times = race(speed.pretraining(recipe), rounds=options.rounds)
            speed.show(f"Phase 1, {recipe}, half widths", times, against=PLAIN)
        times = race(speed.transfer(), rounds=options.rounds)
        speed.show("Phase 2, MobileNetV2", times, against=LIBRARY)


if __name__ == "__main__":
    main()
