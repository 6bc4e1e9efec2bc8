"""The optimizer of a phase, and its learning rate at every update."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from common.config.groups import OptimizerConfig, TrainingConfig
from common.engine.budget import Course
from common.engine.schedule import cosine, poly, warmup


@dataclass(frozen=True)
class ParameterGroup:
    """Modules of a network with their own learning rate."""

    modules: Sequence[nn.Module]
    factor: float = 1.0
    """Learning rate, relative to --lr."""


def build_optimizer(
    parts: Sequence[ParameterGroup], training: TrainingConfig, plan: OptimizerConfig
) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum, Adam or AdamW over the parts; norms and biases have no weight decay.

    torch's fused kernels read each weight once: an update of Adam takes a quarter of the time.
    Every group has its part's relative rate as "factor", by which `common.engine.loop.Updater` multiplies the rate.
    """
    groups = [group for part in parts for group in _groups(part, training.weight_decay)]
    lr, momentum = training.lr, plan.momentum
    match plan.optimizer:
        case "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=lr, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr=lr, fused=True)


def _groups(part: ParameterGroup, weight_decay: float) -> list[dict[str, Any]]:
    """Split a part into parameters with weight decay (more than one dimension) and without (norms and biases)."""
    parameters = list(nn.ModuleList(part.modules).parameters())
    decaying = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": decaying, "weight_decay": weight_decay, "factor": part.factor},
        {"params": others, "weight_decay": 0.0, "factor": part.factor},
    ]


def rates(training: TrainingConfig, plan: OptimizerConfig, course: Course) -> Callable[[int], float]:
    """Return the function from an update to its learning rate: a linear warm-up times the schedule."""
    base, final = training.lr, plan.min_lr
    schedules: dict[str, Callable[[float], float]] = {
        "poly": lambda progress: poly(progress, base=base, power=plan.poly_power, final=final),
        "cosine": lambda progress: cosine(progress, base=base, final=final),
        "constant": lambda _: base,
    }
    falling = schedules[plan.schedule]

    def rate(update: int) -> float:
        return falling(course.progress(update)) * warmup(course.at(update + 1), over=plan.warmup_epochs)

    return rate
