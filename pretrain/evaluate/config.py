"""The settings of `python -m pretrain.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from common.config.network import EvaluateOptions
from common.run.exported import refuse_other_format


@dataclass(frozen=True)
class LookOptions(EvaluateOptions):
    """The autoencoder, the images that it is asked about, and the folder of the results."""

    split: Literal["train", "val", "test"] = "test"
    """Part of the data to look at."""
    classes: str | None = None
    """Classes of the masks, as in pretrain.main; default those of the training."""
    export_encoder: Path | None = None
    """File (.safetensors) for the encoder alone, by the names of its library."""

    @property
    def what(self) -> str:
        return self.split if self.data_dir is None else f"{self.data_dir.resolve().name}-{self.split}"


@dataclass(frozen=True)
class EvaluateConfig:
    """Score the reconstructions and the features of a trained autoencoder."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m pretrain.evaluate --model_path runs/ae",
        "python -m pretrain.evaluate --model_path runs/ae --split val",
        "python -m pretrain.evaluate --model_path ae.pth --data_dir photographs",
    )

    COMMON: ClassVar[Sequence[str]] = (
        "model_path",
        "data_dir",
        "split",
        "classes",
        "output_dir",
        "visualize_samples",
        "analyze_latent_space",
        "export_encoder",
        "report",
        "batch_size",
        "device",
    )

    evaluate: LookOptions = LookOptions()

    def check(self) -> None:
        """Raise UserError when no model is named, and for an export of another format."""
        self.evaluate.check(phase="pretrain")
        if self.evaluate.export_encoder is not None:
            refuse_other_format(self.evaluate.export_encoder)
