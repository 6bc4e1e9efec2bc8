"""The settings of `python -m pretrain.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from common.config.network import EvaluateOptions


@dataclass(frozen=True)
class LookOptions(EvaluateOptions):
    """The autoencoder, the images that it is asked about, and the folder of the results."""

    split: Literal["train", "val", "test"] = "test"
    """Part of the data to look at."""

    @property
    def what(self) -> str:
        return self.split


@dataclass(frozen=True)
class EvaluateConfig:
    """Score the reconstructions and the features of a trained autoencoder."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m pretrain.evaluate --model_path runs/ae",
        "python -m pretrain.evaluate --model_path runs/ae --split val",
        "python -m pretrain.evaluate --model_path ae.pth --data_dir photographs",
    )

    evaluate: LookOptions = LookOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        self.evaluate.check(phase="pretrain")
