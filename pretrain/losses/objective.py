"""What an update minimises: the error of the target and those of the side objectives."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.engine.precision import Format, Placed, lowered
from common.tensors import at_least_float32
from pretrain.losses.perceptual import PerceptualTerm
from pretrain.losses.side_objective import SideObjective
from pretrain.pretexts.task import Task
from pretrain.targets.target import Target, Terms


class Objective(nn.Module):
    """The pretraining loss: a regression target plus weighted side objectives. Without a target (`target=None`) only
    these are trained.
    """

    def __init__(self, target: Target | None, side: Sequence[SideObjective | PerceptualTerm] = ()) -> None:
        super().__init__()
        assert target is not None or side, "nothing is minimised"
        self.target, self.side = target, nn.ModuleList(side)

    def forward(self, network: nn.Module, task: Task) -> Terms:
        """The terms by name; "loss" is the one that is minimised. Float32 at the least, under autocast too.

        `network` is a `TrainingForward`. Where it is placed in a number format, fixed networks compute in that, too.
        """
        other, other_foreground = task.other or (None, None)
        hidden = {"visible": task.visible, "everywhere": task.everywhere}
        more = {"foreground": task.foreground, "other": other, "other_foreground": other_foreground}
        outputs = network(task.seen, keep=task.keep, **hidden, **more)
        form: Format = network.precision.form if isinstance(network, Placed) else "fp32"
        with torch.autocast(task.image.device.type, enabled=False), lowered(self, form):
            return self._terms({name: at_least_float32(output) for name, output in outputs.items()}, task)

    def _terms(self, outputs: dict[str, Tensor], task: Task) -> Terms:
        terms = self.target.terms(outputs, task) if self.target is not None else {}
        for part in self.side:
            assert isinstance(part, SideObjective | PerceptualTerm)
            terms[part.name] = part.error(outputs, task)
            terms["loss"] = terms.get("loss", 0) + part.weight * terms[part.name]
        return terms
