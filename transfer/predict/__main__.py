"""`python -m transfer.predict --model_path best.pth --input IMAGES --output FOLDER`: a mask for every image."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from common.signals import keeping
from transfer.predict.config import PredictConfig


@command(less_memory="lower --batch_size or --num_workers")
def main(argv: Sequence[str]) -> None:
    """Load the network; segment the images; write masks and overlays."""
    config = load_config(PredictConfig, argv, prog="python -m transfer.predict").predict

    with (
        hold(config.folder, "--output"),
        keeping(f"interrupted: finished masks are kept in {config.folder}; start it again for the others"),
    ):
        from common.data.opened import read_up_to  # now: --help needs no torch
        from transfer.predict.shared import prediction_of

        with read_up_to(config.max_pixels):
            prediction_of(config).run()


if __name__ == "__main__":
    sys.exit(main())
