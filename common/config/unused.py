"""Settings of a command line that have no effect beside others."""

from collections.abc import Iterable, Iterator, Sequence

from common.config.groups import OptimizerConfig
from common.config.renames import renames

Foreign = tuple[str, Iterable[str]]
"""Why settings have no effect, and their names."""


def without_effect(kind: type, words: Sequence[str], foreign: Iterable[Foreign]) -> list[str]:
    """A sentence for each reason why flags among the words have no effect, whichever way they are spelt."""
    typed, sentences = {word.partition("=")[0] for word in renames(kind).flags(words)}, []
    for why, names in foreign:
        if said := [f"--{name}" for name in names if typed & {f"--{name}", f"--no_{name}"}]:
            sentences.append(f"{', '.join(said)} without effect: {why}")
    return sentences


def of_optimizer(optim: OptimizerConfig) -> Iterator[Foreign]:
    """The settings of other optimizers and schedules than the chosen ones."""
    if optim.optimizer != "sgd":
        yield f"--optimizer is {optim.optimizer}", ["momentum"]
    if optim.schedule != "poly":
        yield f"--schedule is {optim.schedule}", ["poly_power"]
    if optim.schedule == "constant":
        yield "--schedule is constant", ["min_lr"]
