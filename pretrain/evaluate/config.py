"""The settings of `python -m pretrain.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from common.config.network import EvaluateOptions


@dataclass(frozen=True)
class EvaluateConfig:
    """Score the reconstructions and the features of a trained autoencoder."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m pretrain.evaluate --model_path runs/ae",
        "python -m pretrain.evaluate --model_path runs/ae --split val",
        "python -m pretrain.evaluate --model_path ae.pth --data_dir photographs",
    )

    evaluate: EvaluateOptions = EvaluateOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        self.evaluate.check(phase="pretrain")
