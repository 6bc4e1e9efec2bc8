"""`python -m transfer.predict --model_path best.pth --input IMAGES --output FOLDER`: a mask for every image."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from transfer.predict.config import PredictConfig


@command
def main(argv: Sequence[str]) -> None:
    """Load the network; segment the images; write masks and overlays."""
    config = load_config(PredictConfig, argv, prog="python -m transfer.predict").predict

    from transfer.predict.prediction import Prediction  # after the flags: --help answers without importing torch

    Prediction(config).run()


if __name__ == "__main__":
    sys.exit(main())
