"""What can be set when an autoencoder is scored."""

from dataclasses import dataclass

from common.config.network import EvaluateOptions


@dataclass(frozen=True)
class EvaluateConfig:
    """Score a trained autoencoder's reconstructions, and look at what its features know."""

    evaluate: EvaluateOptions = EvaluateOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        self.evaluate.check(phase="pretrain")
