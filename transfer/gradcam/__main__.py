"""`python -m transfer.gradcam --model_path best.pth --input IMAGES --output FOLDER`: the support for each class."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from common.signals import keeping
from transfer.gradcam.config import GradCamConfig


@command(less_memory="lower --batch_size or --num_workers")
def main(argv: Sequence[str]) -> None:
    """Load the network; explain the images; write maps, sheets and numbers."""
    config = load_config(GradCamConfig, argv, prog="python -m transfer.gradcam").gradcam

    with (
        hold(config.folder, "--output"),
        keeping(f"interrupted: {config.folder} has maps of some images; start it again, which makes all of them"),
    ):
        from transfer.gradcam.explanation import Explanation  # now: --help needs no torch

        Explanation(config).run()


if __name__ == "__main__":
    sys.exit(main())
